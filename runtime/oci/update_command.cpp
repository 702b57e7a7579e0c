// SPDX-License-Identifier: Apache-2.0
// update: other limits for a container that exists.
#include "runtime/oci/bundle.h"
#include "runtime/oci/cgroups.h"
#include "runtime/oci/command.h"
#include "runtime/oci/update_options.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {
namespace {

Result<spec::Resources> wanted(Context& context, const Words& words) {
  if (!words.has('r')) return resources_of(words);
  const std::string file(words.value('r'));
  auto text = read_config_file(file);
  if (!text) return unexpected(text.error());
  spec::Warnings warnings;
  auto resources = spec::read_resources(*text, warnings);
  for (const std::string& warning : warnings) context.log.warn(warning);
  if (!resources) return unexpected(resources.error().within(file));
  return resources;
}

Result<int> run(Context& context, const Words& words) {
  auto container = Container::open(context.root, words.arguments[0]);
  if (!container) return unexpected(container.error());
  auto resources = wanted(context, words);
  if (!resources) return unexpected(resources.error());
  auto lock = container->lock();
  if (!lock) return unexpected(lock.error());
  if (container->status(context.host.proc) == Status::kStopped) {
    return fail("container not running: \"" + container->id() + "\"");
  }
  if (auto done = update_group(container->record(), *resources, context.host); !done) return unexpected(done.error());
  return 0;
}

}  // namespace

const Command update_command = {{"update", "ID", "Change the limits of a container", kUpdateOptions, 1, 1}, run};

}  // namespace plimsoll::oci
