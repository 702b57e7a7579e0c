// SPDX-License-Identifier: Apache-2.0
// Mounted file systems from /proc/1/mountinfo (mountinfo.h) and what statvfs(3) says about each.
//
// Process 1's file shows the host's mounts also to an agent that runs in a mount namespace of its own; where it
// cannot be read, the agent's own is used. The file is read at every scrape, but parsed and filtered only when its
// text has changed. poll(2) would tell of changed mounts for less, but not of a file system that the kernel made
// read-only after an error, which is the change that somebody must hear of.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/mount_probe.h"
#include "collectors/host/parts/mountinfo.h"
#include "collectors/host/parts/name_filter.h"
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

constexpr Flag kMountPointsInclude = {"filesystem.mount-points-include", FlagKind::kInclude, "",
                                      "Mount points to show, instead of those not excluded"};
constexpr Flag kMountPointsExclude = {
    "filesystem.mount-points-exclude", FlagKind::kExclude,
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "Mount points to leave out"};
constexpr Flag kTypesInclude = {"filesystem.fs-types-include", FlagKind::kInclude, "",
                                "Types of file systems to show, instead of those not excluded"};
constexpr Flag kTypesExclude = {
    "filesystem.fs-types-exclude", FlagKind::kExclude,
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|"
    "proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$",
    "Types of file systems to leave out"};
constexpr Flag kIgnoredMountPoints = {"filesystem.ignored-mount-points", FlagKind::kRegex, "",
                                      "Former name of --collector.filesystem.mount-points-exclude"};
constexpr Flag kIgnoredTypes = {"filesystem.ignored-fs-types", FlagKind::kRegex, "",
                                "Former name of --collector.filesystem.fs-types-exclude"};
constexpr Flag kTimeout = {"filesystem.mount-timeout", FlagKind::kDuration, "5s",
                           "How long a scrape waits for file systems that do not answer"};
constexpr Flag kWorkers = {"filesystem.stat-workers", FlagKind::kNumber, "4",
                           "How many file systems that might hang are asked side by side"};
constexpr const Flag* kFlags[] = {&kMountPointsInclude, &kMountPointsExclude, &kTypesInclude, &kTypesExclude,
                                  &kIgnoredMountPoints, &kIgnoredTypes,       &kTimeout,      &kWorkers};

// `former` stands in for `exclude` where neither flag of the pair is given.
NameFilter filter_of(const Flags& flags, const Flag& include, const Flag& exclude, const Flag& former) {
  if (flags.text(former).empty() || flags.given(include) || flags.given(exclude))
    return NameFilter(flags, include, exclude);
  return NameFilter("", flags.text(former));
}

// statvfs(3) of these is answered from memory, so that it can be asked on the spot. The others might
// hang, and so might a path that leads through them: those go to a thread that may be lost.
constexpr std::string_view kNeverHang[] = {"btrfs", "devtmpfs", "ext2",  "ext3",  "ext4", "f2fs",
                                           "proc",  "ramfs",    "sysfs", "tmpfs", "vfat", "xfs"};

// Where statvfs(3) does not tell that a file system has turned read-only, the table is made again when it is older than
// this: on a host of many containers that costs more than everything else here, so not at each scrape.
constexpr std::chrono::seconds kNarrowedAge(60);

// What is shown of a mount as long as the table's text stays.
struct Mount {
  std::string_view major, minor, type, source;  // into the table's text
  std::string mount_point;                      // as the host calls it
  bool read_only = false;
  bool narrowed = false;  // it is read-only from where we look, though not for the host: statvfs(3) does not tell
  bool may_hang = false;
  std::string labels, info_labels;  // rendered, without an error
};

