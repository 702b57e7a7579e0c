// SPDX-License-Identifier: Apache-2.0
// The container's mount tree. Everything is mounted onto descriptors, never onto path strings, so that a symbolic link
// in the image cannot redirect a mount. Needs Linux 5.12 (mount_setattr). pivot_root(2), new_mount.h
#include "runtime/isolate/mount_plan.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/copy_up.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/isolate/new_mount.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

bool is_procfs(int fd) {
  struct statfs fs;
  return ::fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

// Of procfs only these may be covered: what lxcfs shows for a container.
bool may_be_covered(const PlannedMount& mount) {
  static constexpr const char* kFiles[] = {"proc/cpuinfo",
                                           "proc/diskstats",
                                           "proc/meminfo",
                                           "proc/stat",
                                           "proc/swaps",
                                           "proc/uptime",
                                           "proc/loadavg",
                                           "proc/slabinfo",
                                           "proc/net/dev",
                                           "proc/sys/kernel/ns_last_pid",
                                           "proc/sys/crypto/fips_enabled"};
  if (mount.target.levels.empty()) return false;
  for (const char* file : kFiles) {
    if (mount.target.levels.back() == file) return true;
  }
  return false;
}

int open_target(const Child& child, const PlannedMount& mount, bool as_file) {
  return open_or_make(child.root_fd, mount.target,
                      {.as_file = as_file, .follow = !mount.options.destination_no_follow});
}

int apply_options(int mount_fd, const spec::MountOptions& options) {
  if (options.set != 0 || options.clear != 0) {
    if (change_attributes(mount_fd, options.set, options.clear, 0, false) < 0) return errno;
  }
  if (options.recursive_set != 0 || options.recursive_clear != 0) {
    if (change_attributes(mount_fd, options.recursive_set, options.recursive_clear, 0, true) < 0) return errno;
  }
  return 0;
}

int apply_propagation(int mount_fd, const spec::MountOptions& options) {
  if (options.propagation == 0) return 0;
  return change_attributes(mount_fd, 0, 0, options.propagation, options.recursive_propagation) < 0 ? errno : 0;
}

// What covers "/" is the container's root from then on.
int keep_as_root(const Child& child, int mount_fd) {
  return ::dup3(mount_fd, child.root_fd, O_CLOEXEC) < 0 ? errno : 0;
}

// A tree that the parent has cloned is of the host's peer groups still: what is mounted below it would appear there.
int leave_host(const Child& child, int mount_fd) {
  const uint64_t propagation = child.plan->mounts.propagation == MS_PRIVATE ? MS_PRIVATE : MS_SLAVE;
  return change_attributes(mount_fd, 0, 0, propagation, true) < 0 ? errno : 0;
}

// Attached first, since a propagation can be given to attached mounts only.
int finish_mount(const Child& child, const PlannedMount& mount, int mount_fd, int target_fd, bool by_parent) {
  int error = target_fd < 0 || attach(mount_fd, target_fd) < 0 ? errno : 0;
  if (error == 0 && by_parent) error = leave_host(child, mount_fd);
  if (error == 0) error = apply_propagation(mount_fd, mount.options);
  if (error == 0 && mount.target.levels.empty()) error = keep_as_root(child, mount_fd);
  ::close(mount_fd);
  if (target_fd >= 0) ::close(target_fd);
  return error;
}

int bind(Child& child, PlannedMount& mount) {
  child.place = mount.source.c_str();
  const bool by_parent = mount.tree.valid();
  int tree_fd = mount.tree.release();
  const unsigned flags = (mount.options.recursive_bind ? static_cast<unsigned>(AT_RECURSIVE) : 0u) |
                         (mount.options.source_no_follow ? static_cast<unsigned>(AT_SYMLINK_NOFOLLOW) : 0u);
  if (tree_fd < 0) tree_fd = clone_tree(AT_FDCWD, child.place, flags);
  struct stat st;
  if (tree_fd < 0 || ::fstat(tree_fd, &st) != 0) return errno;
  if (const int error = apply_options(tree_fd, mount.options)) return error;
  child.place = mount.target.shown.c_str();
  const int target_fd = open_target(child, mount, !S_ISDIR(st.st_mode));
  if (target_fd >= 0 && is_procfs(target_fd) && !may_be_covered(mount)) return EXDEV;
  return finish_mount(child, mount, tree_fd, target_fd, by_parent);
}

// The kernel's own file systems, and /dev, must be where they seem to be: what is masked, made and written below them
// later would else be somewhere else.
bool must_be_strict(const PlannedMount& mount) {
  if (mount.target.levels.empty()) return false;
  const std::string& first = mount.target.levels.front();
  return mount.type == "proc" || mount.type == "sysfs" || first == "proc" || first == "sys" || first == "dev";
}

int open_strict_target(const Child& child, const PlannedMount& mount) {
  return open_or_make(child.root_fd, mount.target, {.strict = true});
}

// Options that are too long for fsconfig(2) go through mount(2), onto the descriptor's name in /proc.
int mount_by_name(const PlannedMount& mount, int target_fd) {
  char path[32] = "/proc/self/fd/";
  char digits[12];
  size_t count = 0;
  for (int rest = target_fd; count == 0 || rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  for (size_t i = 0; i < count; ++i) path[14 + i] = digits[count - 1 - i];
  return ::mount(mount.source.c_str(), path, mount.type.c_str(), 0, mount.long_data.c_str()) == 0 ? 0 : errno;
}

// On the mount that mount(2) has put onto the target.
int change_top(const Child& child, const PlannedMount& mount) {
  const bool is_root = mount.target.levels.empty();
  const int fd = is_root ? ::open(child.plan->mounts.rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)
                         : open_inside(child.root_fd, mount.target.levels.back().c_str());
  if (fd < 0) return errno;
  int error = change_attributes(fd, mount.options.set, 0, 0, false) < 0 ? errno : 0;
  if (error == 0) error = apply_propagation(fd, mount.options);
  if (error == 0 && is_root) error = keep_as_root(child, fd);
  ::close(fd);
  return error;
}

constexpr uint64_t kReadOnly = MOUNT_ATTR_RDONLY;

int make_file_system(const PlannedMount& mount, uint64_t attributes) {
  const char* const source = mount.source.empty() ? nullptr : mount.source.c_str();
  const int mount_fd = new_mount(mount.type.c_str(), source, mount.options.data, attributes);
  if (mount_fd >= 0 || errno != EPERM || mount.replacement.empty()) return mount_fd;
  const int tree_fd = clone_tree(AT_FDCWD, mount.replacement.c_str(), AT_RECURSIVE);
  if (tree_fd < 0 || mount.options.set == 0) return tree_fd;
  // With all that is mounted there: /sys/fs/cgroup above all is the host's (CVE-2023-25809).
  if (change_attributes(tree_fd, mount.options.set & kReadOnly, 0, 0, true) >= 0) return tree_fd;
  ::close(tree_fd);
  return -1;
}

// A tmpfs has the mode of a directory that it covers, as an option that shows; else the kernel's own, 1777.
void keep_mode(const Child& child, PlannedMount& mount) {
  if (!mount.keeps_mode) return;
  const bool is_root = mount.target.levels.empty();
  const int fd = is_root ? child.root_fd : open_inside(child.root_fd, mount.target.levels.back().c_str());
  struct stat st;
  if (fd >= 0 && ::fstat(fd, &st) == 0) {
    std::string& mode = mount.options.data.back().second;
    for (size_t at = 0; at < mode.size(); ++at) mode[at] = static_cast<char>('0' + (st.st_mode >> (9 - 3 * at) & 7));
  }
  if (fd >= 0 && !is_root) ::close(fd);
}

bool shows_processes(const PlannedMount& mount) {
  return mount.type == "proc" && !mount.target.levels.empty() && mount.target.levels.back() == "proc";
}

int mount_file_system(Child& child, PlannedMount& mount) {
  child.place = mount.target.shown.c_str();
  keep_mode(child, mount);
  const int target_fd = must_be_strict(mount) ? open_strict_target(child, mount) : open_target(child, mount, false);
  if (target_fd < 0) return errno;
  if (mount.type != "proc" && is_procfs(target_fd) && !may_be_covered(mount)) return EXDEV;
  if (!mount.long_data.empty()) {
    const int error = mount_by_name(mount, target_fd);
    ::close(target_fd);
    return error != 0 ? error : change_top(child, mount);
  }
  const bool fills = mount.options.copy_up;
  const int mount_fd = make_file_system(mount, fills ? mount.options.set & ~kReadOnly : mount.options.set);
  if (mount_fd < 0) return errno;
  if (fills) {
    if (const int error = copy_up(target_fd, mount_fd)) return error;
    if (change_attributes(mount_fd, mount.options.set & kReadOnly, 0, 0, false) < 0) return errno;
  }
  if (shows_processes(mount)) child.proc_fd = ::fcntl(mount_fd, F_DUPFD_CLOEXEC, 3);
  return finish_mount(child, mount, mount_fd, target_fd, false);
}

int remount(Child& child, const PlannedMount& mount) {
  child.place = mount.target.shown.c_str();
  const int fd = open_target(child, mount, false);
  if (fd < 0) return errno;
  int error = apply_options(fd, mount.options);
  if (error == 0) error = apply_propagation(fd, mount.options);
  ::close(fd);
  return error;
}

int open_cgroup(const CgroupMount& mount) {
  const int fd = mount.fresh ? new_mount("cgroup2", "cgroup2", {}, 0) : -1;
  return fd >= 0 ? fd : clone_tree(AT_FDCWD, mount.source.c_str(), 0);
}

int bind_cgroup(int parent_fd, const CgroupMount& mount, const spec::MountOptions& options) {
  const int tree_fd = open_cgroup(mount);
  if (tree_fd < 0) return errno;
  if (const int error = apply_options(tree_fd, options)) return error;
  if (mount.name.empty()) return attach_and_close(tree_fd, ::fcntl(parent_fd, F_DUPFD_CLOEXEC, 3));
  if (::mkdirat(parent_fd, mount.name.c_str(), 0555) != 0) return errno;
  for (const std::string& link : mount.links) {
    if (::symlinkat(mount.name.c_str(), parent_fd, link.c_str()) != 0) return errno;
  }
  const int error = attach_at(tree_fd, parent_fd, mount.name.c_str()) < 0 ? errno : 0;
  ::close(tree_fd);
  return error;
}

int bind_cgroups(Child& child, int parent_fd, const spec::MountOptions& options) {
  for (const CgroupMount& mount : child.plan->mounts.cgroups) {
    child.place = mount.source.c_str();
    if (const int error = bind_cgroup(parent_fd, mount, options)) return error;
  }
  return 0;
}

// Without a group of its own the container sees what the host has there.
int mount_all_cgroups(int target_fd, const spec::MountOptions& options) {
  const int tree_fd = clone_tree(AT_FDCWD, "/sys/fs/cgroup", AT_RECURSIVE);
  if (tree_fd < 0) return errno;
  if (change_attributes(tree_fd, options.set, 0, 0, true) < 0) return errno;
  return attach_and_close(tree_fd, target_fd);
}

int mount_cgroups(Child& child, const PlannedMount& mount) {
  child.place = mount.target.shown.c_str();
  if (mount.target.levels.empty()) return EINVAL;
  const int target_fd = open_strict_target(child, mount);
  if (target_fd < 0) return errno;
  const std::vector<CgroupMount>& cgroups = child.plan->mounts.cgroups;
  if (cgroups.empty()) return mount_all_cgroups(target_fd, mount.options);
  if (cgroups.size() == 1 && cgroups[0].name.empty()) return bind_cgroups(child, target_fd, mount.options);
  static constexpr FixedOption kOptions[] = {{"mode", "755"}, {"size", "65536"}};
  constexpr uint64_t kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  const int parent_fd = new_mount("tmpfs", kOptions, kAttributes);
  if (parent_fd < 0 || attach(parent_fd, target_fd) < 0) return errno;
  if (const int error = bind_cgroups(child, parent_fd, mount.options)) return error;
  return change_attributes(parent_fd, mount.options.set & MOUNT_ATTR_RDONLY, 0, 0, false) < 0 ? errno : 0;
}

// "copy-symlink": the link that the source is, made again instead of bound.
int make_link(Child& child, const PlannedMount& mount) {
  child.place = mount.target.shown.c_str();
  const int parent_fd = open_or_make(child.root_fd, mount.target, {.parent_only = true});
  if (parent_fd < 0) return errno;
  const char* const name = last_component(mount.target.levels.back());
  int error = ::symlinkat(mount.link.c_str(), parent_fd, name) == 0 ? 0 : errno;
  char present[PATH_MAX];
  const ssize_t size = error == EEXIST ? ::readlinkat(parent_fd, name, present, sizeof(present)) : -1;
  if (size >= 0 && std::string_view(present, static_cast<size_t>(size)) == mount.link) error = 0;
  ::close(parent_fd);
  return error;
}

int make_one(Child& child, PlannedMount& mount) {
  switch (mount.kind) {
    case PlannedMount::Kind::kLink:
      return make_link(child, mount);
    case PlannedMount::Kind::kBind:
      return bind(child, mount);
    case PlannedMount::Kind::kCgroup:
      return mount_cgroups(child, mount);
    case PlannedMount::Kind::kChangeOnly:
      return remount(child, mount);
    case PlannedMount::Kind::kFileSystem:
      break;
  }
  return mount_file_system(child, mount);
}

}  // namespace

// Then nothing that is mounted here may reach the host: the mount in which the root file system lies is private, also
// where the rest shall be shared. Only where a mount begins can it be told so: the first of the ancestors that takes
// it.
int set_propagation(Child& child) {
  const MountPlan& plan = child.plan->mounts;
  if (!plan.own_namespace) return 0;
  mount_attr change{};
  change.propagation = plan.propagation;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &change, sizeof(change)) != 0) return errno;
  if (plan.propagation == MS_PRIVATE) return 0;
  change.propagation = MS_PRIVATE;
  for (const std::string& path : plan.ancestors) {
    child.place = path.c_str();
    if (::syscall(SYS_mount_setattr, AT_FDCWD, child.place, 0, &change, sizeof(change)) == 0) return 0;
  }
  return errno;
}

