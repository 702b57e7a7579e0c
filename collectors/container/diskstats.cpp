// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/diskstats.h"

#include <unistd.h>

#include <algorithm>

#include "base/diskstats.h"
#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000;

bool is_numbered(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  name.remove_prefix(stem.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

DiskLine disk_of(const DiskstatsLine& line) {
  using Line = DiskstatsLine;
  const auto& values = line.values;
  DiskLine disk;
  disk.major = line.major;
  disk.minor = line.minor;
  disk.name = line.name;
  disk.reads = values[Line::kReads];
  disk.read_bytes = values[Line::kSectorsRead] * kDiskstatsSectorBytes;
  disk.writes = values[Line::kWrites];
  disk.written_bytes = values[Line::kSectorsWritten] * kDiskstatsSectorBytes;
  disk.sectors_read = values[Line::kSectorsRead];
  disk.sectors_written = values[Line::kSectorsWritten];
  disk.reads_merged = values[Line::kReadsMerged];
  disk.writes_merged = values[Line::kWritesMerged];
  disk.read_ms = values[Line::kReadMs];
  disk.write_ms = values[Line::kWriteMs];
  disk.in_flight = values[Line::kInFlight];
  disk.busy_ms = values[Line::kBusyMs];
  disk.weighted_ms = values[Line::kWeightedMs];
  return disk;
}

}  // namespace

std::vector<DiskLine> parse_diskstats(std::string_view text) {
  std::vector<DiskLine> disks;
  while (!text.empty()) {
    const auto line = parse_diskstats_line(take(text, '\n'));
    if (!line) continue;
    disks.push_back(disk_of(*line));
  }
  return disks;
}

cgroup::IoDevice io_device_of(const DiskLine& disk) {
  cgroup::IoDevice device;
  device.major = disk.major;
  device.minor = disk.minor;
  device.read_bytes = disk.read_bytes;
  device.written_bytes = disk.written_bytes;
  device.reads = disk.reads;
  device.writes = disk.writes;
  device.sectors_read = disk.sectors_read;
  device.sectors_written = disk.sectors_written;
  device.reads_merged = disk.reads_merged;
  device.writes_merged = disk.writes_merged;
  device.read_ns = disk.read_ms * kNsPerMs;
  device.write_ns = disk.write_ms * kNsPerMs;
  device.in_flight = disk.in_flight;
  device.busy_ns = disk.busy_ms * kNsPerMs;
  device.weighted_busy_ns = disk.weighted_ms * kNsPerMs;
  return device;
}

bool is_whole_disk(const std::string& sys, const std::string& name) {
  for (std::string_view stem : {"ram", "zram", "loop", "fd"}) {
    if (is_numbered(name, stem)) return false;
  }
  return ::access((sys + "/class/block/" + name + "/partition").c_str(), F_OK) != 0;
}

}  // namespace plimsoll::collectors::container
