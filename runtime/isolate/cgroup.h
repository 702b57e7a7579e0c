// SPDX-License-Identifier: Apache-2.0
// A cgroup of our own: made, limited, entered, emptied and removed, on v1, hybrid and v2.
//
// The path is absolute and the same in every hierarchy (/plimsoll/<id>), never relative to the
// caller's group. v1: one directory per hierarchy, entered by the child itself, which writes "0" to
// each `tasks` file (by the parent it would cost a grace period each); cpuset.cpus and cpuset.mems
// are filled down the path first, or the join fails with ENOSPC. v2 and the v2 tree of a hybrid
// machine: controllers are enabled down the path and the child is cloned into the directory.
#pragma once

#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::isolate {

struct CgroupLimits {
  uint64_t memory_bytes = 0;  // 0 = none, as for all of these
  uint64_t cpu_quota_us = 0;  // per cpu_period_us
  uint64_t cpu_period_us = 100'000;
  uint64_t pids = 0;
};

class OwnCgroup {
 public:
  // Makes the directories (and missing parents). On error nothing of the leaf is left.
  static Result<OwnCgroup> create(const cgroup::Layout& layout, const std::string& path);
  // The group that already stands at `path`; ENOENT when no hierarchy has it.
  static Result<OwnCgroup> open(const cgroup::Layout& layout, const std::string& path);

  // Errors name the file: "memory.limit_in_bytes: Invalid argument".
  Result<void> limit(const CgroupLimits& limits);

  // For clone3(CLONE_INTO_CGROUP): the v2 directory, -1 on pure v1.
  int clone_into_fd() const { return unified_.fd(); }
  // `tasks` of each v1 hierarchy, open for writing: the child writes "0" to each after clone3.
  const std::vector<UniqueFd>& join_fds() const { return join_fds_; }

  // Moves the calling process into the group in every hierarchy.
  Result<void> enter() const;
  // SIGKILLs every process in the group and its children (cgroup.kill, else signals until empty).
  Result<void> kill_all() const;
  // Waits until no process is left, at most `timeout_ms`. ETIMEDOUT names the group.
  Result<void> wait_empty(int timeout_ms) const;
  // Removes the group and its child groups in every hierarchy. EBUSY while processes are left.
  Result<void> remove();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Dir unified_;
  std::vector<UniqueFd> join_fds_;
  std::vector<std::string> directories_;  // absolute, one per hierarchy
};

}  // namespace plimsoll::isolate
