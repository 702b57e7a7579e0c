// SPDX-License-Identifier: Apache-2.0
// /proc/diskstats, as far as a container's block I/O needs it: device names, and the machine's totals.
//
//    254       0 vda 93680 29162 4535058 20733 16735 19951 2273792 6441 0 12524 27820 ...
//
// Fields: major minor name, reads completed, merged, sectors read, ms reading, writes completed,
// merged, sectors written ... Documentation/admin-guide/iostats.rst
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::collectors::container {

struct DiskLine {
  uint32_t major = 0, minor = 0;
  std::string name;
  uint64_t reads = 0, read_bytes = 0, writes = 0, written_bytes = 0;
};

// Malformed lines are left out.
std::vector<DiskLine> parse_diskstats(std::string_view text);

// Whether a disk counts for the machine: not a partition (its disk counts already), and none of the
// pseudo devices ram, zram, loop and fd.
bool is_whole_disk(const std::string& sys, const std::string& name);

}  // namespace plimsoll::collectors::container
