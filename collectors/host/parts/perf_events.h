// SPDX-License-Identifier: Apache-2.0
// What the kernel can count on a CPU, and how to make it count. perf_event_open(2)
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

struct PerfEvent {
  std::string_view profiler;  // node_exporter's name for it, in flags
  MetricDesc desc;
  uint32_t type;
  uint64_t config;
};

std::span<const PerfEvent> hardware_events();
std::span<const PerfEvent> software_events();
std::span<const PerfEvent> cache_events();

// "0-3,8,10-20:5" -> 0, 1, 2, 3, 8, 10, 15, 20; in order, each once. Error for anything else, and for numbers of 2^16
// or more.
Result<std::vector<uint32_t>> parse_cpus(std::string_view text);

// Starts counting an event of all processes on one CPU, from 0.
Result<UniqueFd> open_counter(uint32_t type, uint64_t config, uint32_t cpu);
Result<uint64_t> read_counter(int fd);

}  // namespace plimsoll::collectors::host
