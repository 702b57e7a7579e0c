// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/file_systems.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "base/text.h"
#include "collectors/container/mount_table.h"

namespace plimsoll::collectors::container {
namespace {

constexpr std::string_view kDevices = "/dev/";

// On a block device of this machine, and not an image that is always full.
constexpr std::string_view kOnBlockDevice[] = {"bcachefs", "btrfs",   "ext2",     "ext3",  "ext4",
                                               "f2fs",     "hfsplus", "jfs",      "msdos", "nilfs2",
                                               "ntfs3",    "exfat",   "reiserfs", "vfat",  "xfs"};
// These answer from memory; a path may lead through them.
constexpr std::string_view kInMemory[] = {
    "binfmt_misc", "bpf",     "cgroup",     "cgroup2",   "configfs", "cramfs", "debugfs", "devpts", "devtmpfs",
    "erofs",       "fusectl", "hugetlbfs",  "iso9660",   "mqueue",   "nsfs",   "overlay", "proc",   "pstore",
    "ramfs",       "rootfs",  "securityfs", "selinuxfs", "squashfs", "sysfs",  "tmpfs",   "tracefs"};

template <size_t N>
bool contains(const std::string_view (&list)[N], std::string_view wanted) {
  return std::find(std::begin(list), std::end(list), wanted) != std::end(list);
}

std::string number(dev_t device) { return std::to_string(major(device)) + ":" + std::to_string(minor(device)); }

// Process 1's, or the agent's own where it has no right to that.
Result<std::string> read_mounts(const std::string& proc) {
  auto text = read_file(proc + "/1/mountinfo");
  return text ? std::move(text) : read_file(proc + "/self/mountinfo");
}

// "/dev/root" is what the kernel calls the device of its command line, and no name of a device.
bool is_device(std::string_view source) { return source.starts_with(kDevices) && source != "/dev/root"; }

std::string name_in_sysfs(const std::string& sys, std::string_view device) {
  auto text = read_file(sys + "/dev/block/" + std::string(device) + "/uevent");
  if (!text) return "";
  for (std::string_view rest = *text; !rest.empty();) {
    std::string_view line = take(rest, '\n');
    if (take(line, '=') == "DEVNAME" && !line.empty()) return std::string(kDevices) + std::string(line);
  }
  return "";
}

struct Candidate {
  std::string device, name, point;
  bool own_number = true;  // stat(2) shows the number that the mount table has; not so on btrfs
};

// Whether the way to `point` leads through a mount of `suspects`.
bool leads_through(const std::string& point, const std::vector<std::string>& suspects) {
  return std::any_of(suspects.begin(), suspects.end(), [&](const std::string& suspect) {
    return point.starts_with(suspect) && (point.size() == suspect.size() || point[suspect.size()] == '/');
  });
}

std::vector<Candidate> candidates(const HostRoots& roots, std::string_view mounts) {
  std::vector<Candidate> found;
  std::vector<std::string> suspects;
  for_each_mount(mounts, [&](const Mount& mount) {
    const bool on_disk = contains(kOnBlockDevice, mount.type);
    std::string point = unescape_octal(mount.point);
    std::erase(suspects, point);  // what is mounted on it hides it, as a disk does its own autofs
    if (!on_disk && !contains(kInMemory, mount.type) && point != "/") suspects.push_back(point);
    if (!on_disk || !mount.source.starts_with('/')) return;
    std::string name = is_device(mount.source) ? unescape_octal(mount.source) : name_in_sysfs(roots.sys, mount.device);
    if (name.empty()) name = mount.device;
    found.push_back({std::string(mount.device), std::move(name), std::move(point), mount.type != "btrfs"});
  });
  std::erase_if(found, [&](const Candidate& one) { return leads_through(one.point, suspects); });
  return found;
}

// False also for a mount point that another mount hides.
bool read_mount(const HostRoots& roots, const Candidate& mount, LayerUsage& usage) {
  const std::string path = (roots.rootfs == "/" ? "" : roots.rootfs) + mount.point;
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0 || (mount.own_number && number(st.st_dev) != mount.device)) return false;
  return read_capacity(fd.get(), usage);
}

}  // namespace

std::string device_name(const HostRoots& roots, dev_t device) {
  const std::string wanted = number(device);
  std::string name;
  if (auto text = read_mounts(roots.proc)) {
    for_each_mount(*text, [&](const Mount& mount) {
      if (name.empty() && mount.device == wanted && is_device(mount.source)) name = unescape_octal(mount.source);
    });
  }
  if (name.empty()) name = name_in_sysfs(roots.sys, wanted);
  return name.empty() ? wanted : name;
}

bool read_capacity(int fd, LayerUsage& usage) {
  struct statvfs st;
  if (::fstatvfs(fd, &st) != 0) return false;
  usage.limit_bytes = uint64_t{st.f_blocks} * st.f_frsize;
  usage.used_bytes = uint64_t{st.f_blocks - st.f_bfree} * st.f_frsize;
  if (st.f_files == 0) return true;
  usage.inodes_total = st.f_files;
  usage.inodes_free = st.f_ffree;
  usage.used_inodes = st.f_files - st.f_ffree;
  return true;
}

std::vector<LayerUsage> machine_file_systems(const HostRoots& roots) {
  std::vector<LayerUsage> found;
  auto text = read_mounts(roots.proc);
  if (!text) return found;
  std::vector<std::string> done;
  const int64_t now_ns = wall_clock_ns();
  for (const Candidate& mount : candidates(roots, *text)) {
    if (std::find(done.begin(), done.end(), mount.device) != done.end()) continue;
    LayerUsage usage;
    if (!read_mount(roots, mount, usage)) continue;
    usage.device = mount.name;
    usage.measured_ns = now_ns;
    found.push_back(std::move(usage));
    done.push_back(mount.device);
  }
  return found;
}

}  // namespace plimsoll::collectors::container
