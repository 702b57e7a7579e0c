// SPDX-License-Identifier: Apache-2.0
// One row of the table of container families: what it is, where it comes from, how one group's samples
// of it are written. docs/METRICS.md is made from the same rows. Each rows_*.cpp holds the rows of one
// area; families.cpp puts them together.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "collectors/container/families.h"
#include "collectors/container/kinds.h"

namespace plimsoll::collectors::container {

using Write = void (*)(PageContext& page, const Subject& subject);

struct Row {
  MetricDesc desc;
  Kind kind;
  std::string_view labels;  // beside the group's own: "device", "failure_type,scope", or ""
  std::string_view v1, v2;  // kernel file and field; "" = the kernel does not offer it there
  Write write;
  bool of_ended = false;  // a gauge that an ended container has too; counters always are
};

// All of them, by name.
const std::vector<const Row*>& all_rows();

std::span<const Row> cpu_rows();      // rows_cpu.cpp: CPU, pressure, scheduling
std::span<const Row> memory_rows();   // rows_memory.cpp: memory, huge pages, NUMA
std::span<const Row> io_rows();       // rows_io.cpp: block devices and file systems
std::span<const Row> network_rows();  // rows_network.cpp: interfaces and sockets
std::span<const Row> process_rows();  // rows_process.cpp: processes, threads, delays
std::span<const Row> life_rows();     // rows_life.cpp: identity, limits, state, times

inline constexpr MetricType kCounter = MetricType::kCounter;
inline constexpr MetricType kGauge = MetricType::kGauge;
inline constexpr std::string_view kSame = "same";  // v2's source is v1's

inline constexpr double kNsPerSecond = 1e9;
inline double seconds(uint64_t ns) { return static_cast<double>(ns) / kNsPerSecond; }

// Writers of single values, for use in rows.
template <cgroup::Count cgroup::Counters::*kMember>
void count(PageContext& page, const Subject& subject) {
  const cgroup::Count& value = subject.counters->*kMember;
  if (value) page.writer.sample(subject.labels, *value);
}

template <cgroup::Count cgroup::Counters::*kMember>
void duration(PageContext& page, const Subject& subject) {
  const cgroup::Count& value = subject.counters->*kMember;
  if (value) page.writer.sample(subject.labels, seconds(*value));
}

template <cgroup::Count cgroup::Gauges::*kMember>
void gauge(PageContext& page, const Subject& subject) {
  const cgroup::Count& value = subject.gauges->*kMember;
  if (value) page.writer.sample(subject.labels, *value);
}

// Sums over a group's processes, of live groups for which they were asked.
template <cgroup::Count ProcessSums::*kMember>
void process_gauge(PageContext& page, const Subject& subject) {
  if (subject.processes == nullptr) return;
  const cgroup::Count& value = subject.processes->*kMember;
  if (value) page.writer.sample(subject.labels, *value);
}

template <cgroup::Count ProcessSums::*kMember>
void process_duration(PageContext& page, const Subject& subject) {
  if (subject.processes == nullptr) return;
  const cgroup::Count& value = subject.processes->*kMember;
  if (value) page.writer.sample(subject.labels, seconds(*value));
}

// A limit; 0 stands for "none".
template <cgroup::Count cgroup::Limits::*kMember>
void limit(PageContext& page, const Subject& subject) {
  const cgroup::Count& value = subject.limits->*kMember;
  if (value) page.writer.sample(subject.labels, *value == cgroup::kUnlimited ? uint64_t{0} : *value);
}

template <cgroup::Count cgroup::Limits::*kMember>
void limit_if_set(PageContext& page, const Subject& subject) {
  const cgroup::Count& value = subject.limits->*kMember;
  if (value && *value != cgroup::kUnlimited) page.writer.sample(subject.labels, *value);
}

}  // namespace plimsoll::collectors::container