// Bound onto itself, since pivot_root wants a mount point. With what is mounted below. Where the way to it is closed
// to us, onto "/": it is left in a moment anyway.
int attach_root(Child& child) {
  MountPlan& plan = child.plan->mounts;
  const bool by_parent = plan.root_tree.valid();
  child.place = plan.rootfs.c_str();
  child.root_fd = by_parent ? plan.root_tree.release() : clone_tree(AT_FDCWD, child.place, AT_RECURSIVE);
  if (child.root_fd < 0) return errno;
  int target_fd = ::open(child.place, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target_fd < 0 && errno == EACCES) target_fd = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target_fd < 0) return errno;
  int error = result_of(attach(child.root_fd, target_fd));
  ::close(target_fd);
  if (error == 0 && by_parent) error = leave_host(child, child.root_fd);
  if (error == 0) error = result_of(change_attributes(child.root_fd, 0, 0, MS_PRIVATE, false));
  return error;
}

int make_mounts(Child& child) {
  for (PlannedMount& mount : child.plan->mounts.mounts) {
    if (const int error = make_one(child, mount)) return error;
    if (mount.target.levels.empty()) child.proc_fd = -1;  // below another root now
  }
  return 0;
}

namespace {

// The old root ends up mounted over the new one at the same place and is detached from there: no directory in the image
// is needed for it.
int pivot(const Child& child) {
  const int old_root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old_root < 0) return errno;
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  // By a descriptor: for mount(2), other than for umount2(2), "." is still the new root.
  if (::fchdir(old_root) != 0) return errno;
  ::close(old_root);
  // What is unmounted here must stay on the host.
  if (child.plan->mounts.propagation != MS_PRIVATE && ::mount("", ".", "", MS_SLAVE | MS_REC, nullptr) != 0)
    return errno;
  return result_of(::umount2(".", MNT_DETACH));
}

