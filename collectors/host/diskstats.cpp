// SPDX-License-Identifier: Apache-2.0
// node_disk_*: I/O counters of whole disks (base/diskstats.h), and what udev and sysfs know about them.
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/diskstats.h"
#include "base/text.h"
#include "collectors/host/parts/disk_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// The default leaves out memory disks, loops, floppies and the partitions of disks that are listed themselves.
constexpr Flag kInclude = {"diskstats.device-include", FlagKind::kInclude, "", "Disks to show"};
constexpr Flag kExclude = {"diskstats.device-exclude", FlagKind::kExclude,
                           "^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$", "Disks to leave out"};
constexpr Flag kIgnored = {"diskstats.ignored-devices", FlagKind::kRegex, "",
                           "Former name of diskstats.device-exclude"};

using Disk = DiskstatsLine;

enum class Unit { kCount, kSectorsAsBytes, kMilliseconds };

struct Column {
  Unit unit;
  MetricDesc desc;
};

// In the file's order: one for each of DiskstatsLine::values.
constexpr Column kColumns[] = {
    {Unit::kCount, {"node_disk_reads_completed_total", "Reads completed.", kCounter}},
    {Unit::kCount, {"node_disk_reads_merged_total", "Reads merged into an adjacent one before being sent.", kCounter}},
    {Unit::kSectorsAsBytes, {"node_disk_read_bytes_total", "Data read, in bytes.", kCounter}},
    {Unit::kMilliseconds,
     {"node_disk_read_time_seconds_total", "Sum of the time all reads took, in seconds.", kCounter}},
    {Unit::kCount, {"node_disk_writes_completed_total", "Writes completed.", kCounter}},
    {Unit::kCount,
     {"node_disk_writes_merged_total", "Writes merged into an adjacent one before being sent.", kCounter}},
    {Unit::kSectorsAsBytes, {"node_disk_written_bytes_total", "Data written, in bytes.", kCounter}},
    {Unit::kMilliseconds,
     {"node_disk_write_time_seconds_total", "Sum of the time all writes took, in seconds.", kCounter}},
    {Unit::kCount, {"node_disk_io_now", "Requests in flight.", kGauge}},
    {Unit::kMilliseconds, {"node_disk_io_time_seconds_total", "Time with requests in flight, in seconds.", kCounter}},
    {Unit::kMilliseconds,
     {"node_disk_io_time_weighted_seconds_total", "Time with requests in flight times their number, in seconds.",
      kCounter}},
    {Unit::kCount, {"node_disk_discards_completed_total", "Discards completed.", kCounter}},
    {Unit::kCount,
     {"node_disk_discards_merged_total", "Discards merged into an adjacent one before being sent.", kCounter}},
    {Unit::kCount, {"node_disk_discarded_sectors_total", "Space discarded, in sectors of 512 bytes.", kCounter}},
    {Unit::kMilliseconds,
     {"node_disk_discard_time_seconds_total", "Sum of the time all discards took, in seconds.", kCounter}},
    {Unit::kCount, {"node_disk_flush_requests_total", "Cache flushes completed.", kCounter}},
    {Unit::kMilliseconds,
     {"node_disk_flush_requests_time_seconds_total", "Sum of the time all cache flushes took, in seconds.", kCounter}},
};

constexpr MetricDesc kInfo = {"node_disk_info", "What the disk says about itself, as labels of a constant 1.", kGauge};
constexpr MetricDesc kFilesystemInfo = {"node_disk_filesystem_info",
                                        "The file system found on the disk, as labels of a constant 1.", kGauge};
constexpr MetricDesc kMapperInfo = {"node_disk_device_mapper_info",
                                    "Names of a device-mapper device, as labels of a constant 1.", kGauge};

struct AtaProperty {
  std::string_view property;
  MetricDesc desc;
};

