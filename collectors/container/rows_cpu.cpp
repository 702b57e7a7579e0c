// SPDX-License-Identifier: Apache-2.0
// CPU time, throttling, pressure, run queues and load.
#include <array>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::Counters;
using cgroup::kUnlimited;
using cgroup::Pressure;

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

template <Pressure Counters::*kResource, Count Pressure::*kMember>
void pressure(PageContext& page, const Subject& subject) {
  const Count& value = subject.counters->*kResource.*kMember;
  if (value) page.writer.sample(subject.labels, seconds(*value));
}

constexpr Write kCpuSome = &pressure<&Counters::cpu_pressure, &Pressure::some_ns>;
constexpr Write kCpuFull = &pressure<&Counters::cpu_pressure, &Pressure::full_ns>;
constexpr Write kMemorySome = &pressure<&Counters::memory_pressure, &Pressure::some_ns>;
constexpr Write kMemoryFull = &pressure<&Counters::memory_pressure, &Pressure::full_ns>;
constexpr Write kIoSome = &pressure<&Counters::io_pressure, &Pressure::some_ns>;
constexpr Write kIoFull = &pressure<&Counters::io_pressure, &Pressure::full_ns>;
constexpr Write kIrqFull = &pressure<&Counters::irq_pressure, &Pressure::full_ns>;

void tasks(PageContext& page, const Subject& subject) {
  if (subject.processes == nullptr) return;
  const ProcessSums& sums = *subject.processes;
  const std::pair<const char*, const Count&> states[] = {{"iowaiting", sums.io_waiting},
                                                         {"running", sums.running},
                                                         {"sleeping", sums.sleeping},
                                                         {"stopped", sums.stopped},
                                                         {"uninterruptible", sums.uninterruptible}};
  for (const auto& [state, number] : states) {
    if (number) page.writer.sample(subject.labels, page.extra.pair(page.writer, "state", state), *number);
  }
}

constexpr std::string_view kInTree = "the same, of the v2 tree beside";

constexpr auto kRows = std::to_array<Row>({
    {{"container_cpu_cfs_burst_periods_total", "Enforcement periods in which the group ran on saved-up quota.",
      kCounter},
     Kind::kCpu,
     "",
     "cpu.stat nr_bursts, with a quota",
     "cpu.stat nr_bursts, with a quota",
     &cfs_count<&Counters::cfs_burst_periods>},
    {{"container_cpu_cfs_burst_seconds_total", "CPU time taken beyond the quota of a period, in seconds.", kCounter},
     Kind::kCpu,
     "",
     "cpu.stat burst_time, with a quota",
     "cpu.stat burst_usec, with a quota",
     &cfs_duration<&Counters::cfs_burst_ns>},
    {{"container_cpu_cfs_periods_total", "Enforcement periods of the CPU quota that have passed.", kCounter},
     Kind::kCpu,
     "",
     "cpu.stat nr_periods, with a quota",
     "cpu.stat nr_periods, with a quota",
     &cfs_count<&Counters::cfs_periods>},
    {{"container_cpu_cfs_throttled_periods_total", "Enforcement periods in which the group used up its quota.",
      kCounter},
     Kind::kCpu,
     "",
     "cpu.stat nr_throttled, with a quota",
     "cpu.stat nr_throttled, with a quota",
     &cfs_count<&Counters::cfs_throttled_periods>},
    {{"container_cpu_cfs_throttled_seconds_total", "Time for which the quota kept the group from running, in seconds.",
      kCounter},
     Kind::kCpu,
     "",
     "cpu.stat throttled_time, with a quota",
     "cpu.stat throttled_usec, with a quota",
     &cfs_duration<&Counters::cfs_throttled_ns>},
    {{"container_cpu_load_average_10s", "Running tasks, averaged over about 10 seconds, times 1000.", kGauge},
     Kind::kCpuLoad,
     "",
     "taskstats CGROUPSTATS nr_running",
     "",
     &process_gauge<&ProcessSums::load_average>},
    {{"container_cpu_load_d_average_10s", "Uninterruptible tasks, averaged over about 10 seconds, times 1000.", kGauge},
     Kind::kCpuLoad,
     "",
     "taskstats CGROUPSTATS nr_uninterruptible",
     "",
     &process_gauge<&ProcessSums::load_d_average>},
    {{"container_cpu_schedstat_run_periods_total", "Times that the group's processes were given a CPU.", kCounter},
     Kind::kSched,
     "",
     "PID/schedstat field 3",
     kSame,
     &process_gauge<&ProcessSums::run_periods>},
    {{"container_cpu_schedstat_run_seconds_total", "Time for which the group's processes were running, in seconds.",
      kCounter},
     Kind::kSched,
     "",
     "PID/schedstat field 1",
     kSame,
     &process_duration<&ProcessSums::run_ns>},
    {{"container_cpu_schedstat_runqueue_seconds_total",
      "Time for which the group's processes waited for a CPU, in seconds.", kCounter},
     Kind::kSched,
     "",
     "PID/schedstat field 2",
     kSame,
     &process_duration<&ProcessSums::run_queue_ns>},
    {{"container_cpu_system_seconds_total", "CPU time spent in the kernel, in seconds.", kCounter},
     Kind::kCpu,
     "",
     "cpuacct.stat system; hybrid: cpu.stat system_usec",
     "cpu.stat system_usec",
     &duration<&Counters::cpu_system_ns>},
    {{"container_cpu_usage_seconds_total", "CPU time used, in seconds.", kCounter},
     Kind::kCpu,
     "cpu",
     "cpuacct.usage_percpu; without percpu: cpuacct.usage",
     "cpu.stat usage_usec",
     &cpu_usage},
    {{"container_cpu_user_seconds_total", "CPU time spent in user mode, in seconds.", kCounter},
     Kind::kCpu,
     "",
     "cpuacct.stat user; hybrid: cpu.stat user_usec",
     "cpu.stat user_usec",
     &duration<&Counters::cpu_user_ns>},
    {{"container_pressure_cpu_stalled_seconds_total",
      "Time in which no task of the group ran for want of CPU, in seconds.", kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "cpu.pressure full total",
     kCpuFull},
    {{"container_pressure_cpu_waiting_seconds_total", "Time in which tasks waited for a CPU, in seconds.", kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "cpu.pressure some total",
     kCpuSome},
    {{"container_pressure_io_stalled_seconds_total",
      "Time in which no task of the group ran for want of I/O, in seconds.", kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "io.pressure full total",
     kIoFull},
    {{"container_pressure_io_waiting_seconds_total", "Time in which tasks waited for I/O, in seconds.", kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "io.pressure some total",
     kIoSome},
    {{"container_pressure_irq_stalled_seconds_total", "Time that interrupts took from the group's tasks, in seconds.",
      kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "irq.pressure full total",
     kIrqFull},
    {{"container_pressure_memory_stalled_seconds_total",
      "Time in which no task of the group ran for want of memory, in seconds.", kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "memory.pressure full total",
     kMemoryFull},
    {{"container_pressure_memory_waiting_seconds_total", "Time in which tasks waited for memory, in seconds.",
      kCounter},
     Kind::kPressure,
     "",
     kInTree,
     "memory.pressure some total",
     kMemorySome},
    {{"container_tasks_state", "Tasks in each state.", kGauge},
     Kind::kCpuLoad,
     "state",
     "taskstats CGROUPSTATS",
     "",
     &tasks},
});

}  // namespace

std::span<const Row> cpu_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
