// SPDX-License-Identifier: Apache-2.0
// Internal to the reader: which file of which controller fills which fields, and when it has to be read.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/cgroup/reader.h"
#include "base/cgroup/stats.h"

namespace plimsoll::cgroup {

// CPU times of a group on a v1 or hybrid machine, from reading to reading. User and system time are shares
// of the usage that the kernel computes anew only when the usage has grown, so they need no look until then.
struct TimesMemory {
  Count v1_usage_ns;  // cpuacct's, of this reading
  Count at_usage_ns;  // the usage at which the two below were read
  Count user_ns, system_ns;
  bool in_v2_tree = true;  // whether the v2 tree's figures are this group's
  bool v2_bandwidth = false;
};

// A task begins to wait for memory or for I/O only while it runs. So once these totals have stood still from one
// reading to the next, with no CPU time used in between, they stand until the group runs again.
struct StallMemory {
  Count usage_ns;  // at the last reading
  Pressure memory, io;
  bool quiet = false;
};

// What a file is turned into.
struct Target {
  const ReadOptions& options;
  Stats& stats;
  TimesMemory& times;
  std::vector<pid_t>& pids;
};

// When a file is read, of a group that has it. What is not due keeps the value of the last reading, which it
// still has.
enum class When : uint8_t {
  kAlways,
  kLimits,      // at first and after forget_limits()
  kUnderQuota,  // the same, and while there is a CPU quota or there was one
  kUnderLimit,  // the same, and while there is a memory limit or it was hit
  kUsageGrown,  // not while the group's CPU usage stands still
  kNoTimes,     // where the v2 tree did not have user and system time; not while the usage stands still
  kIfDevices,   // once io_service_bytes knows a device
  kInV2Tree,    // not when the group's processes are elsewhere than in the v2 tree
  kStalls,      // the same, and not while nothing can have stalled
};

struct FileSpec {
  bool v2;
  std::string_view controller;  // "": in every group of the tree
  const char* name;
  When when;
  bool (*wanted)(const ReadOptions& options);
  void (*parse)(std::string_view text, Target& target);
  bool instead = false;  // only where the file of the row before is not there
};

// In reading order: cpuacct.usage*, the v2 tree's cpu.stat, cpuacct.stat; memory.current before memory.stat.
std::span<const FileSpec> usage_files();
// All of them When::kLimits.
std::span<const FileSpec> limit_files();
// cgroup.procs, in the hierarchy that identifies the group.
const FileSpec& procs_file();

// hugetlb.SIZE.*, whose names are found by listing the directory.
struct HugeFileSpec {
  bool v2;
  std::string_view suffix;        // after "hugetlb.SIZE"
  std::string_view plain_suffix;  // where the kernel does not count reservations; "" = the same
  void (*parse)(std::string_view text, HugePages& pages);
};
std::span<const HugeFileSpec> huge_files();
// "2MB" of "hugetlb.2MB.current" and of "hugetlb.2MB.usage_in_bytes"; "" for any other name.
std::string_view huge_page_size(std::string_view file_name);

}  // namespace plimsoll::cgroup
