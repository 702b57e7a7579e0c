// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/ends.h"

namespace plimsoll::collectors::container {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricDesc kExitCode = {"plimsoll_container_exit_code",
                                  "Exit code of an ended container; 128 + n for signal n, -1 when it is not known.",
                                  kGauge};
constexpr MetricDesc kOomKilled = {"plimsoll_container_oom_killed",
                                   "Whether an ended container lost a process for want of memory.", kGauge};
constexpr MetricDesc kEndTime = {"plimsoll_container_end_time_seconds",
                                 "When a container ended, in seconds of unix time.", kGauge};

constexpr double kNsPerSecond = 1e9;

}  // namespace

void write_ends(MetricWriter& writer, std::span<const End> ends) {
  writer.family(kExitCode);
  for (const End& end : ends) {
    if (end.exit_code) writer.sample(end.labels, *end.exit_code);
  }
  writer.family(kOomKilled);
  for (const End& end : ends) {
    if (end.oom_killed) writer.sample(end.labels, *end.oom_killed);
  }
  writer.family(kEndTime);
  for (const End& end : ends) {
    if (end.ended_ns != 0) writer.sample(end.labels, static_cast<double>(end.ended_ns) / kNsPerSecond);
  }
}

std::vector<MetricDesc> end_descriptions() { return {kExitCode, kOomKilled, kEndTime}; }

}  // namespace plimsoll::collectors::container
