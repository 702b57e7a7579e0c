// SPDX-License-Identifier: Apache-2.0
// The mount interface of Linux 5.2 and later: a mount is made detached, given its attributes and then put onto a
// descriptor, so that no path is looked up twice. All of it is safe between clone and exec; -1 with errno.
// fsopen(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2)
#pragma once

#include <linux/mount.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace plimsoll::isolate {

// A key alone is a flag.
using FileSystemOption = std::pair<std::string, std::string>;
// Of our own mounts: arrays of it are made by the compiler, with neither a lock nor a handler at exit.
struct FixedOption {
  const char* key;
  const char* value;
};

// `source` may be nullptr. `attributes`: MOUNT_ATTR_*.
int new_mount(const char* type, const char* source, std::span<const FileSystemOption> options, uint64_t attributes);
int new_mount(const char* type, std::span<const FixedOption> options, uint64_t attributes);
// A copy of what is mounted at `path`; `flags`: AT_RECURSIVE, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
int clone_tree(int dirfd, const char* path, unsigned flags);
int attach(int mount_fd, int target_fd);
// The same at an entry of a directory, where nobody else can have put a link or a mount.
int attach_at(int mount_fd, int directory_fd, const char* name);
// Closes both, which may be -1 with errno of what has failed. 0 or errno.
int attach_and_close(int mount_fd, int target_fd);
// `propagation`: MS_PRIVATE ..., or 0.
int change_attributes(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive);

}  // namespace plimsoll::isolate
