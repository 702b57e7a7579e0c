// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/monitor_command.h"

#include <cstdio>
#include <string>

#include "base/cgroup/layout.h"
#include "runtime/container/monitor.h"

namespace plimsoll::oci {
namespace {

struct Arguments {
  container::StateRoots roots;
  container::MonitorOptions options;
  std::string cgroup_root = HostRoots{}.cgroup;
};

int usage_error(const char* word) {
  std::fprintf(stderr, "plimsoll-oci: monitor: '%s' is not understood: this command is for plimsoll run only\n", word);
  return 2;
}

// The words after "monitor". Returns the one that is wrong, or nullptr.
const char* parse_monitor(char** words, Arguments& result) {
  for (; *words != nullptr; ++words) {
    const std::string word = *words;
    const bool has_value = words[1] != nullptr;
    if (word == "--root" && has_value) {
      result.roots.root = *++words;
    } else if (word == "--runroot" && has_value) {
      result.roots.runroot = *++words;
    } else if (word == "--cgroup-root" && has_value) {
      result.cgroup_root = *++words;
    } else if (word == "--attached") {
      result.options.attached = true;
    } else if (word == "--interactive") {
      result.options.interactive = true;
    } else if (word.starts_with('-') || !result.options.id.empty()) {
      return *words;
    } else {
      result.options.id = word;
    }
  }
  return result.options.id.empty() ? "monitor" : nullptr;
}

}  // namespace

int run_monitor_command(char** words) {
  Arguments arguments;
  if (const char* wrong = parse_monitor(words, arguments)) return usage_error(wrong);
  auto layout = cgroup::detect_layout(arguments.cgroup_root);
  if (!layout) {
    std::fprintf(stderr, "plimsoll-oci: %s\n", layout.error().message().c_str());
    return 1;
  }
  HostRoots host;
  host.cgroup = arguments.cgroup_root;
  const container::Engine engine{container::Store(arguments.roots), host, std::move(*layout)};
  return container::run_monitor(engine, arguments.options);
}

}  // namespace plimsoll::oci
