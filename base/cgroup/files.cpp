// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/files.h"

#include <unistd.h>

#include <array>

#include "base/cgroup/parse.h"

namespace plimsoll::cgroup {
namespace {

void take_cfs(const CpuStat& stat, Counters& counters) {
  counters.cfs_periods = stat.periods;
  counters.cfs_throttled_periods = stat.throttled_periods;
  counters.cfs_throttled_ns = stat.throttled_ns;
  counters.cfs_burst_periods = stat.burst_periods;
  counters.cfs_burst_ns = stat.burst_ns;
}

void read_cpu_stat_v1(std::string_view text, Target& target) { take_cfs(parse_cpu_stat(text), target.stats.counters); }

// The v2 tree's cpu.stat. On a hybrid machine it holds the times only, and usage comes from cpuacct
// where the group has that, so that it is never told twice. A group whose processes are not in the v2
// tree has far less usage there: its times, and its pressure, would be wrong.
void read_cpu_stat_v2(std::string_view text, Target& target) {
  Counters& counters = target.stats.counters;
  const CpuStat stat = parse_cpu_stat(text);
  const Count& usage = target.times.v1_usage_ns;
  target.times.in_v2_tree = !usage || !stat.usage_ns || *stat.usage_ns >= *usage / 2;
  target.times.v2_bandwidth = stat.periods.has_value();
  if (!target.times.in_v2_tree || !target.options.cpu) return;
  if (!counters.cpu_usage_ns) counters.cpu_usage_ns = stat.usage_ns;
  counters.cpu_user_ns = stat.user_ns;
  counters.cpu_system_ns = stat.system_ns;
  if (stat.periods) take_cfs(stat, counters);
}

void read_cpuacct_stat(std::string_view text, Target& target) {
  static const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  const CpuTimes times = parse_cpuacct_stat(text, ticks_per_second);
  target.stats.counters.cpu_user_ns = times.user_ns;
  target.stats.counters.cpu_system_ns = times.system_ns;
}

void read_usage(std::string_view text, Target& target) {
  target.times.v1_usage_ns = parse_count(text);
  if (target.options.cpu) target.stats.counters.cpu_usage_ns = target.times.v1_usage_ns;
}

void read_percpu(std::string_view text, Target& target) {
  Counters& counters = target.stats.counters;
  if (!parse_percpu(text, counters.cpu_usage_percpu_ns)) return;
  uint64_t sum = 0;
  for (uint64_t usage : counters.cpu_usage_percpu_ns) sum += usage;
  counters.cpu_usage_ns = target.times.v1_usage_ns = sum;
}

void take_memory(const MemoryStat& stat, Target& target) {
  Gauges& gauges = target.stats.gauges;
  gauges.memory_cache_bytes = stat.cache;
  gauges.memory_rss_bytes = stat.rss;
  gauges.memory_mapped_file_bytes = stat.mapped_file;
  gauges.memory_active_file_bytes = stat.active_file;
  gauges.memory_inactive_file_bytes = stat.inactive_file;
  gauges.memory_dirty_bytes = stat.dirty;
  gauges.memory_writeback_bytes = stat.writeback;
  Counters& counters = target.stats.counters;
  counters.page_faults = stat.page_faults;
  counters.major_page_faults = stat.major_page_faults;
  counters.refaults_file = stat.refaults_file;
  counters.refaults_anon = stat.refaults_anon;
}

void read_memory_stat_v1(std::string_view text, Target& target) {
  const MemoryStat stat = parse_memory_stat_v1(text);
  take_memory(stat, target);
  target.stats.gauges.memory_swap_bytes = stat.swap;
}

// The root of a v2 tree has no memory.current: what its processes hold is anon + file.
void read_memory_stat_v2(std::string_view text, Target& target) {
  const MemoryStat stat = parse_memory_stat_v2(text);
  take_memory(stat, target);
  Gauges& gauges = target.stats.gauges;
  gauges.memory_kernel_bytes = stat.kernel;
  target.stats.counters.pages_scanned = stat.pages_scanned;
  target.stats.counters.pages_stolen = stat.pages_stolen;
  if (!gauges.memory_usage_bytes && stat.rss && stat.cache) gauges.memory_usage_bytes = *stat.rss + *stat.cache;
}

// One file for two kinds of figures.
void read_memory_events(std::string_view text, Target& target) {
  const MemoryEvents events = parse_memory_events(text);
  Counters& counters = target.stats.counters;
  if (target.options.memory) {
    counters.memory_high_events = events.high;
    counters.memory_max_events = events.max;
  }
  if (target.options.oom) counters.oom_kills = events.oom_kill;
}

void read_oom_control(std::string_view text, Target& target) {
  target.stats.counters.oom_kills = parse_memory_events(text).oom_kill;
}

void read_cpu_max(std::string_view text, Target& target) {
  const CpuMax max = parse_cpu_max(text);
  target.stats.limits.cpu_quota_us = max.quota_us;
  target.stats.limits.cpu_period_us = max.period_us;
}

void read_io_bytes(std::string_view text, Target& target) {
  parse_blkio(text, BlkioUnit::kBytes, target.stats.counters.io);
}
void read_io_operations(std::string_view text, Target& target) {
  parse_blkio(text, BlkioUnit::kOperations, target.stats.counters.io);
}
void read_io_stat(std::string_view text, Target& target) { parse_io_stat(text, target.stats.counters.io); }

void read_numa_v1(std::string_view text, Target& target) { parse_numa_v1(text, target.stats.gauges.numa); }
void read_numa_v2(std::string_view text, Target& target) {
  static const long page_bytes = ::sysconf(_SC_PAGESIZE);
  parse_numa_v2(text, page_bytes > 0 ? static_cast<uint64_t>(page_bytes) : 0, target.stats.gauges.numa);
}

void read_procs(std::string_view text, Target& target) {
  target.stats.gauges.processes = parse_procs(text, &target.pids).count;
}

using Parse = void (*)(std::string_view text, Target& target);

template <Pressure Counters::*kMember>
void read_pressure(std::string_view text, Target& target) {
  target.stats.counters.*kMember = parse_pressure(text);
}

template <auto kGroup, auto kMember, auto kParse>
void read_number(std::string_view text, Target& target) {
  target.stats.*kGroup.*kMember = kParse(text);
}
template <Count Gauges::*kMember>
constexpr Parse gauge() {
  return &read_number<&Stats::gauges, kMember, &parse_count>;
}
template <Count Counters::*kMember>
constexpr Parse counter() {
  return &read_number<&Stats::counters, kMember, &parse_count>;
}
template <Count Limits::*kMember>
constexpr Parse limit() {
  return &read_number<&Stats::limits, kMember, &parse_limit>;
}
constexpr Parse kWeight = &read_number<&Stats::limits, &Limits::cpu_shares, &parse_weight_as_shares>;

bool cpu(const ReadOptions& options) { return options.cpu; }
bool percpu(const ReadOptions& options) { return options.cpu && options.percpu; }
bool memory(const ReadOptions& options) { return options.memory; }
bool oom(const ReadOptions& options) { return options.oom; }
bool memory_or_oom(const ReadOptions& options) { return options.memory || options.oom; }
bool block_io(const ReadOptions& options) { return options.block_io; }
bool pids(const ReadOptions& options) { return options.pids; }
bool pressure(const ReadOptions& options) { return options.pressure; }
bool procs(const ReadOptions& options) { return options.procs; }
bool numa(const ReadOptions& options) { return options.numa; }
bool cpuset(const ReadOptions& options) { return options.cpuset; }
// Whether a group's processes are in the v2 tree, which pressure has to know, shows in the usage.
bool total_usage(const ReadOptions& options) { return options.cpu ? !options.percpu : options.pressure; }
bool v2_times(const ReadOptions& options) { return options.cpu || options.pressure; }

constexpr auto kUsageFiles = std::to_array<FileSpec>({
    {false, "memory", "memory.usage_in_bytes", When::kAlways, memory, gauge<&Gauges::memory_usage_bytes>()},
    {false, "memory", "memory.stat", When::kAlways, memory, &read_memory_stat_v1},
    {false, "memory", "memory.max_usage_in_bytes", When::kAlways, memory, gauge<&Gauges::memory_peak_bytes>()},
    {false, "memory", "memory.kmem.usage_in_bytes", When::kAlways, memory, gauge<&Gauges::memory_kernel_bytes>()},
    {false, "memory", "memory.failcnt", When::kUnderLimit, memory, counter<&Counters::memory_failures>()},
    {false, "memory", "memory.oom_control", When::kAlways, oom, &read_oom_control},
    {false, "memory", "memory.numa_stat", When::kAlways, numa, &read_numa_v1},
    {false, "cpuacct", "cpuacct.usage_percpu", When::kAlways, percpu, &read_percpu},
    {false, "cpuacct", "cpuacct.usage", When::kAlways, total_usage, &read_usage},
    {true, "", "cpu.stat", When::kUsageGrown, v2_times, &read_cpu_stat_v2},
    {false, "cpuacct", "cpuacct.stat", When::kNoTimes, cpu, &read_cpuacct_stat},
    {false, "cpu", "cpu.stat", When::kUnderQuota, cpu, &read_cpu_stat_v1},
    {false, "pids", "pids.current", When::kAlways, pids, gauge<&Gauges::threads>()},
    {false, "blkio", "blkio.throttle.io_service_bytes_recursive", When::kAlways, block_io, &read_io_bytes},
    {false, "blkio", "blkio.bfq.io_service_bytes_recursive", When::kAlways, block_io, &read_io_bytes, true},
    {false, "blkio", "blkio.throttle.io_service_bytes", When::kAlways, block_io, &read_io_bytes, true},
    {false, "blkio", "blkio.throttle.io_serviced_recursive", When::kIfDevices, block_io, &read_io_operations},
    {false, "blkio", "blkio.bfq.io_serviced_recursive", When::kIfDevices, block_io, &read_io_operations, true},
    {false, "blkio", "blkio.throttle.io_serviced", When::kIfDevices, block_io, &read_io_operations, true},
    {false, "cpuset", "cpuset.memory_migrate", When::kAlways, cpuset, gauge<&Gauges::memory_migrate>()},
    {true, "memory", "memory.current", When::kAlways, memory, gauge<&Gauges::memory_usage_bytes>()},
    {true, "memory", "memory.stat", When::kAlways, memory, &read_memory_stat_v2},
    {true, "memory", "memory.peak", When::kAlways, memory, gauge<&Gauges::memory_peak_bytes>()},
    {true, "memory", "memory.swap.current", When::kAlways, memory, gauge<&Gauges::memory_swap_bytes>()},
    {true, "memory", "memory.events", When::kAlways, memory_or_oom, &read_memory_events},
    {true, "memory", "memory.numa_stat", When::kAlways, numa, &read_numa_v2},
    {true, "pids", "pids.current", When::kAlways, pids, gauge<&Gauges::threads>()},
    {true, "io", "io.stat", When::kAlways, block_io, &read_io_stat},
    {true, "", "cpu.pressure", When::kInV2Tree, pressure, &read_pressure<&Counters::cpu_pressure>},
    {true, "", "memory.pressure", When::kStalls, pressure, &read_pressure<&Counters::memory_pressure>},
    {true, "", "io.pressure", When::kStalls, pressure, &read_pressure<&Counters::io_pressure>},
    {true, "", "irq.pressure", When::kInV2Tree, pressure, &read_pressure<&Counters::irq_pressure>},
});

constexpr FileSpec kProcs = {false, "", "cgroup.procs", When::kAlways, procs, &read_procs};

constexpr auto kLimitFiles = std::to_array<FileSpec>({
    {false, "cpu", "cpu.shares", When::kLimits, cpu, limit<&Limits::cpu_shares>()},
    {false, "cpu", "cpu.cfs_quota_us", When::kLimits, cpu, limit<&Limits::cpu_quota_us>()},
    {false, "cpu", "cpu.cfs_period_us", When::kLimits, cpu, limit<&Limits::cpu_period_us>()},
    {false, "memory", "memory.limit_in_bytes", When::kLimits, memory, limit<&Limits::memory_bytes>()},
    {false, "memory", "memory.memsw.limit_in_bytes", When::kLimits, memory, limit<&Limits::memory_swap_bytes>()},
    {false, "memory", "memory.soft_limit_in_bytes", When::kLimits, memory, limit<&Limits::memory_reservation_bytes>()},
    {false, "pids", "pids.max", When::kLimits, pids, limit<&Limits::pids>()},
    {true, "cpu", "cpu.weight", When::kLimits, cpu, kWeight},
    {true, "cpu", "cpu.max", When::kLimits, cpu, &read_cpu_max},
    {true, "memory", "memory.max", When::kLimits, memory, limit<&Limits::memory_bytes>()},
    {true, "memory", "memory.swap.max", When::kLimits, memory, limit<&Limits::memory_swap_bytes>()},
    {true, "memory", "memory.min", When::kLimits, memory, limit<&Limits::memory_reservation_bytes>()},
    {true, "pids", "pids.max", When::kLimits, pids, limit<&Limits::pids>()},
});

void huge_usage(std::string_view text, HugePages& pages) { pages.usage_bytes = parse_count(text); }
void huge_peak(std::string_view text, HugePages& pages) { pages.max_usage_bytes = parse_count(text); }
void huge_failures(std::string_view text, HugePages& pages) { pages.failures = parse_count(text); }
void huge_events(std::string_view text, HugePages& pages) { pages.failures = parse_memory_events(text).max; }

constexpr auto kHugeFiles = std::to_array<HugeFileSpec>({
    {false, ".rsvd.usage_in_bytes", ".usage_in_bytes", &huge_usage},
    {false, ".rsvd.max_usage_in_bytes", ".max_usage_in_bytes", &huge_peak},
    {false, ".rsvd.failcnt", ".failcnt", &huge_failures},
    {true, ".rsvd.current", ".current", &huge_usage},
    {true, ".events", "", &huge_events},
});

}  // namespace

std::span<const FileSpec> usage_files() { return kUsageFiles; }
std::span<const FileSpec> limit_files() { return kLimitFiles; }
const FileSpec& procs_file() { return kProcs; }
std::span<const HugeFileSpec> huge_files() { return kHugeFiles; }

std::string_view huge_page_size(std::string_view file_name) {
  constexpr std::string_view kPrefix = "hugetlb.";
  if (!file_name.starts_with(kPrefix)) return {};
  file_name.remove_prefix(kPrefix.size());
  const size_t dot = file_name.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view rest = file_name.substr(dot);
  return rest == ".current" || rest == ".usage_in_bytes" ? file_name.substr(0, dot) : std::string_view{};
}

}  // namespace plimsoll::cgroup
