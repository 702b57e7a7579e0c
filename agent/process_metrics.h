// SPDX-License-Identifier: Apache-2.0
// What this process costs now, read at scrape time from proc_pid_stat(5), proc_pid_fd(5) and getrlimit(2):
//   4242 (plimsoll) S 1 4242 4242 0 -1 4194560 1520 0 0 0 12 7 0 0 20 0 9 0 8123456 223641600 2210 ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::agent {

struct ProcessStat {
  uint64_t user_ticks, system_ticks;  // of sysconf(_SC_CLK_TCK) a second
  uint64_t start_ticks;               // after boot
  uint64_t virtual_bytes;
  uint64_t resident_pages;
};

// /proc/PID/stat. The program's name may contain blanks and brackets. Error names the field.
Result<ProcessStat> parse_process_stat(std::string_view text);

// process_*; `proc`: where the host's /proc is. What cannot be read is left out.
void write_process_metrics(MetricWriter& writer, const std::string& proc);

}  // namespace plimsoll::agent
