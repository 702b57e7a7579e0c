// SPDX-License-Identifier: Apache-2.0
// node_disk_*: I/O counters of whole disks (base/diskstats.h), and what udev and sysfs know about them.
#include <string>
#include <vector>

#include "base/diskstats.h"
#include "base/text.h"
#include "collectors/host/disk_info.h"
#include "collectors/host/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

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

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Takes digits off the end; false when there is none.
bool drop_digits(std::string_view& name) {
  const size_t last = name.find_last_not_of("0123456789");
  const size_t length = last == std::string_view::npos ? 0 : last + 1;
  const bool dropped = length < name.size();
  name = name.substr(0, length);
  return dropped;
}

// node_exporter's default: (z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+ are left out, which are
// memory disks, loops, floppies and the partitions of disks that are listed themselves.
bool is_left_out(std::string_view name) {
  if (!drop_digits(name)) return false;
  for (std::string_view whole : {"ram", "zram", "loop", "fd"})
    if (name == whole) return true;
  for (std::string_view disk : {"hd", "sd", "vd", "xvd"})
    if (name.size() == disk.size() + 1 && name.starts_with(disk) && name.back() >= 'a' && name.back() <= 'z')
      return true;
  if (!name.starts_with("nvme") || !name.ends_with('p')) return false;
  name.remove_prefix(4);
  name.remove_suffix(1);
  return all_digits(take(name, 'n')) && all_digits(name);
}

// No disk at all is a machine without disks, not an error: the file is then empty.
Result<std::vector<Disk>> parse_diskstats(std::string_view text) {
  std::vector<Disk> disks;
  if (text.empty()) return disks;
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  while (!text.empty()) {
    const auto disk = parse_diskstats_line(take(text, '\n'));
    if (!disk) return unexpected(disk.error());
    if (!is_left_out(disk->name)) disks.push_back(*disk);
  }
  return disks;
}

Value in_unit(uint64_t number, Unit unit) {
  if (unit == Unit::kMilliseconds) return static_cast<double>(number) / 1000;
  return unit == Unit::kSectorsAsBytes ? number * kDiskstatsSectorBytes : number;
}

void write_counters(MetricWriter& writer, const std::vector<Disk>& disks) {
  std::vector<LabelRef> labels;
  for (const Disk& disk : disks) labels.push_back(writer.labels(LabelSet{{"device", disk.name}}));
  for (size_t column = 0; column < std::size(kColumns); ++column) {
    writer.family(kColumns[column].desc);
    for (size_t i = 0; i < disks.size(); ++i) {
      if (column >= disks[i].columns) continue;
      writer.sample(labels[i], in_unit(disks[i].values[column], kColumns[column].unit));
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

void write_ata(MetricWriter& writer, const std::vector<Disk>& disks, const std::vector<DiskInfo>& infos) {
  for (const AtaProperty& ata : kAta) {
    writer.family(ata.desc);
    for (size_t i = 0; i < disks.size(); ++i) {
      if (infos[i].udev.get("ID_ATA").empty()) continue;
      const auto number = parse_double(infos[i].udev.get(ata.property));
      if (number) writer.sample(writer.labels(LabelSet{{"device", disks[i].name}}), *number);
    }
  }
}

void write_infos(MetricWriter& writer, const std::vector<Disk>& disks, const std::vector<DiskInfo>& infos) {
  writer.family(kInfo);
  for (size_t i = 0; i < disks.size(); ++i) writer.sample(writer.labels(info_labels(disks[i], infos[i])), 1);
  writer.family(kFilesystemInfo);
  for (size_t i = 0; i < disks.size(); ++i) {
    if (infos[i].udev.get("ID_FS_TYPE").empty()) continue;
    writer.sample(writer.labels(filesystem_labels(disks[i], infos[i].udev)), 1);
  }
  writer.family(kMapperInfo);
  for (size_t i = 0; i < disks.size(); ++i) {
    if (infos[i].udev.get("DM_NAME").empty()) continue;
    writer.sample(writer.labels(mapper_labels(disks[i], infos[i].udev)), 1);
  }
  write_ata(writer, disks, infos);
}

class DiskstatsCollector : public Collector {
 public:
  explicit DiskstatsCollector(const Setup& setup) : roots_(setup.roots), file_(setup.roots.proc + "/diskstats") {}
  std::string_view name() const override { return "diskstats"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto disks = read_and_parse(file_, parse_diskstats);
    if (!disks) return unexpected(disks.error());
    write_counters(writer, *disks);
    std::vector<DiskInfo> infos;
    for (const Disk& disk : *disks) infos.push_back(read_disk_info(roots_, disk.name, disk.major, disk.minor));
    write_infos(writer, *disks, infos);
    return {};
  }

 private:
  HostRoots roots_;
  KeptFile file_;
};

}  // namespace

const Entry kDiskstatsCollector = {"diskstats", "Block devices: proc diskstats, sys block, udev's data", Default::kOn,
                                   make<DiskstatsCollector>};

}  // namespace plimsoll::collectors::host
