// SPDX-License-Identifier: Apache-2.0
// Containers of somebody else, as an agent sees them: a cgroup in each hierarchy with one sleeping
// process in a network namespace of its own. Nothing of our runtime is involved.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::bench {

class ForeignGroups {
 public:
  // `parent` is an absolute cgroup path such as /plimsoll-bench; groups are PARENT/0, PARENT/1 ...
  ForeignGroups(std::string cgroup_root, std::string parent);
  ForeignGroups(const ForeignGroups&) = delete;
  ForeignGroups& operator=(const ForeignGroups&) = delete;
  // Ends the processes and removes the groups, but not their parent.
  ~ForeignGroups();

  Result<void> add();

 private:
  std::vector<std::string> directories(const std::string& group) const;

  std::vector<std::string> mounts_;
  std::string parent_;
  std::vector<pid_t> processes_;
};

}  // namespace plimsoll::bench