template <size_t N>
bool contains(const std::string_view (&list)[N], std::string_view wanted) {
  return std::find(std::begin(list), std::end(list), wanted) != std::end(list);
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

// The mount point as the host calls it: without the place where the host's root is mounted here.
std::string without_rootfs(std::string path, const std::string& rootfs) {
  if (rootfs == "/" || !path.starts_with(rootfs)) return path;
  if (path.size() == rootfs.size()) return "/";
  return path[rootfs.size()] == '/' ? path.substr(rootfs.size()) : path;
}

Result<std::vector<Mount>> parse_mountinfo(std::string_view text, const std::string& rootfs) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const auto line = parse_mount_line(take(text, '\n'));
    if (!line) return unexpected(line.error());
    if (!line->mount_point.starts_with('/')) return fail("a mount point is no absolute path");
    Mount mount{line->major, line->minor, line->type, line->source, {}, false, false, false, {}, {}};
    mount.mount_point = without_rootfs(unescape_octal(line->mount_point), rootfs);
    mount.read_only = has_option(line->options, "ro") || has_option(line->super_options, "ro");
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// Of several mounts on one mount point only the last is visible, and only it can be asked.
std::vector<Mount> visible(std::vector<Mount> mounts) {
  std::unordered_map<std::string_view, size_t> last;
  for (size_t i = 0; i < mounts.size(); ++i) last[mounts[i].mount_point] = i;
  std::vector<bool> keep;
  for (size_t i = 0; i < mounts.size(); ++i) keep.push_back(last[mounts[i].mount_point] == i);
  std::vector<Mount> kept;
  for (size_t i = 0; i < mounts.size(); ++i)
    if (keep[i]) kept.push_back(std::move(mounts[i]));
  return kept;
}

// The value of device_error: Go's words for the error, "" when all is well.
std::string error_text(const Result<FsUsage>& usage) {
  if (usage) return "";
  if (usage.error().code == ETIMEDOUT) return "mountpoint timeout";
  if (usage.error().code == ESTALE) return "stale NFS file handle";
  std::string text = std::strerror(usage.error().code);
  if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

LabelSet labels_of(const Mount& mount, const std::string& error) {
  return {{"device", mount.source}, {"device_error", error}, {"fstype", mount.type}, {"mountpoint", mount.mount_point}};
}

// Renders the labels once for many scrapes. Names that differ only in bytes that cannot be shown are the same
// when rendered, and the second one is left out: a page that repeats a sample is refused as a whole.
void render(std::vector<Mount>& mounts) {
  std::unordered_set<std::string> seen;
  for (Mount& mount : mounts) {
    mount.labels = labels_of(mount, "").rendered();
    const LabelSet info{
        {"device", mount.source}, {"major", mount.major}, {"minor", mount.minor}, {"mountpoint", mount.mount_point}};
    mount.info_labels = info.rendered();
  }
  std::erase_if(mounts, [&](const Mount& mount) { return !seen.insert(mount.labels).second; });
}

using Usages = std::vector<Result<FsUsage>>;

// A file system that gave no answer has device_error and readonly only.
void write(MetricWriter& writer, const std::vector<Mount>& mounts, const Usages& usages) {
  std::vector<LabelRef> labels;
  for (size_t i = 0; i < mounts.size(); ++i)
    labels.push_back(usages[i] ? writer.labels(mounts[i].labels)
                               : writer.labels(labels_of(mounts[i], error_text(usages[i]))));
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
  for (size_t i = 0; i < mounts.size(); ++i)
    if (usages[i]) writer.sample(writer.labels(mounts[i].info_labels), 1);
}

// Half of what is left of the scrape's time: the other half is for the other collectors.
MountProbe::Clock::time_point patience_of(const MetricWriter& writer) {
  if (writer.deadline_ns() == INT64_MAX) return MountProbe::Clock::time_point::max();
  const auto now = MountProbe::Clock::now();
  const MountProbe::Clock::time_point deadline{std::chrono::nanoseconds(writer.deadline_ns())};
  return now + (deadline - now) / 2;
}

class FilesystemCollector : public Collector {
 public:
  explicit FilesystemCollector(const Setup& setup)
      : rootfs_(setup.roots.rootfs),
        points_(filter_of(setup.flags, kMountPointsInclude, kMountPointsExclude, kIgnoredMountPoints)),
        types_(filter_of(setup.flags, kTypesInclude, kTypesExclude, kIgnoredTypes)),
        init_(setup.roots.proc + "/1/mountinfo"),
        own_(setup.roots.proc + "/self/mountinfo"),
        probe_({.timeout = setup.flags.duration(kTimeout), .workers = setup.flags.number(kWorkers)}) {
    while (rootfs_.size() > 1 && rootfs_.back() == '/') rootfs_.pop_back();
  }
  std::string_view name() const override { return "filesystem"; }

  Result<void> collect(MetricWriter& writer) override {
    const bool same = is_same_table();
    if (auto read = same ? Result<void>{} : read_table(); !read) return read;
    const Usages usages = ask(patience_of(writer));
    if (same) {
      take_read_only(usages);
    } else {
      note_narrowed(usages);
    }
    write(writer, mounts_, usages);
    return {};
  }

 private:
  // On a host of many containers making the table costs the kernel more than everything else here.
  bool is_same_table() {
    const bool changed = from_init_ ? init_.may_have_changed() : own_.may_have_changed();
    const bool old = any_narrowed_ && std::chrono::steady_clock::now() - read_at_ >= kNarrowedAge;
    return !changed && !old && !text_.empty();
  }

  Result<void> read_table() {
    auto read = init_.read();
    from_init_ = read.has_value();
    if (!read) read = own_.read();
    if (!read) return unexpected(read.error());
    const auto refreshed = refresh(*read);
    read_at_ = std::chrono::steady_clock::now();
    if (refreshed) return {};
    return unexpected(refreshed.error().within((from_init_ ? init_ : own_).path()));
  }

  // A file system that turns read-only after an error does so without a word about its mounts.
  void take_read_only(const Usages& usages) {
    for (size_t i = 0; i < mounts_.size(); ++i)
      if (usages[i] && !mounts_[i].narrowed) mounts_[i].read_only = usages[i]->read_only;
  }

  // The table is the host's; what we see of it may be less: ProtectSystem= of a unit, the host's root bound read-only
  // into a container.
  void note_narrowed(const Usages& usages) {
    any_narrowed_ = false;
    for (size_t i = 0; i < mounts_.size(); ++i) {
      mounts_[i].narrowed = usages[i] && usages[i]->read_only && !mounts_[i].read_only;
      any_narrowed_ |= mounts_[i].narrowed;
    }
  }

  // Makes mounts_ those of `text`.
  Result<void> refresh(std::string_view text) {
    if (text == text_ && !text.empty()) return {};
    mounts_.clear();
    text_ = text;
    auto parsed = parse_mountinfo(text_, rootfs_);
    if (!parsed) {
      text_.clear();
      return unexpected(parsed.error());
    }
    mark_what_may_hang(*parsed);
    mounts_ = visible(*std::move(parsed));
    std::erase_if(mounts_,
                  [&](const Mount& mount) { return !points_.keeps(mount.mount_point) || !types_.keeps(mount.type); });
    render(mounts_);
    return {};
  }

  std::string path_of(const Mount& mount) const {
    return rootfs_ == "/" ? mount.mount_point : rootfs_ + mount.mount_point;
  }

  Usages ask(MountProbe::Clock::time_point deadline) {
    std::vector<std::string> suspects;
    for (const Mount& mount : mounts_)
      if (mount.may_hang) suspects.push_back(path_of(mount));
    Usages probed = probe_.ask_all(suspects, deadline);
    Usages usages;
    auto next = probed.begin();
    for (const Mount& mount : mounts_)
      usages.push_back(mount.may_hang ? std::move(*next++) : statvfs_usage(path_of(mount)));
    return usages;
  }

  std::string rootfs_;
  NameFilter points_;
  NameFilter types_;
  KeptFile init_;
  KeptFile own_;
  bool from_init_ = true;
  bool any_narrowed_ = false;
  std::chrono::steady_clock::time_point read_at_;  // the table
  std::string text_;           // that mounts_ was made from; never moved, since they look into it
  std::vector<Mount> mounts_;  // those that are shown
  MountProbe probe_;
};

}  // namespace

const Entry kFilesystemCollector = {"filesystem", "Space and inodes of mounted file systems: proc 1/mountinfo, statvfs",
                                    Default::kOn, make<FilesystemCollector>, kFlags};

}  // namespace plimsoll::collectors::host
