// SPDX-License-Identifier: Apache-2.0
// The floor below a container agent: the bare system calls that get the same bytes out of the
// kernel, with nothing parsed and nothing written.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::bench {

// One benchmark container as the kernel sees it.
struct Group {
  std::string path;  // below a hierarchy's mount point: /plimsoll-bench/<id>
  pid_t pid = 0;
};

// The groups directly below `parent` (such as /plimsoll) in `cgroup_root` that have a process; on v1
// by the memory hierarchy.
Result<std::vector<Group>> find_groups(const std::string& cgroup_root, const std::string& parent);

// Regular kernel files (below `cgroup_root` or /proc) that `pid` holds open, each once, in descriptor
// order.
Result<std::vector<std::string>> kept_files(pid_t pid, const std::string& cgroup_root);

// The files that a full collection of one container needs at least: 15 on v1, 11 on v2.
std::vector<std::string> standard_set(const std::string& cgroup_root, const Group& group);

// Descriptors of `paths`, kept open. Files that are gone are left out.
class KeptFiles {
 public:
  explicit KeptFiles(const std::vector<std::string>& paths);
  // Reads every file once from its beginning; the number of bytes.
  size_t read_all();
  size_t count() const { return files_.size(); }

 private:
  std::vector<UniqueFd> files_;
  std::vector<char> buffer_;
};

// Opens, reads and closes every file once; the number of bytes.
size_t open_read_close(const std::vector<std::string>& paths);

}  // namespace plimsoll::bench
