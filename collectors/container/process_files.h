// SPDX-License-Identifier: Apache-2.0
// The files of one process that container telemetry needs.
//
//   stat          4711 (a b) S 1 ...                      3: state, 22: start time in clock ticks since boot
//   schedstat     65353213 9483026 51                     ns on a CPU, ns waiting for one, time slices
//   limits        Max open files            1024                 1048576              files
//   smaps_rollup  Referenced:         1044 kB
//
// proc_pid_stat(5), proc_pid_limits(5), proc_pid_smaps(5), Documentation/scheduler/sched-stats.rst
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/cgroup/stats.h"

namespace plimsoll::collectors::container {

// All of these: nullopt for text that is not such a file, or is cut off before the value.

struct ProcessStat {
  char state = '?';
  uint64_t start_ticks = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text);

struct SchedStat {
  uint64_t run_ns = 0, run_queue_ns = 0, run_periods = 0;
};
std::optional<SchedStat> parse_schedstat(std::string_view text);

// The soft limit; cgroup::kUnlimited for "unlimited".
std::optional<uint64_t> parse_open_files_limit(std::string_view text);
// Bytes.
std::optional<uint64_t> parse_referenced(std::string_view text);

}  // namespace plimsoll::collectors::container
