// SPDX-License-Identifier: Apache-2.0
// btrfs: a directory of /sys/fs/btrfs per mounted file system, and what the file systems say about their
// devices (btrfs_devices.h).
//
//   label, metadata_uuid                       one line each
//   allocation/data/bytes_reserved             the same for metadata and system
//   allocation/data/raid1/total_bytes          a directory per profile in use
//   devices/sda/size                           in sectors of 512 bytes
//   commit_stats                               "commits 258051", "last_commit_ms 1000" ...; Linux 6.0
//
// fs/btrfs/sysfs.c; btrfs(5)
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/btrfs_devices.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/device_files.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr uint64_t kSectorBytes = 512;

enum Family : size_t {
  kInfo,
  kGlobalReserve,
  kCommits,
  kLastCommit,
  kMaxCommit,
  kCommitTime,
  kReserved,
  kUsed,
  kSize,
  kRatio,
  kFamilyCount
};

constexpr MetricDesc kFamilies[kFamilyCount] = {
    {"node_btrfs_info", "The file system's label, as a label of a constant 1.", kGauge},
    {"node_btrfs_global_rsv_size_bytes", "Metadata space kept for emergencies, in bytes.", kGauge},
    {"node_btrfs_commits_total", "Transactions committed since the file system was mounted.", kCounter},
    {"node_btrfs_last_commit_seconds", "How long the last commit took, in seconds.", kGauge},
    {"node_btrfs_max_commit_seconds", "How long the slowest commit took, in seconds.", kGauge},
    {"node_btrfs_commit_seconds_total", "Sum of the time all commits took, in seconds.", kCounter},
    {"node_btrfs_reserved_bytes", "Space promised to writes under way, by kind of block group, in bytes.", kGauge},
    {"node_btrfs_used_bytes", "Space in use, by kind of block group and profile, in bytes.", kGauge},
    {"node_btrfs_size_bytes", "Space allocated, by kind of block group and profile, in bytes.", kGauge},
    {"node_btrfs_allocation_ratio", "How many bytes of the devices one byte of this profile takes.", kGauge},
};

constexpr std::string_view kGroups[] = {"data", "metadata", "system"};

struct Commits {
  uint64_t count, last_ms, max_ms, total_ms;
};

Result<Commits> parse_commits(std::string_view text) {
  const auto count = find_u64(text, "commits"), last = find_u64(text, "last_commit_ms");
  const auto max = find_u64(text, "max_commit_ms"), total = find_u64(text, "total_commit_ms");
  if (!count || !last || !max || !total) return fail("not the four numbers of commits");
  return Commits{*count, *last, *max, *total};
}

// nullopt for a profile that is not known, and where the number of devices makes no sense for it.
std::optional<double> ratio_of(std::string_view profile, size_t devices) {
  const auto with_parity = [&](size_t parity) -> std::optional<double> {
    if (devices <= parity) return std::nullopt;
    return static_cast<double>(devices) / static_cast<double>(devices - parity);
  };
  if (profile == "single" || profile == "raid0") return 1;
  if (profile == "dup" || profile == "raid1" || profile == "raid10") return 2;
  if (profile == "raid1c3") return 3;
  if (profile == "raid1c4") return 4;
  if (profile == "raid5") return with_parity(1);
  if (profile == "raid6") return with_parity(2);
  return std::nullopt;
}

std::string without_dashes(std::string text) {
  std::erase(text, '-');
  return text;
}

// Samples of all file systems by family, since a family is written in one piece.
using Samples = std::array<std::vector<std::pair<LabelRef, Value>>, kFamilyCount>;

// The directories within a file system's whose entries come and go.
struct Within {
  explicit Within(const std::string& path)
      : devices(path + "/devices", 16),
        groups{DeviceDir(path + "/allocation/data", 16), DeviceDir(path + "/allocation/metadata", 16),
               DeviceDir(path + "/allocation/system", 16)} {}
  DeviceDir devices;
  DeviceDir groups[3];  // one for each of kGroups
};

class BtrfsCollector : public Collector {
 public:
  explicit BtrfsCollector(const Setup& setup) : dir_(setup.roots.sys + "/fs/btrfs"), probe_(setup.roots) {}
  std::string_view name() const override { return "btrfs"; }

