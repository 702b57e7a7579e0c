// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/new_mount.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace plimsoll::isolate {
namespace {

int fs_config(int fd, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, fd, command, key, value, 0));
}

int configure(int context, const char* source, std::span<const FileSystemOption> options) {
  if (source != nullptr && fs_config(context, FSCONFIG_SET_STRING, "source", source) < 0) return -1;
  for (const auto& [key, value] : options) {
    const bool flag = value.empty();
    if (fs_config(context, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key.c_str(),
                  flag ? nullptr : value.c_str()) < 0)
      return -1;
  }
  return fs_config(context, FSCONFIG_CMD_CREATE, nullptr, nullptr);
}

int configure(int context, std::span<const FixedOption> options) {
  for (const auto& [key, value] : options) {
    if (fs_config(context, FSCONFIG_SET_STRING, key, value) < 0) return -1;
  }
  return fs_config(context, FSCONFIG_CMD_CREATE, nullptr, nullptr);
}

// Closes the context, which `configured` is about.
int mount_of(int context, int configured, uint64_t attributes) {
  int mount_fd = -1;
  if (configured >= 0) {
    mount_fd = static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
  }
  const int saved = errno;
  ::close(context);
  errno = saved;
  return mount_fd;
}

int open_context(const char* type) { return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }

}  // namespace

int new_mount(const char* type, const char* source, std::span<const FileSystemOption> options, uint64_t attributes) {
  const int context = open_context(type);
  return context < 0 ? -1 : mount_of(context, configure(context, source, options), attributes);
}

int new_mount(const char* type, std::span<const FixedOption> options, uint64_t attributes) {
  const int context = open_context(type);
  return context < 0 ? -1 : mount_of(context, configure(context, options), attributes);
}

int clone_tree(int dirfd, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

int attach(int mount_fd, int target_fd) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return static_cast<int>(::syscall(SYS_move_mount, mount_fd, "", target_fd, "", flags));
}

int attach_at(int mount_fd, int directory_fd, const char* name) {
  return static_cast<int>(::syscall(SYS_move_mount, mount_fd, "", directory_fd, name, MOVE_MOUNT_F_EMPTY_PATH));
}

int attach_and_close(int mount_fd, int target_fd) {
  int error = 0;
  if (mount_fd < 0 || target_fd < 0 || attach(mount_fd, target_fd) < 0) error = errno;
  if (mount_fd >= 0) ::close(mount_fd);
  if (target_fd >= 0) ::close(target_fd);
  return error;
}

int change_attributes(int mount_fd, uint64_t set, uint64_t clear, uint64_t propagation, bool recursive) {
  mount_attr change{};
  change.attr_set = set;
  change.attr_clr = clear;
  change.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  return static_cast<int>(::syscall(SYS_mount_setattr, mount_fd, "", flags, &change, sizeof(change)));
}

}  // namespace plimsoll::isolate
