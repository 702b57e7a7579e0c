// SPDX-License-Identifier: Apache-2.0
// /proc/diskstats: I/O counters of block devices since boot.
//
//    7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
//  254       0 vda 88760 26837 3615450 15277 13694 6923 1454216 3662 0 11124 19531 6076 44 219104 485 2134 105
//
// Major, minor, name, then 11 columns (Linux 2.6), 15 (4.18: discards) or 17 (5.5: flushes). Sectors
// are of 512 bytes whatever the device's are; times are in milliseconds.
// Documentation/admin-guide/iostats.rst
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace plimsoll {

inline constexpr uint64_t kDiskstatsSectorBytes = 512;

struct DiskstatsLine {
  // Indices of those of `values` that every kernel has.
  enum Column : size_t {
    kReads,
    kReadsMerged,
    kSectorsRead,
    kReadMs,
    kWrites,
    kWritesMerged,
    kSectorsWritten,
    kWriteMs,
    kInFlight,
    kBusyMs,
    kWeightedMs
  };

  uint32_t major = 0, minor = 0;
  std::string_view name;  // into the parsed text
  size_t columns = 0;     // how many of `values` this kernel has: at least 11
  std::array<uint64_t, 17> values{};
};

// Error for a line without numbers where they belong, or with too few; it names the device.
Result<DiskstatsLine> parse_diskstats_line(std::string_view line);

}  // namespace plimsoll
