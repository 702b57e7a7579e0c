// SPDX-License-Identifier: Apache-2.0
// Mounted file systems from /proc/1/mountinfo and what statvfs(3) says about each.
//
//   27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
//   35 27 0:29 / /mnt/with\040blank ro,nosuid shared:7 - nfs4 server:/export rw,vers=4.2
//
// id, parent, major:minor, root, mount point, options, optional fields up to "-", type, source,
// options of the file system. Process 1's file shows the host's mounts also to an agent that runs in
// a mount namespace of its own; where it cannot be read, the agent's own is used. proc_pid_mountinfo(5)
#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/text.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/mount_probe.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr MetricDesc kDeviceError = {"node_filesystem_device_error",
                                     "1 when the file system could not be asked; device_error says why.", kGauge};
constexpr MetricDesc kReadonly = {"node_filesystem_readonly", "1 when the file system is mounted read-only.", kGauge};
constexpr MetricDesc kMountInfo = {"node_filesystem_mount_info",
                                   "Device numbers of the mount, as labels of a constant 1.", kGauge};

struct UsageFamily {
  MetricDesc desc;
  uint64_t FsUsage::*field;
};

constexpr UsageFamily kUsage[] = {
    {{"node_filesystem_size_bytes", "Size of the file system, in bytes.", kGauge}, &FsUsage::size_bytes},
    {{"node_filesystem_free_bytes", "Free space with what is reserved for root, in bytes.", kGauge},
     &FsUsage::free_bytes},
    {{"node_filesystem_avail_bytes", "Free space for users other than root, in bytes.", kGauge},
     &FsUsage::available_bytes},
    {{"node_filesystem_files", "Inodes of the file system, used and free.", kGauge}, &FsUsage::files},
    {{"node_filesystem_files_free", "Free inodes.", kGauge}, &FsUsage::files_free},
};

// Kernel interfaces and images that are always full: node_exporter's default.
constexpr std::string_view kLeftOutTypes[] = {
    "autofs", "binfmt_misc", "bpf",        "cgroup",    "cgroup2",  "configfs", "debugfs", "devpts", "devtmpfs",
    "erofs",  "fusectl",     "hugetlbfs",  "iso9660",   "mqueue",   "nsfs",     "overlay", "proc",   "procfs",
    "pstore", "rpc_pipefs",  "securityfs", "selinuxfs", "squashfs", "sysfs",    "tracefs",
};
// Left out with everything below them.
constexpr std::string_view kLeftOutTrees[] = {"/dev", "/proc", "/sys"};
// Left out below them, but not themselves.
constexpr std::string_view kLeftOutContents[] = {"/run/credentials/", "/var/lib/docker/",
                                                 "/var/lib/containers/storage/"};

// statvfs(3) of these is answered from memory, so that it can be asked on the spot. The others might
// hang, and so might a path that leads through them: those go to a thread that may be lost.
constexpr std::string_view kNeverHang[] = {"btrfs", "devtmpfs", "ext2",  "ext3",  "ext4", "f2fs",
                                           "proc",  "ramfs",    "sysfs", "tmpfs", "vfat", "xfs"};

struct Mount {
  std::string_view major, minor, type;  // into the parsed text
  std::string mount_point, source;
  bool read_only = false;
  bool may_hang = false;
};

template <size_t N>
bool contains(const std::string_view (&list)[N], std::string_view wanted) {
  return std::find(std::begin(list), std::end(list), wanted) != std::end(list);
}

// Whether `path` is `tree` or below it; both without a slash at the end.
bool is_within(std::string_view path, std::string_view tree) {
  if (tree == "/") return true;
  return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

bool is_left_out(std::string_view mount_point, std::string_view type) {
  if (contains(kLeftOutTypes, type)) return true;
  for (std::string_view tree : kLeftOutTrees)
    if (is_within(mount_point, tree)) return true;
  for (std::string_view tree : kLeftOutContents)
    if (mount_point.starts_with(tree) && mount_point.size() > tree.size()) return true;
  return false;
}

// Whether `path` or a directory above it is among `places`.
bool leads_through(std::string_view path, const std::unordered_set<std::string_view>& places) {
  for (size_t end = path.size(); end != std::string_view::npos && end > 0; end = path.rfind('/', end - 1))
    if (places.contains(path.substr(0, end))) return true;
  return places.contains("/");
}

// Marks every mount that is, or is reached through, a file system that might not answer.
void mark_what_may_hang(std::vector<Mount>& mounts) {
  std::unordered_set<std::string_view> suspects;
  for (const Mount& mount : mounts)
    if (!contains(kNeverHang, mount.type)) suspects.insert(mount.mount_point);
  for (Mount& mount : mounts) mount.may_hang = leads_through(mount.mount_point, suspects);
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty())
    if (take(options, ',') == wanted) return true;
  return false;
}

// Fields are taken by single blanks, not by runs of them: the source may be empty.
Result<Mount> parse_line(std::string_view line) {
  take(line, ' ');  // id
  take(line, ' ');  // parent
  Mount mount;
  mount.minor = take(line, ' ');
  mount.major = take(mount.minor, ':');
  take(line, ' ');  // root of the mount within the file system
  mount.mount_point = unescape_octal(take(line, ' '));
  const std::string_view options = take(line, ' ');
  while (!line.empty() && take(line, ' ') != "-") continue;
  mount.type = take(line, ' ');
  mount.source = unescape_octal(take(line, ' '));
  if (!mount.mount_point.starts_with('/') || mount.minor.empty() || mount.type.empty() || line.empty())
    return fail("malformed line for mount point '" + mount.mount_point + "'");
  mount.read_only = has_option(options, "ro") || has_option(line, "ro");
  return mount;
}

