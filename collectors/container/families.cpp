// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/families.h"

#include <array>

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::Counters;
using cgroup::Gauges;
using cgroup::IoDevice;
using cgroup::kUnlimited;
using cgroup::Limits;
using cgroup::NetworkInterface;

constexpr double kNsPerSecond = 1e9;

using Write = void (*)(PageContext& page, const Subject& subject);

struct Row {
  MetricDesc desc;
  Write write;
};

double seconds(uint64_t ns) { return static_cast<double>(ns) / kNsPerSecond; }

// Single values.
template <Count Counters::*kMember>
void count(PageContext& page, const Subject& subject) {
  const Count& value = subject.counters->*kMember;
  if (value) page.writer.sample(subject.labels, *value);
}

template <Count Counters::*kMember>
void duration(PageContext& page, const Subject& subject) {
  const Count& value = subject.counters->*kMember;
  if (value) page.writer.sample(subject.labels, seconds(*value));
}

template <Count Gauges::*kMember>
void gauge(PageContext& page, const Subject& subject) {
  const Count& value = subject.gauges->*kMember;
  if (value) page.writer.sample(subject.labels, *value);
}

// A limit; 0 stands for "none".
template <Count Limits::*kMember>
void limit(PageContext& page, const Subject& subject) {
  const Count& value = subject.limits->*kMember;
  if (value) page.writer.sample(subject.labels, *value == kUnlimited ? uint64_t{0} : *value);
}

template <Count Limits::*kMember>
void limit_if_set(PageContext& page, const Subject& subject) {
  const Count& value = subject.limits->*kMember;
  if (value && *value != kUnlimited) page.writer.sample(subject.labels, *value);
}

// The bandwidth counters mean something where a quota is, or once was.
bool has_quota(const Subject& subject) {
  if (subject.counters->cfs_periods.value_or(0) > 0) return true;
  return subject.live() && subject.limits->cpu_quota_us.value_or(kUnlimited) != kUnlimited;
}

template <Count Counters::*kMember>
void cfs_count(PageContext& page, const Subject& subject) {
  if (has_quota(subject)) count<kMember>(page, subject);
}

template <Count Counters::*kMember>
void cfs_duration(PageContext& page, const Subject& subject) {
  if (has_quota(subject)) duration<kMember>(page, subject);
}

// Usage by CPU (v1) or in total, never both for one group. An online CPU is shown from the start, also
// at 0; one that is only possible, once it has been used.
void cpu_usage(PageContext& page, const Subject& subject) {
  const auto& percpu = subject.counters->cpu_usage_percpu_ns;
  if (!page.kinds.has(Kind::kPercpu) || percpu.empty()) {
    const Count& total = subject.counters->cpu_usage_ns;
    if (total) page.writer.sample(subject.labels, page.extra.cpu_total(page.writer), seconds(*total));
    return;
  }
  const auto& online = page.online_cpus;
  for (size_t cpu = 0; cpu < percpu.size(); ++cpu) {
    const bool offline = !online.empty() && (cpu >= online.size() || !online[cpu]);
    if (offline && percpu[cpu] == 0) continue;
    page.writer.sample(subject.labels, page.extra.cpu(page.writer, cpu), seconds(percpu[cpu]));
  }
}

// Both scopes carry the figures of the group with its descendants, as in all other memory families.
void memory_failures(PageContext& page, const Subject& subject) {
  for (const bool hierarchy : {false, true}) {
    for (const bool major : {false, true}) {
      const Count& value = major ? subject.counters->major_page_faults : subject.counters->page_faults;
      if (value) page.writer.sample(subject.labels, page.extra.page_faults(page.writer, major, hierarchy), *value);
    }
  }
}

template <Count IoDevice::*kMember>
void by_device(PageContext& page, const Subject& subject) {
  for (const IoDevice& device : subject.counters->io) {
    const Count& value = device.*kMember;
    if (!value) continue;
    ExtraLabel& label = page.extra.device(device.major, device.minor).device;
    page.writer.sample(subject.labels, label.in(page.writer, page.extra.page()), *value);
  }
}

void device_usage(PageContext& page, const Subject& subject) {
  const uint64_t number = page.extra.page();
  for (const IoDevice& device : subject.counters->io) {
    DeviceLabels& labels = page.extra.device(device.major, device.minor);
    if (device.read_bytes) page.writer.sample(subject.labels, labels.read.in(page.writer, number), *device.read_bytes);
    if (device.written_bytes)
      page.writer.sample(subject.labels, labels.write.in(page.writer, number), *device.written_bytes);
  }
}

