// SPDX-License-Identifier: Apache-2.0
// What only the parent may do for the container's first process, which may already be in a user namespace without
// rights on the host: resource limits, the score for the out-of-memory killer, scheduling, network devices. prlimit(2),
// proc_pid_oom_score_adj(5), sched_setattr(2), ioprio_set(2)
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

// Errors name the member. A limit above the hard limit of a caller who may not raise it fails, unless it is one that an
// engine writes without being asked (kEngineDefaults): that one is cut to the hard limit, with a warning.
Result<void> settle(const spec::Process& process, pid_t pid, const std::string& proc,
                    std::vector<std::string>& warnings);

}  // namespace plimsoll::isolate
