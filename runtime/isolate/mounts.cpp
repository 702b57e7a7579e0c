// SPDX-License-Identifier: Apache-2.0
// The container's mount tree. Everything is mounted onto descriptors (open_tree, fsmount, move_mount), never onto
// path strings, so that a symbolic link in the image cannot redirect a mount.
//
//   /               the root file system, bound onto itself; then pivot_root
//   /proc           of the new pid namespace; parts masked, parts read-only
//   /dev            tmpfs with a handful of devices, pts, shm, mqueue
//   /sys            read-only, of the new network namespace
//   /sys/fs/cgroup  the container's own group, read-only: v2 the directory itself, v1 a tmpfs
//                   with one directory per hierarchy
//
// Needs Linux 5.12 (mount_setattr). fsopen(2), fsmount(2), move_mount(2), open_tree(2), pivot_root(2)
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/defaults.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

int fs_open(const char* type) { return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)); }

int fs_config(int fd, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, fd, command, key, value, 0));
}

int fs_mount(int fd, uint64_t attributes) {
  return static_cast<int>(::syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, attributes));
}

int clone_tree(int dirfd, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, dirfd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags));
}

int attach(int mount_fd, int target_fd) {
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  return static_cast<int>(::syscall(SYS_move_mount, mount_fd, "", target_fd, "", flags));
}

int add_attributes(int mount_fd, uint64_t attributes, bool recursive) {
  mount_attr change{};
  change.attr_set = attributes;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  return static_cast<int>(::syscall(SYS_mount_setattr, mount_fd, "", flags, &change, sizeof(change)));
}

// Detached; attached nowhere yet. -1 with errno.
int new_mount(const char* type, std::span<const MountOption> options, uint64_t attributes) {
  const int context = fs_open(type);
  if (context < 0) return -1;
  int done = 0;
  for (const MountOption& option : options) {
    if (option.key == nullptr || done < 0) break;
    const unsigned command = option.value == nullptr ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    done = fs_config(context, command, option.key, option.value);
  }
  if (done >= 0) done = fs_config(context, FSCONFIG_CMD_CREATE, nullptr, nullptr);
  const int mount_fd = done < 0 ? -1 : fs_mount(context, attributes);
  const int saved = errno;
  ::close(context);
  errno = saved;
  return mount_fd;
}

// A mount point of ours: made when it is missing; ELOOP or ENOTDIR when the image has something else there.
int open_mount_point(int root_fd, const char* path) {
  if (::mkdirat(root_fd, path, 0755) != 0 && errno != EEXIST && errno != EROFS) return -1;
  const int fd = open_strictly(root_fd, path);
  struct stat st;
  if (fd < 0 || (::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))) return fd;
  ::close(fd);
  errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
  return -1;
}

int attach_and_close(int mount_fd, int target_fd) {
  const int outcome = mount_fd < 0 || target_fd < 0 ? errno : result_of(attach(mount_fd, target_fd));
  if (mount_fd >= 0) ::close(mount_fd);
  if (target_fd >= 0) ::close(target_fd);
  return outcome;
}

int mount_one(Child& child, const StandardMount& mount) {
  child.place = mount.shown;
  const int target_fd = open_mount_point(child.root_fd, mount.shown + 1);
  if (target_fd < 0) return errno;
  return attach_and_close(new_mount(mount.type, mount.options, mount.attributes), target_fd);
}

int make_device(int dev_fd, const Device& device) {
  const dev_t number = ::makedev(device.major, device.minor);
  if (::mknodat(dev_fd, device.name, S_IFCHR | 0666, number) != 0) return errno;
  // mknod obeys the umask, chmod does not.
  return result_of(::fchmodat(dev_fd, device.name, 0666, 0));
}

int bind_cgroup(int parent_fd, const CgroupMount& mount) {
  const int tree_fd = clone_tree(AT_FDCWD, mount.source.c_str(), 0);
  if (tree_fd < 0) return errno;
  constexpr uint64_t kAttributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  if (add_attributes(tree_fd, kAttributes, false) < 0) return errno;
  if (mount.name.empty()) return attach_and_close(tree_fd, ::fcntl(parent_fd, F_DUPFD_CLOEXEC, 3));
  if (::mkdirat(parent_fd, mount.name.c_str(), 0555) != 0) return errno;
  for (const std::string& link : mount.links) {
    if (::symlinkat(mount.name.c_str(), parent_fd, link.c_str()) != 0) return errno;
  }
  return attach_and_close(tree_fd, ::openat(parent_fd, mount.name.c_str(), O_PATH | O_CLOEXEC));
}

int bind_cgroups(Child& child, int parent_fd) {
  for (const CgroupMount& mount : child.plan->cgroup_mounts) {
    child.place = mount.source.c_str();
    if (const int error = bind_cgroup(parent_fd, mount)) return error;
  }
  return 0;
}