template <uint64_t NetworkInterface::*kMember>
void by_interface(PageContext& page, const Subject& subject) {
  for (const NetworkInterface& interface : subject.counters->network)
    page.writer.sample(subject.labels, page.extra.interface(page.writer, interface.name), interface.*kMember);
}

void last_seen(PageContext& page, const Subject& subject) { page.writer.sample(subject.labels, page.now); }

void created(PageContext& page, const Subject& subject) {
  if (subject.created_ns > 0)
    page.writer.sample(subject.labels, static_cast<double>(subject.created_ns) / kNsPerSecond);
}

void started(PageContext& page, const Subject& subject) {
  const int64_t start = subject.started_ns > 0 ? subject.started_ns : subject.created_ns;
  if (start > 0) page.writer.sample(subject.labels, static_cast<double>(start) / kNsPerSecond);
}

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

constexpr auto kRows = std::to_array<Row>({
    {{"container_blkio_device_usage_total", "Bytes moved from and to a block device.", kCounter}, &device_usage},
    {{"container_cpu_cfs_burst_periods_total", "Enforcement periods in which the group ran on saved-up quota.",
      kCounter},
     &cfs_count<&Counters::cfs_burst_periods>},
    {{"container_cpu_cfs_burst_seconds_total", "CPU time taken beyond the quota of a period, in seconds.", kCounter},
     &cfs_duration<&Counters::cfs_burst_ns>},
    {{"container_cpu_cfs_periods_total", "Enforcement periods of the CPU quota that have passed.", kCounter},
     &cfs_count<&Counters::cfs_periods>},
    {{"container_cpu_cfs_throttled_periods_total", "Enforcement periods in which the group used up its quota.",
      kCounter},
     &cfs_count<&Counters::cfs_throttled_periods>},
    {{"container_cpu_cfs_throttled_seconds_total", "Time for which the quota kept the group from running, in seconds.",
      kCounter},
     &cfs_duration<&Counters::cfs_throttled_ns>},
    {{"container_cpu_system_seconds_total", "CPU time spent in the kernel, in seconds.", kCounter},
     &duration<&Counters::cpu_system_ns>},
    {{"container_cpu_usage_seconds_total", "CPU time used, in seconds.", kCounter}, &cpu_usage},
    {{"container_cpu_user_seconds_total", "CPU time spent in user mode, in seconds.", kCounter},
     &duration<&Counters::cpu_user_ns>},
    {{"container_creation_time_seconds", "When the group was made, in seconds of unix time.", kGauge}, &created},
    {{"container_fs_reads_bytes_total", "Bytes read from a block device.", kCounter},
     &by_device<&IoDevice::read_bytes>},
    {{"container_fs_reads_total", "Read requests to a block device.", kCounter}, &by_device<&IoDevice::reads>},
    {{"container_fs_writes_bytes_total", "Bytes written to a block device.", kCounter},
     &by_device<&IoDevice::written_bytes>},
    {{"container_fs_writes_total", "Write requests to a block device.", kCounter}, &by_device<&IoDevice::writes>},
    {{"container_last_seen", "When the group was last read, in seconds of unix time.", kGauge}, &last_seen},
    {{"container_memory_cache", "Page cache, in bytes.", kGauge}, &gauge<&Gauges::memory_cache_bytes>},
    {{"container_memory_events_high_total", "Times the group was slowed down for being above memory.high.", kCounter},
     &count<&Counters::memory_high_events>},
    {{"container_memory_events_max_total", "Times the group's use was about to exceed memory.max.", kCounter},
     &count<&Counters::memory_max_events>},
    {{"container_memory_failcnt", "Times the memory limit was hit.", kCounter}, &count<&Counters::memory_failures>},
    {{"container_memory_failures_total", "Page faults.", kCounter}, &memory_failures},
    {{"container_memory_file_dirty_bytes", "Page cache that waits to be written back, in bytes.", kGauge},
     &gauge<&Gauges::memory_dirty_bytes>},
    {{"container_memory_file_writeback_bytes", "Page cache that is being written back, in bytes.", kGauge},
     &gauge<&Gauges::memory_writeback_bytes>},
    {{"container_memory_kernel_usage", "Kernel memory, in bytes.", kGauge}, &gauge<&Gauges::memory_kernel_bytes>},
    {{"container_memory_mapped_file", "Page cache mapped by processes, in bytes.", kGauge},
     &gauge<&Gauges::memory_mapped_file_bytes>},
    {{"container_memory_max_usage_bytes", "Highest memory use so far, in bytes.", kGauge},
     &gauge<&Gauges::memory_peak_bytes>},
    {{"container_memory_pgscan_total", "Pages looked at by reclaim.", kCounter}, &count<&Counters::pages_scanned>},
    {{"container_memory_pgsteal_total", "Pages taken back by reclaim.", kCounter}, &count<&Counters::pages_stolen>},
    {{"container_memory_rss", "Anonymous memory, in bytes.", kGauge}, &gauge<&Gauges::memory_rss_bytes>},
    {{"container_memory_swap", "Swap space in use, in bytes.", kGauge}, &gauge<&Gauges::memory_swap_bytes>},
    {{"container_memory_total_active_file_bytes", "Page cache on the active list, in bytes.", kGauge},
     &gauge<&Gauges::memory_active_file_bytes>},
    {{"container_memory_total_inactive_file_bytes", "Page cache on the inactive list, in bytes.", kGauge},
     &gauge<&Gauges::memory_inactive_file_bytes>},
    {{"container_memory_usage_bytes", "Memory in use, page cache included, in bytes.", kGauge},
     &gauge<&Gauges::memory_usage_bytes>},
    {{"container_memory_working_set_bytes", "Memory in use without inactive page cache, in bytes.", kGauge},
     &gauge<&Gauges::memory_working_set_bytes>},
    {{"container_memory_workingset_refault_anon_total", "Anonymous pages that came back soon after they were evicted.",
      kCounter},
     &count<&Counters::refaults_anon>},
    {{"container_memory_workingset_refault_file_total", "Page cache pages that came back soon after they were evicted.",
      kCounter},
     &count<&Counters::refaults_file>},
    {{"container_network_receive_bytes_total", "Bytes received.", kCounter},
     &by_interface<&NetworkInterface::receive_bytes>},
    {{"container_network_receive_errors_total", "Receive errors.", kCounter},
     &by_interface<&NetworkInterface::receive_errors>},
    {{"container_network_receive_packets_dropped_total", "Received packets that were dropped.", kCounter},
     &by_interface<&NetworkInterface::receive_dropped>},
    {{"container_network_receive_packets_total", "Packets received.", kCounter},
     &by_interface<&NetworkInterface::receive_packets>},
    {{"container_network_transmit_bytes_total", "Bytes sent.", kCounter},
     &by_interface<&NetworkInterface::transmit_bytes>},
    {{"container_network_transmit_errors_total", "Transmit errors.", kCounter},
     &by_interface<&NetworkInterface::transmit_errors>},
    {{"container_network_transmit_packets_dropped_total", "Packets dropped before they were sent.", kCounter},
     &by_interface<&NetworkInterface::transmit_dropped>},
    {{"container_network_transmit_packets_total", "Packets sent.", kCounter},
     &by_interface<&NetworkInterface::transmit_packets>},
    {{"container_oom_events_total", "Processes killed for want of memory.", kCounter}, &count<&Counters::oom_kills>},
    {{"container_processes", "Processes in the group itself.", kGauge}, &gauge<&Gauges::processes>},
    {{"container_spec_cpu_period", "Length of a CPU quota period, in microseconds.", kGauge},
     &limit_if_set<&Limits::cpu_period_us>},
    {{"container_spec_cpu_quota", "CPU time granted per period, in microseconds.", kGauge},
     &limit_if_set<&Limits::cpu_quota_us>},
    {{"container_spec_cpu_shares", "Weight among siblings when CPUs are short.", kGauge},
     &limit_if_set<&Limits::cpu_shares>},
    {{"container_spec_memory_limit_bytes", "Memory limit, in bytes; 0 is none.", kGauge},
     &limit<&Limits::memory_bytes>},
    {{"container_spec_memory_reservation_limit_bytes", "Memory that reclaim spares, in bytes; 0 is none.", kGauge},
     &limit<&Limits::memory_reservation_bytes>},
    {{"container_spec_memory_swap_limit_bytes", "Limit of memory and swap (v1) or of swap (v2), in bytes; 0 is none.",
      kGauge},
     &limit<&Limits::memory_swap_bytes>},
    {{"container_start_time_seconds", "When the container was started, in seconds of unix time.", kGauge}, &started},
    {{"container_threads", "Threads in the group and its descendants.", kGauge}, &gauge<&Gauges::threads>},
    {{"container_threads_max", "Limit of threads; 0 is none.", kGauge}, &limit<&Limits::pids>},
});

}  // namespace

void write_families(PageContext& page, std::span<const Subject> subjects) {
  for (const Row& row : kRows) {
    page.writer.family(row.desc);
    const bool counter = row.desc.type == kCounter;
    for (const Subject& subject : subjects) {
      if (counter || subject.live()) row.write(page, subject);
    }
  }
}

std::vector<MetricDesc> family_descriptions() {
  std::vector<MetricDesc> descriptions;
  for (const Row& row : kRows) descriptions.push_back(row.desc);
  return descriptions;
}

}  // namespace plimsoll::collectors::container
