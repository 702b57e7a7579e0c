// SPDX-License-Identifier: Apache-2.0
// create: everything but the program. runtime.md "Create"
#include "runtime/oci/command.h"
#include "runtime/oci/create_options.h"

namespace plimsoll::oci {
namespace {

constexpr Option kOptions[] = {kBundleOption,      kConfigOption,      kConsoleSocketOption, kPidFileOption,
                               kPidfdSocketOption, kPreserveFdsOption, kNoPivotOption,       kNoNewKeyringOption};

Result<int> run(Context& context, const Words& words) {
  auto options = creation_options(words);
  if (!options) return unexpected(options.error());
  options->waits_for_start = true;
  options->io.detach = true;
  Creation creation(context, words.arguments[0], *options);
  const auto result = creation.run();
  if (const auto* failed = std::get_if<isolate::LaunchError>(&result)) return unexpected(failed->error);
  return 0;
}

}  // namespace

Result<CreationOptions> creation_options(const Words& words) {
  CreationOptions options;
  options.bundle = words.value('b', ".");
  options.config = words.value('f', "config.json");
  options.pid_file = words.value(kPidFile);
  options.pidfd_socket = words.value(kPidfdSocket);
  options.io.console_socket = words.value(kConsoleSocket);
  options.no_pivot = words.flag(kNoPivot);
  options.no_new_keyring = words.flag(kNoNewKeyring);
  auto count = parse_descriptor_count(words.value(kPreserveFds, "0"));
  if (!count) return unexpected(count.error());
  options.preserve_fds = *count;
  return options;
}

const Command create_command = {{"create", "ID", "Make a container that waits for start", kOptions, 1, 1}, run};

}  // namespace plimsoll::oci
