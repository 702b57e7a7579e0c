// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/kinds.h"

#include <array>

namespace plimsoll::collectors::container {
namespace {

constexpr auto kKinds = std::to_array<KindInfo>({
    {Kind::kAdvancedTcp, "advtcp", false, true, "TCP counters of each network namespace"},
    {Kind::kApp, "app", false, false, "application metrics; not offered here"},
    {Kind::kCpu, "cpu", true, true, "CPU time and throttling"},
    {Kind::kCpuLoad, "cpuLoad", false, true, "tasks by state and load average (cgroup v1)"},
    {Kind::kCpuTopology, "cpu_topology", false, true, "the machine's caches, cores and NUMA nodes"},
    {Kind::kCpuset, "cpuset", false, true, "memory migration of cpusets (cgroup v1)"},
    {Kind::kDelays, "delays", false, true, "time that processes waited for CPU, disks and swap"},
    {Kind::kDisk, "disk", true, true, "size of writable layers"},
    {Kind::kDiskIo, "diskIO", true, true, "reads and writes of each block device"},
    {Kind::kHugetlb, "hugetlb", false, true, "huge pages"},
    {Kind::kMemory, "memory", true, true, "memory"},
    {Kind::kMemoryNuma, "memory_numa", false, true, "memory of each NUMA node"},
    {Kind::kNetwork, "network", true, true, "network interfaces"},
    {Kind::kOomEvent, "oom_event", true, true, "processes killed for want of memory"},
    {Kind::kPercpu, "percpu", true, true, "CPU time of each CPU apart, where the kernel has it (cgroup v1)"},
    {Kind::kPerfEvent, "perf_event", false, false, "hardware counters; not offered here"},
    {Kind::kPids, "pids", true, true, "number of threads, and its limit"},
    {Kind::kPressure, "pressure", true, true, "time lost for want of CPU, memory and I/O"},
    {Kind::kProcess, "process", false, true, "files, sockets and zombies of each process"},
    {Kind::kReferencedMemory, "referenced_memory", false, true, "memory referenced by the processes (dear)"},
    {Kind::kResctrl, "resctrl", false, false, "cache and memory bandwidth; not offered here"},
    {Kind::kSched, "sched", false, true, "run queue times of each process"},
    {Kind::kSockets, "sockets", false, true, "sockets in use by network namespace"},
    {Kind::kTcp, "tcp", false, true, "TCP connections by state (dear)"},
    {Kind::kUdp, "udp", false, true, "UDP sockets"},
});

}  // namespace

std::span<const KindInfo> kinds() { return kKinds; }

std::optional<Kind> kind_named(std::string_view name) {
  for (const KindInfo& info : kKinds) {
    if (info.name == name) return info.kind;
  }
  return std::nullopt;
}

KindSet KindSet::none() {
  KindSet set;
  set.set(Kind::kAlways, true);
  return set;
}

KindSet KindSet::defaults() {
  KindSet set = none();
  for (const KindInfo& info : kKinds) set.set(info.kind, info.on);
  return set;
}

KindSet KindSet::all() {
  KindSet set = none();
  for (const KindInfo& info : kKinds) set.set(info.kind, info.supported);
  return set;
}

}  // namespace plimsoll::collectors::container
