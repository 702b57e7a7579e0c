// SPDX-License-Identifier: Apache-2.0
// Stops all processes of a group and lets them go on: the runtime's pause and resume. Where v1's freezer is
// mounted it is used, also on a hybrid machine, since that is where other tools look; else cgroup.freeze.
// Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst ("cgroup.freeze")
#pragma once

#include "base/result.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::limits {

enum class FreezerState { kThawed, kFreezing, kFrozen };

// Of the group itself: one that stands still because a group above it is frozen is kThawed. Error ENOENT where
// neither freezer is there.
Result<FreezerState> freezer_state(const OwnCgroup& group);

// Returns once every process stands still. Where that cannot be reached the group is thawed again and the error
// says so. Frozen before: no error.
Result<void> freeze(const OwnCgroup& group);
Result<void> thaw(const OwnCgroup& group);

}  // namespace plimsoll::limits
