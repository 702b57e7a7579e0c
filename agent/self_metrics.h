// SPDX-License-Identifier: Apache-2.0
// The agent's own metrics: what it is, what it costs, how it is used. Kept by prometheus-cpp's
// registry; written through a MetricWriter like everything else.
//
// process_* are read at scrape time from proc_pid_stat(5), proc_pid_fd(5) and getrlimit(2):
//   4242 (plimsoll) S 1 4242 4242 0 -1 4194560 1520 0 0 0 12 7 0 0 20 0 9 0 8123456 223641600 2210 ...
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/metric.h"
#include "base/os.h"
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

class SelfMetrics {
 public:
  // All counters of these routes and collectors exist from now on, at 0.
  SelfMetrics(const HostRoots& roots, std::span<const std::string> routes, std::span<const std::string> collectors);
  ~SelfMetrics();

  // Thread-safe. "" as route counts as "other".
  void count_request(const std::string& route, int status);
  // `half`: "node" or "container".
  void count_collection(const std::string& half, double seconds);
  void count_failure(const std::string& collector);

  // What somebody else of this agent says about himself, written after the rest. `more` must stay callable as
  // long as pages are written. Thread-safe.
  void add(std::function<void(MetricWriter&)> more);

  // One thread at a time.
  void write(MetricWriter& writer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::agent
