// SPDX-License-Identifier: Apache-2.0
// What can be known about one cgroup at one moment. Every field is optional: what this kernel, this
// cgroup version or this group does not offer is absent, which is not the same as zero.
// Units: nanoseconds, bytes, counts. The unlimited value of a limit is kUnlimited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::cgroup {

using Count = std::optional<uint64_t>;

inline constexpr uint64_t kUnlimited = UINT64_MAX;

// Block I/O of one device. v1 blkio.throttle.io_service_bytes_recursive / io_serviced_recursive,
// v2 io.stat. A device that the kernel did not account is not listed. The second block is the root
// group's, from /proc/diskstats; the third io.stat's with blk-iocost.
struct IoDevice {
  uint32_t major = 0;
  uint32_t minor = 0;
  Count read_bytes, written_bytes, reads, writes;
  Count discarded_bytes, sync_bytes, async_bytes, total_bytes;

  Count sectors_read, sectors_written, reads_merged, writes_merged, read_ns, write_ns;
  Count in_flight;  // a gauge
  Count busy_ns, weighted_busy_ns;

  Count cost_usage_ns, cost_wait_ns, cost_indebt_ns, cost_indelay_ns;
};

// {cpu,memory,io,irq}.pressure: time in which some or all of the group's tasks waited. Absent: no such
// line (cpu.pressure has no "full" before 5.13, irq.pressure has no "some").
struct Pressure {
  Count some_ns, full_ns;
  bool operator==(const Pressure&) const = default;
};

// hugetlb.SIZE.*; "2MB", "1GB" as in the file's name.
struct HugePages {
  std::string size;
  Count usage_bytes, max_usage_bytes, failures;
};

// memory.numa_stat: pages of one kind on one node. v1 tells the group alone and with its descendants,
// v2 (bytes there) the latter only.
enum class NumaKind : uint8_t { kFile, kAnon, kUnevictable };
struct NumaPages {
  NumaKind kind;
  bool hierarchy;
  uint32_t node;
  uint64_t pages;
};

// One network interface of the group's network namespace (/proc/PID/net/dev).
struct NetworkInterface {
  std::string name;
  uint64_t receive_bytes = 0, receive_packets = 0, receive_errors = 0, receive_dropped = 0;
  uint64_t transmit_bytes = 0, transmit_packets = 0, transmit_errors = 0, transmit_dropped = 0;
};

// Values that never go down while the group lives; they can be kept after its end.
struct Counters {
  Count cpu_usage_ns;
  std::vector<uint64_t> cpu_usage_percpu_ns;  // v1 only: index = CPU number; empty on v2
  Count cpu_user_ns, cpu_system_ns;
  Count cfs_periods, cfs_throttled_periods, cfs_throttled_ns, cfs_burst_periods, cfs_burst_ns;
  Count memory_failures;  // v1 memory.failcnt
  Count page_faults, major_page_faults;
  Count memory_high_events, memory_max_events, oom_kills;
  Count pages_scanned, pages_stolen, refaults_file, refaults_anon;  // v2
  Pressure cpu_pressure, memory_pressure, io_pressure, irq_pressure;
  std::vector<IoDevice> io;
  std::vector<NetworkInterface> network;
};

// Values of the moment.
struct Gauges {
  Count memory_usage_bytes, memory_peak_bytes, memory_working_set_bytes;
  Count memory_cache_bytes, memory_rss_bytes, memory_kernel_bytes, memory_mapped_file_bytes, memory_swap_bytes;
  Count memory_active_file_bytes, memory_inactive_file_bytes, memory_dirty_bytes, memory_writeback_bytes;
  Count processes, threads;
  Count memory_migrate;  // v1 cpuset: 0 or 1
  std::vector<HugePages> huge_pages;
  std::vector<NumaPages> numa;
};

// What the group may use at most.
struct Limits {
  Count cpu_shares;                   // v1 scale (v2 cpu.weight converted back)
  Count cpu_quota_us, cpu_period_us;  // quota kUnlimited = none
  Count memory_bytes, memory_swap_bytes, memory_reservation_bytes;
  Count pids;
};

struct Stats {
  Counters counters;
  Gauges gauges;
  Limits limits;
};

}  // namespace plimsoll::cgroup
