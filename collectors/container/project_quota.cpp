// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/project_quota.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/os.h"

namespace plimsoll::collectors::container {
namespace {

constexpr unsigned kGetProjectQuota = QCMD(Q_GETQUOTA, PRJQUOTA);
constexpr uint64_t kBytesPerLimitBlock = QIF_DQBLKSIZE;

bool ask(int directory, const std::string& device, uint32_t project, if_dqblk& quota) {
#ifdef SYS_quotactl_fd
  if (::syscall(SYS_quotactl_fd, directory, kGetProjectQuota, project, &quota) == 0) return true;
  if (errno != ENOSYS) return false;
#endif
  return ::syscall(SYS_quotactl, kGetProjectQuota, device.c_str(), project, &quota) == 0;
}

}  // namespace

uint32_t project_of(int directory) {
  fsxattr attributes = {};
  return ::ioctl(directory, FS_IOC_FSGETXATTR, &attributes) == 0 ? attributes.fsx_projid : 0;
}

std::optional<ProjectUsage> project_usage(int directory, const std::string& device) {
  const uint32_t project = project_of(directory);
  if (project == 0) return std::nullopt;
  const UniqueFd above(::openat(directory, "../..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!above || project_of(above.get()) == project) return std::nullopt;
  if_dqblk quota = {};
  constexpr uint32_t kNeeded = QIF_SPACE | QIF_INODES;
  if (!ask(directory, device, project, quota) || (quota.dqb_valid & kNeeded) != kNeeded) return std::nullopt;
  ProjectUsage usage;
  usage.used_bytes = quota.dqb_curspace;
  usage.used_inodes = quota.dqb_curinodes;
  if (quota.dqb_bhardlimit != 0) usage.limit_bytes = quota.dqb_bhardlimit * kBytesPerLimitBlock;
  if (quota.dqb_ihardlimit != 0) usage.limit_inodes = quota.dqb_ihardlimit;
  return usage;
}

}  // namespace plimsoll::collectors::container