constexpr AtaProperty kAta[] = {
    {"ID_ATA_WRITE_CACHE", {"node_disk_ata_write_cache", "1 when the disk has a write cache.", kGauge}},
    {"ID_ATA_WRITE_CACHE_ENABLED",
     {"node_disk_ata_write_cache_enabled", "1 when the disk's write cache is on.", kGauge}},
    {"ID_ATA_ROTATION_RATE_RPM",
     {"node_disk_ata_rotation_rate_rpm", "Rotations per minute, 0 for a disk without moving parts.", kGauge}},
};

// No disk at all is a machine without disks, not an error: the file is then empty.
Result<std::vector<Disk>> parse_diskstats(std::string_view text) {
  std::vector<Disk> disks;
  if (text.empty()) return disks;
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  while (!text.empty()) {
    const auto disk = parse_diskstats_line(take(text, '\n'));
    if (!disk) return unexpected(disk.error());
    disks.push_back(*disk);
  }
  return disks;
}

Value in_unit(uint64_t number, Unit unit) {
  if (unit == Unit::kMilliseconds)
    return static_cast<double>(number) * 0.001;  // node_exporter multiplies, to the last bit
  return unit == Unit::kSectorsAsBytes ? number * kDiskstatsSectorBytes : number;
}

// One disk as it was at the last scrape. What its labels are made from changes rarely, so that they are kept.
struct KnownDisk {
  uint32_t major, minor;
  bool left_out;
  DiskRecord record;
  uint64_t seen = 0;                          // the scrape that saw it last
  LabelSet device, info, filesystem, mapper;  // empty: no such sample
  std::optional<double> ata[std::size(kAta)];
};

// A disk of this scrape.
struct Shown {
  const Disk* disk;
  const KnownDisk* known;
  LabelRef labels;
};

void write_counters(MetricWriter& writer, const std::vector<Shown>& disks) {
  for (size_t column = 0; column < std::size(kColumns); ++column) {
    writer.family(kColumns[column].desc);
    for (const Shown& shown : disks) {
      if (column >= shown.disk->columns) continue;
      writer.sample(shown.labels, in_unit(shown.disk->values[column], kColumns[column].unit));
    }
  }
}

// The serial number printed on the disk, where udev knows it; a virtio disk has only ID_SERIAL.
std::string_view serial_of(const UdevProperties& udev) {
  for (std::string_view name : {"SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"})
    if (!udev.get(name).empty()) return udev.get(name);
  return {};
}

LabelSet info_labels(const Disk& disk, const DiskInfo& info) {
  return {{"device", disk.name},
          {"major", std::to_string(disk.major)},
          {"minor", std::to_string(disk.minor)},
          {"model", info.udev.get("ID_MODEL")},
          {"path", info.udev.get("ID_PATH")},
          {"revision", info.udev.get("ID_REVISION")},
          {"rotational", info.rotational},
          {"serial", serial_of(info.udev)},
          {"wwn", info.udev.get("ID_WWN")}};
}

LabelSet filesystem_labels(const Disk& disk, const UdevProperties& udev) {
  return {{"device", disk.name},
          {"type", udev.get("ID_FS_TYPE")},
          {"usage", udev.get("ID_FS_USAGE")},
          {"uuid", udev.get("ID_FS_UUID")},
          {"version", udev.get("ID_FS_VERSION")}};
}

LabelSet mapper_labels(const Disk& disk, const UdevProperties& udev) {
  return {{"device", disk.name},         {"lv_layer", udev.get("DM_LV_LAYER")}, {"lv_name", udev.get("DM_LV_NAME")},
          {"name", udev.get("DM_NAME")}, {"uuid", udev.get("DM_UUID")},         {"vg_name", udev.get("DM_VG_NAME")}};
}

void describe(const Disk& disk, const DiskInfo& info, KnownDisk& known) {
  const UdevProperties& udev = info.udev;
  known.device = LabelSet{{"device", disk.name}};
  known.info = info_labels(disk, info);
  known.filesystem = udev.get("ID_FS_TYPE").empty() ? LabelSet{} : filesystem_labels(disk, udev);
  known.mapper = udev.get("DM_NAME").empty() ? LabelSet{} : mapper_labels(disk, udev);
  for (size_t i = 0; i < std::size(kAta); ++i) {
    known.ata[i] = udev.get("ID_ATA").empty() ? std::nullopt : parse_double(udev.get(kAta[i].property));
    if (known.ata[i] && !std::isfinite(*known.ata[i])) known.ata[i].reset();
  }
}

