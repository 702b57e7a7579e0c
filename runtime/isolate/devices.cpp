// SPDX-License-Identifier: Apache-2.0
// Device nodes and what is hidden. config-linux.md "Devices", "Masked Paths", "Readonly Paths"; mknod(2)
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/isolate/new_mount.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

struct Link {
  const char* name;
  const char* target;
};
constexpr Link kDeviceLinks[] = {{"fd", "/proc/self/fd"},
                                 {"stdin", "/proc/self/fd/0"},
                                 {"stdout", "/proc/self/fd/1"},
                                 {"stderr", "/proc/self/fd/2"},
                                 {"ptmx", "pts/ptmx"}};

// The directory that a device lies in, made where it is missing; kept for the next one, which mostly lies there too.
class DeviceDirectory {
 public:
  explicit DeviceDirectory(int root_fd) : root_fd_(root_fd) {}
  ~DeviceDirectory() {
    if (fd_ >= 0) ::close(fd_);
  }
  DeviceDirectory(const DeviceDirectory&) = delete;
  DeviceDirectory& operator=(const DeviceDirectory&) = delete;

  int of(const InnerPath& path) {
    const std::string_view level = path.levels.back();
    const std::string_view name = level.substr(0, level.size() - std::strlen(last_component(path.levels.back())));
    if (fd_ >= 0 && name == name_) return fd_;
    if (fd_ >= 0) ::close(fd_);
    name_ = name;
    return fd_ = open_or_make(root_fd_, path, {.parent_only = true});
  }

 private:
  int root_fd_;
  int fd_ = -1;
  std::string_view name_;  // of the plan
};

// One that the image has brought along will do.
bool is_there(int parent_fd, const char* name, const PlannedDevice& device) {
  struct stat st;
  return ::fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == (device.mode & S_IFMT) &&
         st.st_rdev == device.number;
}

// It gets its mode while it is made: a chmod(2) afterwards would follow a link that somebody who shares the directory
// has put in its place, and we are still on the host.
int make_node(int parent_fd, const char* name, const PlannedDevice& device) {
  const int error = result_of(::mknodat(parent_fd, name, device.mode, device.number));
  if (error != 0) return error == EEXIST && is_there(parent_fd, name, device) ? 0 : error;
  if (device.uid == 0 && device.gid == 0) return 0;
  return result_of(::fchownat(parent_fd, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW));
}

