// SPDX-License-Identifier: Apache-2.0
// The control groups of a benchmark of runtimes: one parent in every hierarchy, in which each container has its group,
// and from which everything is removed at the end. cgroups(7)
#pragma once

#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/result.h"

namespace plimsoll::bench {

// What of a hybrid machine's hierarchies is mounted: all, the v1 ones (crun refuses to run beside a unified tree), or
// the unified tree alone, whose controllers are then few.
enum class View { kOwn, kV1, kV2 };
// Goes on in a private mount namespace with that view.
Result<void> private_mounts(const std::string& cgroup_root, View view);

class Groups {
 public:
  // Makes `parent` ("/plimsoll-bench/runtime-PID") everywhere, with v1's cpuset filled. Two levels deep.
  static Result<Groups> make(const std::string& cgroup_root, const std::string& parent);
  Groups(Groups&& other) noexcept = default;
  // Ends what runs below the parent and removes it.
  ~Groups();

  const std::string& parent() const { return parent_; }
  const std::string& cpus() const { return cpus_; }
  const std::string& mems() const { return mems_; }
  // As bench_bare wants them: MOUNT_POINT=OPTIONS.
  std::vector<std::string> hierarchies() const;
  // The only process of parent()/NAME.
  Result<std::string> process_of(const std::string& name) const;
  // Kills all that is in the groups below the parent, reaps all children of this process, removes the groups.
  void clear() const;
  std::string layout_text() const;

 private:
  Groups(cgroup::Layout layout, std::string parent) : layout_(std::move(layout)), parent_(std::move(parent)) {}
  Result<void> make_in(const cgroup::Hierarchy& hierarchy);

  cgroup::Layout layout_;
  std::string parent_, cpus_ = "-", mems_ = "-";
};

}  // namespace plimsoll::bench