  // Beside the file systems there is the module's own directory "features".
  Result<void> collect(MetricWriter& writer) override {
    auto filesystems = dir_.devices();
    if (!filesystems) return unexpected(filesystems.error());
    std::erase_if(*filesystems, [](Device* device) { return device->name().find('-') == std::string::npos; });
    forget_others(*filesystems);
    if (filesystems->empty()) return {};
    const auto answers = probe_.ask_all();
    Result<void> trouble;
    Samples samples;
    std::vector<BtrfsDevices> devices;
    std::set<std::string> uuids;
    for (Device* filesystem : *filesystems) {
      BtrfsDevices one = read(writer, *filesystem, uuids, samples, trouble);
      const auto answer = answers.find(without_dashes(filesystem->name()));
      if (answer != answers.end()) one.answered = answer->second;
      devices.push_back(std::move(one));
    }
    for (size_t i = 0; i < kFamilyCount; ++i) {
      writer.family(kFamilies[i]);
      for (const auto& [labels, value] : samples[i]) writer.sample(labels, value);
    }
    write_btrfs_devices(writer, devices);
    return trouble;
  }

 private:
  void forget_others(const std::vector<Device*>& filesystems) {
    std::erase_if(within_, [&](const auto& entry) {
      return std::none_of(filesystems.begin(), filesystems.end(),
                          [&](Device* filesystem) { return filesystem->name() == entry.first; });
    });
  }

  BtrfsDevices read(MetricWriter& writer, Device& filesystem, std::set<std::string>& uuids, Samples& samples,
                    Result<void>& trouble) {
    DeviceFiles files(dir_, filesystem, trouble);
    // Copies of one file system have one metadata_uuid; the directory's name tells them apart.
    std::string uuid = files.text("metadata_uuid").value_or("");
    if (uuid.empty() || !uuids.insert(uuid).second) uuid = filesystem.name();
    uuids.insert(uuid);
    const LabelRef labels = writer.labels(LabelSet{{"uuid", uuid}});
    const std::string label = files.text("label").value_or("");
    samples[kInfo].emplace_back(writer.labels(LabelSet{{"label", label}, {"uuid", uuid}}), 1);
    if (const auto reserve = files.number("allocation/global_rsv_size"))
      samples[kGlobalReserve].emplace_back(labels, *reserve);
    if (const auto commits = files.get("commit_stats", parse_commits)) add_commits(samples, labels, *commits);
    Within& within = within_.try_emplace(filesystem.name(), dir_.path() + "/" + filesystem.name()).first->second;
    BtrfsDevices devices = read_devices(within.devices, uuid, trouble);
    for (size_t i = 0; i < std::size(kGroups); ++i) {
      const LabelSet group{{"block_group_type", kGroups[i]}, {"uuid", uuid}};
      if (const auto reserved = files.number("allocation/" + std::string(kGroups[i]) + "/bytes_reserved"))
        samples[kReserved].emplace_back(writer.labels(group), *reserved);
      read_profiles(writer, within.groups[i], kGroups[i], devices, samples, trouble);
    }
    return devices;
  }

  static void add_commits(Samples& samples, LabelRef labels, const Commits& commits) {
    const auto seconds = [](uint64_t ms) { return static_cast<double>(ms) / 1000; };
    samples[kCommits].emplace_back(labels, commits.count);
    samples[kLastCommit].emplace_back(labels, seconds(commits.last_ms));
    samples[kMaxCommit].emplace_back(labels, seconds(commits.max_ms));
    samples[kCommitTime].emplace_back(labels, seconds(commits.total_ms));
  }

  static BtrfsDevices read_devices(DeviceDir& dir, const std::string& uuid, Result<void>& trouble) {
    BtrfsDevices devices{uuid, std::nullopt, {}};
    const auto found = dir.devices();
    if (!found) return devices;
    devices.count = found->size();
    for (Device* device : *found)
      if (const auto sectors = DeviceFiles(dir, *device, trouble).number("size"))
        devices.listed.emplace_back(device->name(), *sectors * kSectorBytes);
    return devices;
  }

  static void read_profiles(MetricWriter& writer, DeviceDir& dir, std::string_view group, const BtrfsDevices& devices,
                            Samples& samples, Result<void>& trouble) {
    const auto profiles = dir.devices();
    if (!profiles) return;
    for (Device* profile : *profiles) {
      DeviceFiles files(dir, *profile, trouble);
      const LabelRef labels =
          writer.labels(LabelSet{{"block_group_type", group}, {"mode", profile->name()}, {"uuid", devices.label_uuid}});
      const auto used = files.number("used_bytes"), total = files.number("total_bytes");
      if (used) samples[kUsed].emplace_back(labels, *used);
      if (total) samples[kSize].emplace_back(labels, *total);
      const auto ratio = ratio_of(profile->name(), devices.count);
      if (ratio) samples[kRatio].emplace_back(labels, *ratio);
    }
  }

  DeviceDir dir_;
  std::map<std::string, Within, std::less<>> within_;  // by the file system's name
  BtrfsProbe probe_;
};

}  // namespace

const Entry kBtrfsCollector = {"btrfs", "Space and errors of btrfs: sys fs/btrfs, ioctl", Default::kOn,
                               make<BtrfsCollector>};

}  // namespace plimsoll::collectors::host