Result<std::vector<Mount>> parse_mountinfo(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<Mount> mounts;
  while (!text.empty()) {
    auto mount = parse_line(take(text, '\n'));
    if (!mount) return unexpected(mount.error());
    mounts.push_back(*std::move(mount));
  }
  return mounts;
}

// The mount point as the host calls it: without the place where the host's root is mounted here.
std::string without_rootfs(const std::string& path, const std::string& rootfs) {
  if (rootfs == "/" || !path.starts_with(rootfs)) return path;
  if (path.size() == rootfs.size()) return "/";
  return path[rootfs.size()] == '/' ? path.substr(rootfs.size()) : path;
}

// Of several mounts on one mount point only the last is visible, and only it can be asked.
std::vector<Mount> visible(std::vector<Mount> mounts) {
  std::unordered_map<std::string, size_t> last;
  for (size_t i = 0; i < mounts.size(); ++i) last[mounts[i].mount_point] = i;
  std::vector<Mount> kept;
  for (size_t i = 0; i < mounts.size(); ++i)
    if (last[mounts[i].mount_point] == i) kept.push_back(std::move(mounts[i]));
  return kept;
}

// The value of device_error: "" when all is well.
std::string error_text(const Result<FsUsage>& usage) {
  if (usage) return "";
  if (usage.error().code == ETIMEDOUT) return "mountpoint timeout";
  std::string text = std::strerror(usage.error().code);
  if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

LabelSet labels_of(const Mount& mount, const Result<FsUsage>& usage) {
  return {{"device", mount.source},
          {"device_error", error_text(usage)},
          {"fstype", mount.type},
          {"mountpoint", mount.mount_point}};
}

class FilesystemCollector : public Collector {
 public:
  explicit FilesystemCollector(const Setup& setup)
      : rootfs_(setup.roots.rootfs),
        init_(setup.roots.proc + "/1/mountinfo"),
        own_(setup.roots.proc + "/self/mountinfo") {
    while (rootfs_.size() > 1 && rootfs_.back() == '/') rootfs_.pop_back();
  }
  std::string_view name() const override { return "filesystem"; }

  Result<void> collect(MetricWriter& writer) override {
    auto parsed = read_and_parse(init_, parse_mountinfo);
    if (!parsed && parsed.error().code != 0) parsed = read_and_parse(own_, parse_mountinfo);
    if (!parsed) return unexpected(parsed.error());
    const std::vector<Mount> mounts = select(*std::move(parsed));
    write(writer, mounts, ask(mounts));
    return {};
  }

 private:
  std::vector<Mount> select(std::vector<Mount> mounts) const {
    for (Mount& mount : mounts) mount.mount_point = without_rootfs(mount.mount_point, rootfs_);
    mark_what_may_hang(mounts);
    mounts = visible(std::move(mounts));
    std::erase_if(mounts, [](const Mount& mount) { return is_left_out(mount.mount_point, mount.type); });
    return mounts;
  }

  std::string path_of(const Mount& mount) const {
    return rootfs_ == "/" ? mount.mount_point : rootfs_ + mount.mount_point;
  }

  std::vector<Result<FsUsage>> ask(const std::vector<Mount>& mounts) {
    std::vector<std::string> suspects;
    for (const Mount& mount : mounts)
      if (mount.may_hang) suspects.push_back(path_of(mount));
    std::vector<Result<FsUsage>> probed = probe_.ask_all(suspects);
    std::vector<Result<FsUsage>> usages;
    auto next = probed.begin();
    for (const Mount& mount : mounts)
      usages.push_back(mount.may_hang ? std::move(*next++) : statvfs_usage(path_of(mount)));
    return usages;
  }

  // A file system that gave no answer has device_error and readonly only.
  static void write(MetricWriter& writer, const std::vector<Mount>& mounts,
                    const std::vector<Result<FsUsage>>& usages) {
    std::vector<LabelRef> labels;
    for (size_t i = 0; i < mounts.size(); ++i) labels.push_back(writer.labels(labels_of(mounts[i], usages[i])));
    writer.family(kDeviceError);
    for (size_t i = 0; i < mounts.size(); ++i) writer.sample(labels[i], !usages[i].has_value());
    writer.family(kReadonly);
    for (size_t i = 0; i < mounts.size(); ++i) writer.sample(labels[i], mounts[i].read_only);
    for (const UsageFamily& family : kUsage) {
      writer.family(family.desc);
      for (size_t i = 0; i < mounts.size(); ++i)
        if (usages[i]) writer.sample(labels[i], (*usages[i]).*family.field);
    }
    writer.family(kMountInfo);
    for (size_t i = 0; i < mounts.size(); ++i) {
      if (!usages[i]) continue;
      const Mount& mount = mounts[i];
      const LabelSet info{
          {"device", mount.source}, {"major", mount.major}, {"minor", mount.minor}, {"mountpoint", mount.mount_point}};
      writer.sample(writer.labels(info), 1);
    }
  }

  std::string rootfs_;
  KeptFile init_;
  KeptFile own_;
  MountProbe probe_;
};

}  // namespace

const Entry kFilesystemCollector = {"filesystem", "Space and inodes of mounted file systems: proc 1/mountinfo, statvfs",
                                    Default::kOn, make<FilesystemCollector>};

}  // namespace plimsoll::collectors::host
