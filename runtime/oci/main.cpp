// SPDX-License-Identifier: Apache-2.0
// plimsoll-oci: for now only the monitor of one container (container/monitor.h), started by
// `plimsoll run`; not for use by hand. Static, so that it starts in a fraction of a millisecond and
// its text is shared by all monitors.
#include <cstdio>
#include <cstring>
#include <string>

#include "base/cgroup/layout.h"
#include "runtime/container/monitor.h"

namespace plimsoll {
namespace {

struct Arguments {
  container::StateRoots roots;
  container::MonitorOptions options;
  std::string cgroup_root = HostRoots{}.cgroup;
};

int usage_error(const char* word) {
  std::fprintf(stderr, "plimsoll-oci: '%s' is not understood: only --version and what 'plimsoll run' uses exist yet\n",
               word);
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

int monitor(char** words) {
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

}  // namespace
}  // namespace plimsoll

int main(int argc, char** argv) {
  if (argc < 2) return plimsoll::usage_error("");
  if (std::strcmp(argv[1], "--version") == 0 || std::strcmp(argv[1], "-v") == 0) {
    std::puts("plimsoll-oci version " PLIMSOLL_VERSION);
    return 0;
  }
  if (std::strcmp(argv[1], "monitor") == 0) return plimsoll::monitor(argv + 2);
  return plimsoll::usage_error(argv[1]);
}
