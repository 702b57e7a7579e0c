// SPDX-License-Identifier: Apache-2.0
// Processes and threads, and what is summed up over them.
#include <array>
#include <utility>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::Gauges;
using cgroup::Limits;

// -1 stands for "none", as in cAdvisor.
void open_files_limit(PageContext& page, const Subject& subject) {
  if (subject.processes == nullptr || !subject.processes->open_files_soft_limit) return;
  const uint64_t limit = *subject.processes->open_files_soft_limit;
  const LabelRef label = page.extra.pair(page.writer, "ulimit", "max_open_files");
  page.writer.sample(subject.labels, label, limit == cgroup::kUnlimited ? Value(-1) : Value(limit));
}

void delays(PageContext& page, const Subject& subject) {
  if (subject.processes == nullptr) return;
  const ProcessSums& sums = *subject.processes;
  const std::pair<const char*, const Count&> reasons[] = {{"block_io", sums.block_io_delay_ns},
                                                          {"cpu", sums.cpu_delay_ns},
                                                          {"reclaim", sums.reclaim_delay_ns},
                                                          {"swap_in", sums.swap_in_delay_ns}};
  for (const auto& [reason, value] : reasons) {
    if (value) page.writer.sample(subject.labels, page.extra.pair(page.writer, "reason", reason), seconds(*value));
  }
}

constexpr auto kRows = std::to_array<Row>({
    {{"container_file_descriptors", "Open file descriptors of the group's processes.", kGauge},
     Kind::kProcess,
     "",
     "PID/fd",
     kSame,
     &process_gauge<&ProcessSums::file_descriptors>},
    {{"container_processes", "Processes in the group itself.", kGauge},
     Kind::kProcess,
     "",
     "cgroup.procs",
     kSame,
     &gauge<&Gauges::processes>},
    {{"container_referenced_bytes", "Memory that the processes have referenced, in bytes.", kGauge},
     Kind::kReferencedMemory,
     "",
     "PID/smaps_rollup Referenced",
     kSame,
     &process_gauge<&ProcessSums::referenced_bytes>},
    {{"container_sockets", "Open sockets of the group's processes.", kGauge},
     Kind::kProcess,
     "",
     "PID/fd",
     kSame,
     &process_gauge<&ProcessSums::sockets>},
    {{"container_threads", "Threads in the group and its descendants.", kGauge},
     Kind::kPids,
     "",
     "pids.current",
     kSame,
     &gauge<&Gauges::threads>},
    {{"container_threads_max", "Limit of threads; 0 is none.", kGauge},
     Kind::kPids,
     "",
     "pids.max",
     kSame,
     &limit<&Limits::pids>},
    {{"container_ulimits_soft", "Soft resource limit of the group's first process; -1 is none.", kGauge},
     Kind::kProcess,
     "ulimit",
     "PID/limits",
     kSame,
     &open_files_limit},
    {{"plimsoll_container_delay_seconds_total", "Time for which the group's processes waited, in seconds.", kCounter},
     Kind::kDelays,
     "reason",
     "taskstats, with kernel.task_delayacct",
     kSame,
     &delays},
    {{"plimsoll_container_zombies", "Processes that have ended and were not waited for.", kGauge},
     Kind::kProcess,
     "",
     "PID/stat",
     kSame,
     &process_gauge<&ProcessSums::zombies>},
});

}  // namespace

std::span<const Row> process_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
