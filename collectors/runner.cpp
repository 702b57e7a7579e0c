// SPDX-License-Identifier: Apache-2.0
#include "collectors/runner.h"

#include <vector>

#include "base/os.h"

namespace plimsoll::collectors {
namespace {

constexpr MetricDesc kDuration = {"node_scrape_collector_duration_seconds",
                                  "How long the collector took in this scrape, in seconds.", MetricType::kGauge};
constexpr MetricDesc kSuccess = {"node_scrape_collector_success",
                                 "1 when the collector read everything it is for, 0 when not.", MetricType::kGauge};

struct Outcome {
  LabelRef labels;
  double seconds;
  bool success;
};

Outcome run_one(Collector& collector, MetricWriter& writer, const FailureHandler& on_failure) {
  const int64_t start = monotonic_ns();
  const auto result = collector.collect(writer);
  const double seconds = static_cast<double>(monotonic_ns() - start) / 1e9;
  if (!result && !is_not_present(result.error()) && on_failure) on_failure(collector.name(), result.error());
  return {writer.labels(LabelSet{{"collector", collector.name()}}), seconds, result.has_value()};
}

}  // namespace

void run_collectors(std::span<const std::unique_ptr<Collector>> collectors, MetricWriter& writer,
                    const FailureHandler& on_failure) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(collectors.size());
  for (const auto& collector : collectors) {
    if (writer.wants(collector->name())) outcomes.push_back(run_one(*collector, writer, on_failure));
  }
  writer.family(kDuration);
  for (const Outcome& outcome : outcomes) writer.sample(outcome.labels, outcome.seconds);
  writer.family(kSuccess);
  for (const Outcome& outcome : outcomes) writer.sample(outcome.labels, outcome.success);
}

}  // namespace plimsoll::collectors
