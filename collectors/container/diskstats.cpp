// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/diskstats.h"

#include <unistd.h>

#include <algorithm>

#include "base/diskstats.h"
#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

bool is_numbered(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  name.remove_prefix(stem.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<DiskLine> parse_diskstats(std::string_view text) {
  std::vector<DiskLine> disks;
  while (!text.empty()) {
    const auto line = parse_diskstats_line(take(text, '\n'));
    if (!line) continue;
    const auto& values = line->values;
    disks.push_back({line->major, line->minor, std::string(line->name), values[DiskstatsLine::kReads],
                     values[DiskstatsLine::kSectorsRead] * kDiskstatsSectorBytes, values[DiskstatsLine::kWrites],
                     values[DiskstatsLine::kSectorsWritten] * kDiskstatsSectorBytes});
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
  return device;
}

bool is_whole_disk(const std::string& sys, const std::string& name) {
  for (std::string_view stem : {"ram", "zram", "loop", "fd"}) {
    if (is_numbered(name, stem)) return false;
  }
  return ::access((sys + "/class/block/" + name + "/partition").c_str(), F_OK) != 0;
}

}  // namespace plimsoll::collectors::container