// In a user namespace devices cannot be made; the host's is bound, if it is the one that was asked for.
int bind_node(const Child& child, int parent_fd, const char* name, const PlannedDevice& device) {
  if (::mknodat(parent_fd, name, S_IFREG | 0644, 0) != 0 && errno != EEXIST) return errno;
  const int tree_fd = device.tree_name.empty()
                          ? clone_tree(AT_FDCWD, device.host_path.c_str(), 0)
                          : clone_tree(child.plan->mounts.device_tree.get(), device.tree_name.c_str(), 0);
  struct stat st;
  if (tree_fd < 0 || ::fstat(tree_fd, &st) != 0) return errno;
  if ((st.st_mode & S_IFMT) != (device.mode & S_IFMT) || st.st_rdev != device.number) return ENODEV;
  return attach_and_close(tree_fd, ::openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

int make_device(Child& child, DeviceDirectory& directory, const PlannedDevice& device) {
  child.place = device.path.shown.c_str();
  const int parent_fd = directory.of(device.path);
  if (parent_fd < 0) return errno;
  const char* const name = last_component(device.path.levels.back());
  return device.host_path.empty() ? make_node(parent_fd, name, device) : bind_node(child, parent_fd, name, device);
}

// Before Linux 6.15 only a mount that is attached can be cloned: this one over the root that is left soon.
int attach_device_tree(Child& child) {
  if (!child.plan->mounts.device_tree) return 0;
  child.place = "/";
  const int root_fd = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const int error = root_fd < 0 || attach(child.plan->mounts.device_tree.get(), root_fd) < 0 ? errno : 0;
  if (root_fd >= 0) ::close(root_fd);
  return error;
}

int make_links(Child& child) {
  child.dev_fd = open_strictly(child.root_fd, "dev");
  if (child.dev_fd < 0) return errno;
  for (const Link& link : kDeviceLinks) {
    child.place = link.name;
    if (::symlinkat(link.target, child.dev_fd, link.name) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

// /dev/null of the container, if it is one; where /dev is not ours, the host's.
int clone_null(const Child& child) {
  const int tree_fd = child.dev_fd >= 0 ? clone_tree(child.dev_fd, "null", AT_SYMLINK_NOFOLLOW)
                                        : clone_tree(AT_FDCWD, "/dev/null", AT_SYMLINK_NOFOLLOW);
  struct stat st;
  if (tree_fd < 0 || (::fstat(tree_fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(1, 3)))
    return tree_fd;
  ::close(tree_fd);
  errno = ENODEV;
  return -1;
}

// The first mask is an empty tmpfs, the others are clones of it: before Linux 6.15 only a mount that is attached
// can be cloned.
int mask_directory(int& empty_fd, int target_fd) {
  if (empty_fd >= 0) return attach_and_close(clone_tree(empty_fd, "", AT_EMPTY_PATH), target_fd);
  static constexpr FixedOption kOptions[] = {{"mode", "555"}, {"size", "4096"}};
  empty_fd = new_mount("tmpfs", kOptions, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  return attach_and_close(empty_fd < 0 ? -1 : ::fcntl(empty_fd, F_DUPFD_CLOEXEC, 3), target_fd);
}

// Where /proc is ours, what is hidden there is found in our mount, whatever somebody who shares the root file system
// has put in the place of the directory meanwhile.
int open_hidden(const Child& child, const char* path) {
  constexpr size_t kPrefix = 6;
  if (child.proc_fd < 0 || std::strncmp(path, "/proc/", kPrefix) != 0) return open_inside(child.root_fd, path + 1);
  return open_inside(child.proc_fd, path[kPrefix] == '\0' ? "." : path + kPrefix);
}

// What this kernel does not have needs no mask.
int mask_one(Child& child, int& empty_fd, const char* path) {
  child.place = path;
  const int target_fd = open_hidden(child, path);
  if (target_fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  struct stat st;
  if (::fstat(target_fd, &st) != 0) return errno;
  if (!S_ISDIR(st.st_mode)) return attach_and_close(clone_null(child), target_fd);
  return mask_directory(empty_fd, target_fd);
}

int protect_one(Child& child, const char* path) {
  child.place = path;
  const int target_fd = open_hidden(child, path);
  if (target_fd < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  const int tree_fd = clone_tree(target_fd, "", AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree_fd < 0 || change_attributes(tree_fd, MOUNT_ATTR_RDONLY, 0, 0, true) < 0) return errno;
  return attach_and_close(tree_fd, target_fd);
}

}  // namespace

int make_devices(Child& child) {
  if (const int error = attach_device_tree(child)) return error;
  const mode_t before = ::umask(0);
  DeviceDirectory directory(child.root_fd);
  for (const PlannedDevice& device : child.plan->mounts.devices) {
    if (const int error = make_device(child, directory, device)) return error;
  }
  ::umask(before);
  return child.plan->mounts.device_links ? make_links(child) : 0;
}

int mask_paths(Child& child) {
  int empty_fd = -1;
  for (const std::string& path : child.plan->mounts.masked) {
    if (const int error = mask_one(child, empty_fd, path.c_str())) return error;
  }
  return 0;
}

int protect_paths(Child& child) {
  for (const std::string& path : child.plan->mounts.readonly) {
    if (const int error = protect_one(child, path.c_str())) return error;
  }
  return 0;
}

}  // namespace plimsoll::isolate
