// SPDX-License-Identifier: Apache-2.0
// What the file system itself has counted for a directory tree: engines give each container's layer a
// project of its own where the file system has project quotas. One question instead of a walk.
// quotactl(2) Q_GETQUOTA with PRJQUOTA, ioctl_xfs_fsgetxattr(2), xfs_quota(8), tune2fs(8) "project"
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/cgroup/stats.h"

namespace plimsoll::collectors::container {

struct ProjectUsage {
  uint64_t used_bytes = 0, used_inodes = 0;
  cgroup::Count limit_bytes, limit_inodes;  // absent: no hard limit
};

// The project that `directory` belongs to; 0 = none, or the file system has no projects.
uint32_t project_of(int directory);
// nullopt: `directory` has no project, or shares it with other layers (the directory two above has the same one:
// engines keep layers as ID/diff), or nothing is counted, or it may not be asked (CAP_SYS_ADMIN).
// `device`: path of the block device, for kernels before 5.14.
std::optional<ProjectUsage> project_usage(int directory, const std::string& device);

}  // namespace plimsoll::collectors::container
