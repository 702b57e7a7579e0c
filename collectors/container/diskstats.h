// SPDX-License-Identifier: Apache-2.0
// What of /proc/diskstats (base/diskstats.h) a container's block I/O needs: device names, and the
// machine's totals.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/stats.h"

namespace plimsoll::collectors::container {

struct DiskLine {
  uint32_t major = 0, minor = 0;
  std::string name;
  uint64_t reads = 0, read_bytes = 0, writes = 0, written_bytes = 0;
  uint64_t sectors_read = 0, sectors_written = 0, reads_merged = 0, writes_merged = 0;
  uint64_t read_ms = 0, write_ms = 0, in_flight = 0, busy_ms = 0, weighted_ms = 0;
};

// A disk's counters as those of the root group.
cgroup::IoDevice io_device_of(const DiskLine& disk);

// Malformed lines are left out.
std::vector<DiskLine> parse_diskstats(std::string_view text);

// Whether a disk counts for the machine: not a partition (its disk counts already), and none of the
// pseudo devices ram, zram, loop and fd.
bool is_whole_disk(const std::string& sys, const std::string& name);

}  // namespace plimsoll::collectors::container