// procfs and the container's cgroup directories are the kernel's: nothing may be mounted over parts of them.
bool is_procfs(int fd) {
  struct statfs fs;
  return ::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int bind_volume(Child& child, const BindPlan& bind) {
  child.place = bind.source.c_str();
  const int tree_fd = clone_tree(AT_FDCWD, bind.source.c_str(), AT_RECURSIVE);
  struct stat st;
  if (tree_fd < 0 || ::fstat(tree_fd, &st) != 0) return errno;
  if (bind.read_only && add_attributes(tree_fd, MOUNT_ATTR_RDONLY, true) < 0) return errno;
  child.place = bind.target.shown.c_str();
  const int target_fd = open_or_make(child.root_fd, bind.target, !S_ISDIR(st.st_mode), 0755);
  if (target_fd >= 0 && is_procfs(target_fd)) return EPERM;
  return attach_and_close(tree_fd, target_fd);
}

// The first mask is an empty tmpfs, the others are clones of it: before Linux 6.15 only a mount that is attached
// can be cloned.
int mask_directory(int& empty_fd, int target_fd) {
  if (empty_fd >= 0) return attach_and_close(clone_tree(empty_fd, "", AT_EMPTY_PATH), target_fd);
  static constexpr std::array<MountOption, 2> kOptions = {{{"mode", "555"}, {"size", "4096"}}};
  empty_fd = new_mount("tmpfs", kOptions, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  return attach_and_close(empty_fd < 0 ? -1 : ::fcntl(empty_fd, F_DUPFD_CLOEXEC, 3), target_fd);
}

// What this kernel does not have needs no mask.
int mask_one(Child& child, int& empty_fd, const char* path) {
  child.place = path;
  const int target_fd = open_strictly(child.root_fd, path + 1);
  if (target_fd < 0) return errno == ENOENT ? 0 : errno;
  struct stat st;
  if (::fstat(target_fd, &st) != 0) return errno;
  if (!S_ISDIR(st.st_mode)) return attach_and_close(clone_tree(child.dev_fd, "null", 0), target_fd);
  return mask_directory(empty_fd, target_fd);
}

int protect_one(Child& child, const char* path) {
  child.place = path;
  const int target_fd = open_strictly(child.root_fd, path + 1);
  if (target_fd < 0) return errno == ENOENT ? 0 : errno;
  const int tree_fd = clone_tree(target_fd, "", AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree_fd < 0 || add_attributes(tree_fd, MOUNT_ATTR_RDONLY, true) < 0) return errno;
  return attach_and_close(tree_fd, target_fd);
}

}  // namespace

int make_mounts_private(Child&) {
  mount_attr change{};
  change.propagation = 1 << 18;  // MS_PRIVATE
  return result_of(::syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof(change)));
}

// Bound onto itself, since pivot_root wants a mount point. With what is mounted below.
int attach_root(Child& child) {
  child.place = child.plan->rootfs.c_str();
  child.root_fd = clone_tree(AT_FDCWD, child.place, AT_RECURSIVE);
  if (child.root_fd < 0) return errno;
  const int target_fd = ::open(child.place, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target_fd < 0) return errno;
  const int outcome = result_of(attach(child.root_fd, target_fd));
  ::close(target_fd);
  return outcome;
}

int mount_standard(Child& child) {
  for (const StandardMount& mount : kStandardMounts) {
    if (const int error = mount_one(child, mount)) return error;
  }
  return 0;
}

int fill_dev(Child& child) {
  child.place = "/dev";
  child.dev_fd = open_strictly(child.root_fd, "dev");
  if (child.dev_fd < 0) return errno;
  for (const Device& device : kDevices) {
    child.place = device.name;
    if (const int error = make_device(child.dev_fd, device)) return error;
  }
  for (const Link& link : kDeviceLinks) {
    child.place = link.name;
    if (::symlinkat(link.target, child.dev_fd, link.name) != 0) return errno;
  }
  return 0;
}

int mount_cgroups(Child& child) {
  child.place = "/sys/fs/cgroup";
  const int target_fd = open_strictly(child.root_fd, child.place + 1);
  if (target_fd < 0) return errno;
  if (child.plan->cgroup_mounts.size() == 1 && child.plan->cgroup_mounts[0].name.empty()) {
    return bind_cgroups(child, target_fd);
  }
  static constexpr std::array<MountOption, 2> kOptions = {{{"mode", "755"}, {"size", "65536"}}};
  constexpr uint64_t kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const int parent_fd = new_mount("tmpfs", kOptions, kAttributes);
  if (parent_fd < 0 || attach(parent_fd, target_fd) < 0) return errno;
  if (const int error = bind_cgroups(child, parent_fd)) return error;
  return result_of(add_attributes(parent_fd, MOUNT_ATTR_RDONLY, false));
}

int bind_volumes(Child& child) {
  for (const BindPlan& bind : child.plan->binds) {
    if (const int error = bind_volume(child, bind)) return error;
  }
  return 0;
}

int mask_paths(Child& child) {
  int empty_fd = -1;
  for (const char* path : kMaskedPaths) {
    if (const int error = mask_one(child, empty_fd, path)) return error;
  }
  return 0;
}

int protect_paths(Child& child) {
  for (const char* path : kReadOnlyPaths) {
    if (const int error = protect_one(child, path)) return error;
  }
  return 0;
}

// The old root ends up mounted over the new one at the same place and is detached from there: no
// directory in the image is needed for it.
int enter_root(Child& child) {
  child.place = child.plan->rootfs.c_str();
  if (::fchdir(child.root_fd) != 0) return errno;
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (::syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) != 0) return errno;
  return result_of(::chdir("/"));
}

}  // namespace plimsoll::isolate
