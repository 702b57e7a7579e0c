// SPDX-License-Identifier: Apache-2.0
// spec: a configuration to begin with.
#include <fcntl.h>
#include <unistd.h>

#include "base/cgroup/layout.h"
#include "runtime/oci/command.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {
namespace {

enum Key { kRootless = 256 };
constexpr Option kOptions[] = {{'b', "bundle", "DIR", "Where to write config.json (.)"},
                               {'f', "file", "NAME", "Another name for it"},
                               {kRootless, "rootless", "", "For a caller without privileges"}};

// As runc and crun: with v1 hierarchies a container sees the names of its groups, unless it is configured otherwise.
std::string default_config(const HostRoots& host) {
  std::string text(spec::default_config());
  const auto layout = cgroup::detect_layout(host.cgroup);
  if (layout && layout->mode == cgroup::Mode::kV2) return text;
  constexpr std::string_view kCgroupNamespace = ",\n      {\"type\": \"cgroup\"}";
  if (const size_t at = text.find(kCgroupNamespace); at != text.npos) text.erase(at, kCgroupNamespace.size());
  return text;
}

Result<int> run(Context& context, const Words& words) {
  const std::string_view name = words.value('f', "config.json");
  const std::string path =
      name.starts_with('/') ? std::string(name) : std::string(words.value('b', ".")) + "/" + std::string(name);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file && errno == EEXIST) return fail(path + " exists already: remove it first");
  if (!file) return fail_errno(path);
  const std::string text =
      words.flag(kRootless) ? spec::rootless_config(::geteuid(), ::getegid()) : default_config(context.host);
  auto written = write_all(file.get(), text);
  if (written) return 0;
  ::unlink(path.c_str());
  return unexpected(written.error().within(path));
}

}  // namespace

const Command spec_command = {{"spec", "", "Write a configuration to begin with", kOptions, 0, 0}, run};

}  // namespace plimsoll::oci
