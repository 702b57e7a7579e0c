// SPDX-License-Identifier: Apache-2.0
#include "agent/scraper.h"

#include "base/os.h"
#include "collectors/runner.h"

namespace plimsoll::agent {
namespace {

double seconds_since(int64_t start_ns) { return static_cast<double>(monotonic_ns() - start_ns) / 1e9; }

}  // namespace

Scraper::Scraper(Collectors node, Collectors container, SelfMetrics& self, FailureLog::Sink warn, FailureLog::Sink info)
    : node_(std::move(node), warn, info),
      container_(std::move(container), warn, info),
      self_(self),
      all_([this](int64_t deadline_ns) {
        MetricWriter writer(deadline_ns);
        collect_container(writer);
        collect_node(writer);
        self_.write(writer);
        return writer.finish();
      }),
      node_only_([this](int64_t deadline_ns) {
        MetricWriter writer(deadline_ns);
        collect_node(writer);
        return writer.finish();
      }),
      container_only_([this](int64_t deadline_ns) {
        MetricWriter writer(deadline_ns);
        collect_container(writer);
        return writer.finish();
      }) {}

void Scraper::collect_node(MetricWriter& writer) {
  const std::lock_guard lock(node_.mutex);
  const int64_t start = monotonic_ns();
  collectors::run_collectors(node_.collectors, writer, [&](std::string_view collector, const Error& error) {
    self_.count_failure(std::string(collector));
    node_.log.failed(collector, error);
  });
  node_.log.end_round();
  self_.count_collection("node", seconds_since(start));
  node_ready_ = true;
}

// Unlike the node half, these collectors say themselves how they went, in cAdvisor's families
// container_scrape_error and machine_scrape_error.
bool Scraper::run_container_collectors(MetricWriter& writer) {
  bool healthy = true;
  for (const auto& collector : container_.collectors) {
    const auto result = collector->collect(writer);
    if (result || collectors::is_not_present(result.error())) continue;
    healthy = false;
    self_.count_failure(std::string(collector->name()));
    container_.log.failed(collector->name(), result.error());
  }
  return healthy;
}

void Scraper::collect_container(MetricWriter& writer) {
  const std::lock_guard lock(container_.mutex);
  const int64_t start = monotonic_ns();
  const bool healthy = run_container_collectors(writer);
  container_.log.end_round();
  self_.count_collection("container", seconds_since(start));
  if (healthy) container_ready_ = true;
}

}  // namespace plimsoll::agent
