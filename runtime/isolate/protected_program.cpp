// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/protected_program.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace plimsoll::isolate {

Result<UniqueFd> open_protected(const std::string& path) {
  constexpr unsigned kFlags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  UniqueFd fd(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), kFlags)));
  if (!fd) return fail_errno(path);
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, fd.get(), "", AT_EMPTY_PATH, &change, sizeof(change)) != 0) {
    return fail_errno("protect " + path);
  }
  return fd;
}

}  // namespace plimsoll::isolate