// An unmounting is passed on by the mount that lies below: /proc would be gone on the host where "/" is shared with it.
// The directories of the path that are no mounts are EINVAL. mount_namespaces(7)
int stop_passing_on(const std::string& path) {
  char above[PATH_MAX];
  if (path.size() >= sizeof(above)) return ENAMETOOLONG;
  for (size_t at = 0; at < path.size(); ++at) {
    above[at] = path[at];
    if (path[at] != '/') continue;
    above[at == 0 ? 1 : at] = '\0';
    if (::mount("", above, "", MS_SLAVE, nullptr) != 0 && errno != EINVAL && errno != ENOENT) return errno;
    above[at] = '/';
  }
  return 0;
}

// What stays mounted outside of the new root would let a user namespace in the container mount another proc or sysfs,
// of which nothing is masked. What cannot be unmounted is covered. mount_namespaces(7)
int leave_kernel_mounts(const Child& child) {
  for (const std::string& path : child.plan->mounts.kernel_mounts) {
    const char* const place = path.c_str();
    if (const int error = stop_passing_on(path)) return error;
    (void)::mount("", place, "", MS_SLAVE | MS_REC, nullptr);
    if (::umount2(place, MNT_DETACH) == 0 || errno == ENOENT) continue;
    if (::mount("tmpfs", place, "tmpfs", 0, nullptr) != 0) return errno;
  }
  return 0;
}

