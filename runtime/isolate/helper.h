// SPDX-License-Identifier: Apache-2.0
// The process that goes first where the container's own cannot enter its namespaces itself (namespaces.h).
#pragma once

#include "runtime/isolate/child.h"

namespace plimsoll::isolate {

// In the child of clone3: joins the groups and the namespaces, clones the container's first process as its own sibling,
// reports its pid (Report::kPid) and ends.
[[noreturn]] void help(Child& child);

// Ends the process with a report that `step` has failed with errno.
[[noreturn]] void give_up(const Child& child, const char* step);

}  // namespace plimsoll::isolate
