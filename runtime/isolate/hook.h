// SPDX-License-Identifier: Apache-2.0
// Runs the programs that a container's configuration wants at points of its life. config.md "POSIX-platform Hooks"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

// The environment of hooks that have none of their own: NAME=VALUE, this process's.
std::vector<std::string> own_environment();

// One after the other, in the caller's namespaces, with `state` on their standard input and what they print on the
// caller's. Stops at the first that fails: "error running prestart hook #0: /bin/x: prestart hook failed with exit code
// 3", also when it takes longer than its timeout and is killed. Waits for its own children only.
Result<void> run_hooks(std::string_view name, const std::vector<spec::Hook>& hooks, std::string_view state);

// Of a status of wait(2) that is not 0: "failed with exit code 3", "was killed by signal 31 (bad system call)".
std::string how_it_ended(int status);

}  // namespace plimsoll::isolate
