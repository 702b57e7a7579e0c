// SPDX-License-Identifier: Apache-2.0
// /proc/mdstat, the kernel's table of software RAID arrays. A line that is not indented begins an array,
// those that are belong to it; blank lines end nothing:
//
//   md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
//         195310144 blocks [2/1] [U_]
//         [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec
//
// Documentation/admin-guide/md.rst, drivers/md/md.c: md_seq_show, md(4)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

enum class MdActivity : uint8_t { kOther, kActive, kInactive, kRecovering, kResyncing, kChecking };

// Names are views into the parsed text. Blocks are of 1 KiB.
struct MdArray {
  std::string_view name;
  MdActivity activity = MdActivity::kOther;
  uint64_t failed = 0, spare = 0;
  std::optional<uint64_t> active, required;  // not said of kinds that the kernel does not count disks of
  std::optional<uint64_t> blocks, synced;    // not said of an array that has no disk yet
};

// No array is no error: the drivers are loaded, and there is none.
Result<std::vector<MdArray>> parse_mdstat(std::string_view text);

}  // namespace plimsoll::collectors::host
