// SPDX-License-Identifier: Apache-2.0
// The v2 group given to the container's own root, so that an init in it can make groups of its own.
// config-linux.md, "Cgroup ownership"; cgroups(7), "Cgroups v2 delegation"
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

// Whether the specification asks for it: there is a new cgroup namespace, and cgroups are mounted writable at
// /sys/fs/cgroup.
bool wants_delegation(const spec::Spec& spec);

// Gives the directory and what /sys/kernel/cgroup/delegate lists (a kernel without that: cgroup.procs,
// cgroup.threads, cgroup.subtree_control) to the host's user `owner`; files that this group lacks are passed
// over. Only where all is v2, since v1 cannot be delegated safely; elsewhere nothing is done.
Result<void> delegate(const OwnCgroup& group, uid_t owner, const std::string& sys = "/sys");

}  // namespace plimsoll::limits
