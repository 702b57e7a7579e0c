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

namespace {

int open_with(std::span<const FixedOption> options) {
  const int mount_fd = new_mount("proc", options, 0);
  if (mount_fd >= 0) return mount_fd;
  const int fd = ::open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct statfs fs;
  if (fd < 0 || (::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)) return fd;
  ::close(fd);
  errno = ENOTSUP;
  return -1;
}

}  // namespace

int open_procfs() { return open_with({}); }

int open_procfs_of_processes() {
  static constexpr FixedOption kOptions[] = {{"subset", "pid"}};
  return open_with(kOptions);
}

int open_in_procfs(int procfs_fd, const char* path, int flags) {
  return openat2(procfs_fd, path, static_cast<uint64_t>(flags),
                 RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

}  // namespace plimsoll::isolate
