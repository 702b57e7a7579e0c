// SPDX-License-Identifier: Apache-2.0
// The flags of `plimsoll agent` about containers: which of them, which of their families, which labels,
// and where their engines keep their files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "collectors/container/collector.h"

namespace CLI {
class App;
}

namespace plimsoll::agent {

// The words as they were given; `options` takes what needs no check. CLI11 keeps pointers to the members.
struct ContainerWords {
  collectors::container::Options options;
  std::string retention, max_series, max_family_series, docker;
  std::vector<std::string> disabled_kinds, enabled_kinds;  // comma-separated lists, as the following
  std::vector<std::string> labels, raw_prefixes, env, docker_env, containerd_env;
  bool percpu = true, load_reader = false, no_root_group = false;
};

void declare_container_flags(CLI::App& app, ContainerWords& words);

// After parsing. `notices`: what was accepted without effect is added. Error: flag, what is wrong, remedy.
Result<collectors::container::Options> container_options(const CLI::App& app, const ContainerWords& words,
                                                         std::vector<std::string>& notices);

// For --help: every kind with a star where it is on without any flag.
std::string kinds_help();

}  // namespace plimsoll::agent
