// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/isolate/new_mount.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {

int open_procfs() {
  const int mount_fd = new_mount("proc", nullptr, {}, 0);
  if (mount_fd >= 0) return mount_fd;
  const int fd = ::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct statfs fs;
  if (fd < 0 || (::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)) return fd;
  ::close(fd);
  errno = ENOTSUP;
  return -1;
}

int open_in_procfs(int procfs_fd, const char* path, int flags) {
  return openat2(procfs_fd, path, static_cast<uint64_t>(flags),
                 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

}  // namespace plimsoll::isolate