void write_info(MetricWriter& writer, const std::vector<Shown>& disks, const MetricDesc& desc,
                LabelSet KnownDisk::*labels) {
  writer.family(desc);
  for (const Shown& shown : disks)
    if (!(shown.known->*labels).empty()) writer.sample(writer.labels(shown.known->*labels), 1);
}

void write_ata(MetricWriter& writer, const std::vector<Shown>& disks) {
  for (size_t i = 0; i < std::size(kAta); ++i) {
    writer.family(kAta[i].desc);
    for (const Shown& shown : disks)
      if (shown.known->ata[i]) writer.sample(shown.labels, *shown.known->ata[i]);
  }
}

// node_exporter's rule: the former name counts as the present one, and either gives way to an include flag.
NameFilter filter_of(const Flags& flags) {
  const std::string former = flags.text(kIgnored), include = flags.text(kInclude);
  if (flags.given(kExclude)) return NameFilter(include, flags.text(kExclude));
  if (!include.empty()) return NameFilter(include, "");
  return NameFilter("", former.empty() ? flags.text(kExclude) : former);
}

class DiskstatsCollector : public Collector {
 public:
  explicit DiskstatsCollector(const Setup& setup)
      : roots_(setup.roots), filter_(filter_of(setup.flags)), file_(setup.roots.proc + "/diskstats") {}
  std::string_view name() const override { return "diskstats"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto disks = read_and_parse(file_, parse_diskstats);
    if (!disks) return unexpected(disks.error());
    const std::vector<Shown> shown = select(writer, *disks);
    write_counters(writer, shown);
    write_info(writer, shown, kInfo, &KnownDisk::info);
    write_info(writer, shown, kFilesystemInfo, &KnownDisk::filesystem);
    write_info(writer, shown, kMapperInfo, &KnownDisk::mapper);
    write_ata(writer, shown);
    return {};
  }

 private:
  // Without those left out and without a second one of the same name.
  std::vector<Shown> select(MetricWriter& writer, const std::vector<Disk>& disks) {
    ++scrape_;
    std::vector<Shown> shown;
    for (const Disk& disk : disks) {
      KnownDisk& known = lookup(disk);
      if (known.seen == scrape_) continue;
      known.seen = scrape_;
      if (known.left_out) continue;
      if (known.record.changed()) describe(disk, read_disk_info(roots_, disk.name, disk.major, disk.minor), known);
      shown.push_back({&disk, &known, writer.labels(known.device)});
    }
    std::erase_if(known_, [&](const auto& entry) { return entry.second.seen != scrape_; });
    return shown;
  }

  // A disk of other numbers is another disk.
  KnownDisk& lookup(const Disk& disk) {
    const auto found = known_.find(disk.name);
    if (found != known_.end()) {
      const KnownDisk& known = found->second;
      if (known.seen == scrape_ || (known.major == disk.major && known.minor == disk.minor)) return found->second;
      known_.erase(found);
    }
    KnownDisk fresh{disk.major, disk.minor, !filter_.keeps(disk.name), DiskRecord(roots_, disk.major, disk.minor)};
    return known_.emplace(std::string(disk.name), std::move(fresh)).first->second;
  }

  HostRoots roots_;
  NameFilter filter_;
  KeptFile file_;
  std::map<std::string, KnownDisk, std::less<>> known_;
  uint64_t scrape_ = 0;
};

constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kIgnored};

}  // namespace

const Entry kDiskstatsCollector = {"diskstats", "Block devices: proc diskstats, sys block, udev's data", Default::kOn,
                                   make<DiskstatsCollector>, kFlags};

}  // namespace plimsoll::collectors::host
