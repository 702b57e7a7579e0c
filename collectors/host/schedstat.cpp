// SPDX-License-Identifier: Apache-2.0
// /proc/schedstat (kernels with CONFIG_SCHEDSTATS): how long tasks ran on each CPU and waited for it.
//
//   version 15
//   timestamp 15819019232
//   cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306
//   domain0 00000000,00000003 212499247 210112015 ...
//
// The last three of a CPU's nine numbers: nanoseconds in which tasks ran, nanoseconds in which they were
// ready but did not run, and how many turns were given. Documentation/scheduler/sched-stats.rst
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kRunning = {"node_schedstat_running_seconds_total", "Time that tasks ran on the CPU, in seconds.",
                                 MetricType::kCounter};
constexpr MetricDesc kWaiting = {"node_schedstat_waiting_seconds_total",
                                 "Sum of the time that tasks waited for the CPU, in seconds.", MetricType::kCounter};
constexpr MetricDesc kTurns = {"node_schedstat_timeslices_total", "Turns that tasks were given on the CPU.",
                               MetricType::kCounter};

constexpr size_t kColumns = 9;
constexpr size_t kRunningColumn = 6, kWaitingColumn = 7, kTurnsColumn = 8;

struct CpuLine {
  uint32_t cpu;
  std::array<uint64_t, kColumns> numbers;
};

Result<CpuLine> parse_line(std::string_view line) {
  const std::string_view label = take_field(line);
  const auto cpu = parse_u64(label.substr(3));
  if (!cpu || *cpu > UINT32_MAX) return fail(std::string(label) + ": no CPU number");
  CpuLine parsed{static_cast<uint32_t>(*cpu), {}};
  for (uint64_t& number : parsed.numbers) {
    const auto value = parse_u64(take_field(line));
    if (!value) return fail(std::string(label) + ": not nine numbers");
    number = *value;
  }
  return parsed;
}

Result<std::vector<CpuLine>> parse_schedstat(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<CpuLine> lines;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (!line.starts_with("cpu")) continue;
    const auto parsed = parse_line(line);
    if (!parsed) return unexpected(parsed.error());
    if (lines.empty() || parsed->cpu > lines.back().cpu) lines.push_back(*parsed);  // no CPU twice
  }
  if (lines.empty()) return fail("no CPU line");
  return lines;
}

class SchedstatCollector : public Collector {
 public:
  explicit SchedstatCollector(const Setup& setup) : file_(setup.roots.proc + "/schedstat") {}
  std::string_view name() const override { return "schedstat"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto lines = read_and_parse(file_, parse_schedstat);
    if (!lines && lines.error().code == ENOENT) return not_present("scheduler statistics");
    if (!lines) return unexpected(lines.error());
    std::vector<uint32_t> cpus;
    for (const CpuLine& line : *lines) cpus.push_back(line.cpu);
    const auto labels = cpu_labels(writer, cpus);
    const auto seconds = [](uint64_t nanoseconds) { return Value(static_cast<double>(nanoseconds) / 1e9); };
    writer.family(kRunning);
    for (size_t i = 0; i < cpus.size(); ++i) writer.sample(labels[i], seconds((*lines)[i].numbers[kRunningColumn]));
    writer.family(kWaiting);
    for (size_t i = 0; i < cpus.size(); ++i) writer.sample(labels[i], seconds((*lines)[i].numbers[kWaitingColumn]));
    writer.family(kTurns);
    for (size_t i = 0; i < cpus.size(); ++i) writer.sample(labels[i], (*lines)[i].numbers[kTurnsColumn]);
    return {};
  }

 private:
  KeptFile file_;
};

}  // namespace

const Entry kSchedstatCollector = {"schedstat", "Time tasks ran and waited, by CPU: proc schedstat", Default::kOn,
                                   make<SchedstatCollector>};

}  // namespace plimsoll::collectors::host
