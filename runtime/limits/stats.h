// SPDX-License-Identifier: Apache-2.0
// What a container uses, as `events --stats` tells it: the figures that runc's JSON has, in its units (nanoseconds,
// bytes, counts), read once from the group's files. base/cgroup's reader is for many groups again and again and
// leaves out what no metric needs (memory.stat as a whole, kernel memory, swap, averages of pressure).
//
// What this kernel or this hierarchy does not tell is absent. An unlimited limit is cgroup::kUnlimited.
// Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,hugetlb,rdma}.rst, cgroup-v2.rst
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/result.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::limits {

using cgroup::Count;
using NamedCounts = std::vector<std::pair<std::string, uint64_t>>;

// {cpu,memory,io}.pressure. Averages in percent, the total in microseconds.
struct StallTimes {
  double avg10 = 0, avg60 = 0, avg300 = 0;
  uint64_t total_us = 0;
};
struct Stalls {
  StallTimes some, full;
};

struct CpuUsage {
  Count total_ns, user_ns, kernel_ns;
  std::vector<uint64_t> percpu_ns, percpu_user_ns, percpu_kernel_ns;  // v1
  Count periods, throttled_periods, throttled_ns;
  std::optional<Stalls> stalls;
};

struct Amount {
  Count usage, limit, max, failures;
};
struct MemoryUsage {
  Count cache;
  Amount memory;
  Amount with_swap;           // memory and swap together, also on v2, as far as both are known
  Amount kernel, kernel_tcp;  // v1
  NamedCounts stat;           // memory.stat
  std::optional<Stalls> stalls;
};

struct BlockEntry {
  uint32_t major = 0, minor = 0;
  std::string operation;  // "Read", "Write", v1 also "Sync", "Async", "Discard", "Total"
  uint64_t value = 0;
};
struct BlockUsage {
  std::vector<BlockEntry> bytes, operations;
  std::optional<Stalls> stalls;
};

struct HugePageUsage {
  std::string page_size;
  Amount amount;
};
struct RdmaUsage {
  std::string device;
  Count handles, handles_limit, objects, objects_limit;
};
struct CpusetUsage {
  std::string cpus, mems;  // "0-1"
  NamedCounts flags;       // v1: "cpu_exclusive" ...
};

struct GroupStats {
  CpuUsage cpu;
  CpusetUsage cpuset;
  MemoryUsage memory;
  Amount pids;  // usage and limit
  BlockUsage block_io;
  std::vector<HugePageUsage> huge_pages;
  std::vector<RdmaUsage> rdma;
};

// ENOENT, ENODEV: the group is gone.
Result<GroupStats> read_stats(const OwnCgroup& group);

}  // namespace plimsoll::limits