// Where pivot_root is not possible (the root of an initramfs cannot be moved), the new root is moved over the old one,
// if it is not there already.
int move_root(const Child& child) {
  // The host shall get nothing of this: neither what is unmounted below "/" nor what is moved there.
  if (child.plan->mounts.propagation != MS_PRIVATE && ::mount("", "/", "", MS_SLAVE, nullptr) != 0) return errno;
  if (const int error = leave_kernel_mounts(child)) return error;
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 && errno != ELOOP) return errno;
  return result_of(::chroot("."));
}

}  // namespace

int enter_root(Child& child) {
  child.place = child.plan->mounts.rootfs.c_str();
  if (::fchdir(child.root_fd) != 0) return errno;
  int error = 0;
  if (!child.plan->mounts.own_namespace) {
    error = result_of(::chroot("."));  // the old root is the caller's too, and stays
  } else {
    error = child.plan->mounts.pivot ? pivot(child) : move_root(child);
  }
  return error != 0 ? error : result_of(::chdir("/"));
}

int protect_root(Child& child) {
  const MountPlan& plan = child.plan->mounts;
  if (plan.readonly_dev) {
    child.place = "/dev";
    const int fd = open_strictly(child.root_fd, "dev");
    if (fd < 0 || change_attributes(fd, MOUNT_ATTR_RDONLY, 0, 0, false) < 0) return errno;
    ::close(fd);
    child.place = "";
  }
  const uint64_t attributes = plan.readonly_root ? MOUNT_ATTR_RDONLY : 0;
  if (attributes == 0 && plan.final_propagation == 0) return 0;
  return result_of(change_attributes(child.root_fd, attributes, 0, plan.final_propagation, false));
}

}  // namespace plimsoll::isolate
