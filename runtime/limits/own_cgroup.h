// SPDX-License-Identifier: Apache-2.0
// A cgroup of our own: made, limited, entered, emptied and removed, on v1, hybrid and v2.
//
// The path is absolute and the same in every hierarchy (/plimsoll/<id>), never relative to the
// caller's group. v1: one directory per hierarchy, entered by the child itself, which writes "0" to
// each `tasks` file (by the parent it would cost a grace period each); cpuset.cpus and cpuset.mems
// are filled down the path first, or the join fails with ENOSPC. v2 and the v2 tree of a hybrid
// machine: controllers are enabled down the path and the child is cloned into the directory.
//
// Many starts may share the parents: directories that stand already are used, and only the leaf
// is ever removed. Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{cpusets,devices,memory}.rst
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::limits {

struct CgroupLimits {
  // 0 = none, as for all of these. The swap that may be used beside it is the same amount again
  // (v1 memory.memsw, v2 memory.swap.max), where the kernel accounts swap.
  uint64_t memory_bytes = 0;
  uint64_t cpu_quota_us = 0;  // per cpu_period_us
  uint64_t cpu_period_us = 100'000;
  uint64_t pids = 0;
};

// The group in one hierarchy.
struct CgroupPlace {
  std::string mount_point;               // of the hierarchy
  std::string directory;                 // absolute, below it
  std::string mount_name;                // last component of the mount point: "memory", "cpu,cpuacct", "unified"
  std::vector<std::string> controllers;  // as Hierarchy::controllers
  bool v2 = false;
};

class OwnCgroup {
 public:
  // Makes the directories (and missing parents); one that stands already is taken as it is. On
  // error every leaf made here is removed again.
  static Result<OwnCgroup> create(const cgroup::Layout& layout, const std::string& path);
  // The group that already stands at `path`; ENOENT when no hierarchy has it.
  static Result<OwnCgroup> open(const cgroup::Layout& layout, const std::string& path);

  // Errors name the file: "memory.limit_in_bytes: Invalid argument".
  Result<void> limit(const CgroupLimits& limits);

  // Allows mknod of everything but use only of null, zero, full, random, urandom, tty, ptmx and
  // pseudo-terminals: v1 devices controller where it is mounted, else a BPF program on the v2 group.
  // launch() does it, so that it cannot be forgotten: CAP_MKNOD is among the default capabilities.
  Result<void> restrict_devices() const;

  // For clone3(CLONE_INTO_CGROUP): the v2 directory, -1 on pure v1.
  int clone_into_fd() const { return unified_.valid() ? unified_.fd() : -1; }
  // `tasks` of each v1 hierarchy, open for writing: the child writes "0" to each after clone3.
  const std::vector<UniqueFd>& join_fds() const { return join_fds_; }
  // One per hierarchy that has the group.
  const std::vector<CgroupPlace>& places() const { return places_; }

  // Moves the calling process, which must have one thread only, into the group in every hierarchy.
  Result<void> enter() const;
  // Whether `pid` is in the group itself, not in a child of it.
  Result<bool> contains(pid_t pid) const;
  // SIGKILLs every process in the group and its children (cgroup.kill, else signals until empty).
  Result<void> kill_all() const;
  // Waits until no process is left, at most `timeout_ms`. ETIMEDOUT names the group.
  Result<void> wait_empty(int timeout_ms) const;
  // Removes the group and its child groups in every hierarchy. EBUSY while processes are left.
  Result<void> remove();

  const std::string& path() const { return path_; }

 private:
  explicit OwnCgroup(std::string path) : path_(std::move(path)) {}
  Result<void> open_handles();
  const CgroupPlace* with_controller(std::string_view controller) const;

  std::string path_;
  Dir unified_;
  std::vector<UniqueFd> join_fds_;
  std::vector<CgroupPlace> places_;
};

}  // namespace plimsoll::limits
