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
  struct Group {
    std::string name;  // 64 hexadecimal digits, as engines name them
    pid_t pid = 0;
  };

  // `parent` is an absolute cgroup path such as /plimsoll-bench; groups are PARENT/NAME.
  ForeignGroups(std::string cgroup_root, std::string parent);
  ForeignGroups(const ForeignGroups&) = delete;
  ForeignGroups& operator=(const ForeignGroups&) = delete;
  // Ends the processes and removes the groups, but not their parent.
  ~ForeignGroups();

  Result<Group> add();
  size_t size() const { return groups_.size(); }

 private:
  std::vector<std::string> directories(const std::string& group) const;

  std::vector<std::string> mounts_;
  std::string parent_;
  std::vector<Group> groups_;
};

}  // namespace plimsoll::bench
