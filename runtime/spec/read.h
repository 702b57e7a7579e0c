// SPDX-License-Identifier: Apache-2.0
// JSON to the structs of spec.h, checked. runtime-spec 1.3: config.md, config-linux.md
//
// Errors name the member: "linux.resources.memory.limit: must be a number". Unknown members are ignored, as the
// specification asks. What it says shall only be warned about (a capability that does not exist) is a warning.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::spec {

// At most this much of a file is looked at (bytes).
inline constexpr size_t kLargestConfig = 16 * 1024 * 1024;

using Warnings = std::vector<std::string>;

// A whole config.json. Checked: every name, number and path is one that could work; namespaces at most once each; what
// needs a namespace has it (hostname without uts, sysctls outside their namespaces, mappings without user).
// `process` may be absent (then only `create` and `delete` are possible).
Result<Spec> read_spec(std::string_view json, Warnings& warnings);
// A process alone, as `exec --process` takes it.
Result<Process> read_process(std::string_view json, Warnings& warnings);
// linux.resources alone, as `update --resources` takes it.
Result<Resources> read_resources(std::string_view json, Warnings& warnings);

// What `spec` prints: a container with all namespaces but user, Docker's usual mounts, masked paths and
// capabilities, running `sh` on a terminal. Also what `plimsoll run` starts from.
std::string_view default_config();
// The same for a caller without privileges: a user namespace that maps `uid` and `gid` to root.
std::string rootless_config(uint32_t uid, uint32_t gid);

// Names <-> numbers, shared with the command line and with `features`. nullopt for an unknown one.
std::optional<int> capability_number(std::string_view name);  // "CAP_CHOWN", also "chown"
std::string capability_name(int number);                      // "CAP_CHOWN"
std::optional<int> rlimit_number(std::string_view name);      // "RLIMIT_NOFILE"
std::string_view rlimit_name(int resource);
std::optional<int> signal_number(std::string_view name);  // "SIGTERM", "TERM", "term", "15", "RTMIN+1"

}  // namespace plimsoll::spec
