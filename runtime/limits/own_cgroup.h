// SPDX-License-Identifier: Apache-2.0
// A cgroup of our own: made, entered, emptied and removed, on v1, hybrid and v2. What limits it is in
// resources.h and device_filter.h.
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

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::limits {

// The group in one hierarchy.
struct CgroupPlace {
  std::string mount_point;               // of the hierarchy
  std::string directory;                 // absolute, below it
  std::string mount_name;                // last component of the mount point: "memory", "cpu,cpuacct", "unified"
  std::vector<std::string> controllers;  // as Hierarchy::controllers
  bool v2 = false;
};

CgroupPlace place_in(const cgroup::Hierarchy& hierarchy, const std::string& path);

struct CreateOptions {
  // A hierarchy in which this user may not make the group is left out instead of being an error. What needs
  // a controller of it then fails when it is asked for. For containers without privileges and without a
  // cgroupsPath of their own.
  bool skip_forbidden = false;
};

class OwnCgroup {
 public:
  // Makes the directories (and missing parents); one that stands already is taken as it is. On
  // error every leaf made here is removed again.
  static Result<OwnCgroup> create(const cgroup::Layout& layout, const std::string& path, CreateOptions options = {});
  // The group that already stands at `path`; ENOENT when no hierarchy has it.
  static Result<OwnCgroup> open(const cgroup::Layout& layout, const std::string& path);

  // For exec. A v2 group that has controllers for groups below it takes no processes; where the container has
  // made it so (an init that manages groups of its own) clone_into_fd() and enter() lead into the group of
  // its process `init` from then on; this object is then for nothing else. Error when `init` is elsewhere.
  Result<void> follow(pid_t init, const std::string& proc = "/proc");

  // For exec: the group `below` ("/a/b") in the hierarchies of these controllers ("cpu,cpuacct"), the same as before in
  // the others.
  Result<void> descend(std::string_view controllers, const std::string& below);

  // For clone3(CLONE_INTO_CGROUP): the v2 directory, -1 on pure v1.
  int clone_into_fd() const { return unified_.valid() ? unified_.fd() : -1; }
  // `tasks` of each v1 hierarchy, open for writing: the child writes "0" to each after clone3.
  const std::vector<UniqueFd>& join_fds() const { return join_fds_; }
  // One per hierarchy that has the group; none only with skip_forbidden.
  const std::vector<CgroupPlace>& places() const { return places_; }
  // The one that has `controller`, nullptr when none does. v1 goes before v2: on a hybrid machine a controller
  // that is in use by v1 is not offered by v2 and the other way round.
  const CgroupPlace* with_controller(std::string_view controller) const;
  // The one in the v2 tree, or nullptr.
  const CgroupPlace* unified_place() const;

  // Moves the calling process, which must have one thread only, into the group in every hierarchy.
  Result<void> enter() const;
  // Whether `pid` is in the group itself, not in a child of it.
  Result<bool> contains(pid_t pid) const;
  // Every process in the group and in the groups below it, in no particular order.
  Result<std::vector<pid_t>> processes() const;
  // Sends `signal` to all of them; frozen meanwhile where that can be done, so that none is missed by forking.
  // SIGKILL is kill_all().
  Result<void> signal_all(int signal) const;
  // SIGKILLs every process in the group and its children (cgroup.kill, else signals until empty), and thaws
  // the group, without which a frozen one would not end.
  Result<void> kill_all() const;
  // Waits until no process is left, at most `timeout_ms`. ETIMEDOUT names the group.
  Result<void> wait_empty(int timeout_ms) const;
  // Removes the group and its child groups in every hierarchy. EBUSY while processes are left.
  Result<void> remove();

  const std::string& path() const { return path_; }
  // Whether create() has made it everywhere: then it is empty.
  bool is_new() const { return new_; }

 private:
  explicit OwnCgroup(std::string path) : path_(std::move(path)) {}
  Result<void> open_handles();

  std::string path_;
  bool new_ = false;
  Dir unified_;
  std::vector<UniqueFd> join_fds_;
  std::vector<CgroupPlace> places_;
};

}  // namespace plimsoll::limits
