// SPDX-License-Identifier: Apache-2.0
// What every command on containers begins and ends with.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/command.h"
#include "base/result.h"
#include "runtime/container/reconcile.h"

namespace plimsoll::agent {

// Error when the machine has no cgroups.
Result<container::Engine> open_engine(const GlobalOptions& globals);

// Prints "plimsoll: MESSAGE" to standard error and returns `exit_code`.
int complain(int exit_code, const std::string& message);

// The container that `reference` (name, id, beginning of an id) means, as it is now. Error "no such
// container: X".
Result<container::Container> find(const container::Engine& engine, const std::string& reference);

// Its init, for signals. Error "container NAME is not running".
Result<UniqueFd> open_init(const container::Engine& engine, const container::Container& container);

// Does `act` for each reference and goes on after an error; 0 when all went well, else 1.
int for_each(const container::Engine& engine, const std::vector<std::string>& references,
             const std::function<Result<void>(container::Container& container, const std::string& reference)>& act);

// Keeps what ended containers leave behind bounded when no agent does: folds final records that are
// older than the retention into the totals and removes leftovers of killed processes. At most twice a minute.
void tidy_up(const container::Engine& engine);

}  // namespace plimsoll::agent
