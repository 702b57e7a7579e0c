// SPDX-License-Identifier: Apache-2.0
#include "agent/scraper.h"

#include "base/os.h"
#include "collectors/runner.h"

namespace plimsoll::agent {
namespace {

double seconds_since(int64_t start_ns) { return static_cast<double>(monotonic_ns() - start_ns) / 1e9; }

}  // namespace

std::vector<std::string> names_of(const Collectors& first, const Collectors& second) {
  std::vector<std::string> names;
  for (const auto* list : {&first, &second}) {
    for (const auto& collector : *list) names.emplace_back(collector->name());
  }
  return names;
}

Scraper::Scraper(Collectors node, Collectors container, SelfMetrics& self, FailureLog::Sink warn, FailureLog::Sink info,
                 bool show_self)
    : node_(std::move(node), warn, info),
      container_(std::move(container), warn, info),
      self_(self),
      show_self_(show_self),
      selectable_(agent::selectable(names_of(node_.collectors, container_.collectors))),
      all_([this](int64_t deadline_ns) {
        return collect({true, true, true}, deadline_ns, {});
      }),
      node_only_([this](int64_t deadline_ns) {
        return collect({false, true, false}, deadline_ns, {});
      }),
      container_only_([this](int64_t deadline_ns) {
        return collect({true, false, false}, deadline_ns, {});
      }) {}

SharedPage Scraper::all(int64_t deadline_ns, const Selection& selection) {
  if (selection.is_everything()) return all_.get(deadline_ns);
  return std::make_shared<const MetricPage>(collect({true, true, true}, deadline_ns, selection));
}

SharedPage Scraper::node(int64_t deadline_ns, const Selection& selection) {
  if (selection.is_everything()) return node_only_.get(deadline_ns);
  return std::make_shared<const MetricPage>(collect({false, true, false}, deadline_ns, selection));
}

SharedPage Scraper::container(int64_t deadline_ns, const Selection& selection) {
  if (selection.is_everything()) return container_only_.get(deadline_ns);
  return std::make_shared<const MetricPage>(collect({true, false, false}, deadline_ns, selection));
}

MetricPage Scraper::collect(Halves halves, int64_t deadline_ns, const Selection& selection) {
  const auto general = rules();
  const NamedRules named(*general, selection.families());
  const PageRules* rules = general->empty() ? nullptr : general.get();
  if (!selection.families().empty()) rules = &named;
  MetricWriter writer(deadline_ns, selection.wanted(), rules);
  if (halves.container) collect_container(writer);
  if (halves.node) collect_node(writer);
  if (halves.own && show_self_) {
    const std::lock_guard lock(own_mutex_);
    self_.write(writer);
  }
  self_.count_left_out(writer.dropped_by_rule(), writer.dropped_over_budget());
  return writer.finish();
}

std::set<std::string, std::less<>> Scraper::selectable() const {
  const std::lock_guard lock(settings_mutex_);
  return selectable_;
}

std::shared_ptr<const Rules> Scraper::rules() const {
  const std::lock_guard lock(settings_mutex_);
  return rules_;
}

void Scraper::set_rules(std::shared_ptr<const Rules> rules) {
  const std::lock_guard lock(settings_mutex_);
  rules_ = std::move(rules);
}

void Scraper::replace_node(Collectors collectors) {
  self_.add_collectors(names_of(collectors, {}));
  auto selectable = agent::selectable(names_of(collectors, container_.collectors));
  {
    const std::lock_guard lock(node_.mutex);
    node_.collectors.swap(collectors);
    node_.log.forget();
  }
  const std::lock_guard lock(settings_mutex_);
  selectable_ = std::move(selectable);
}

void Scraper::change_container(const std::function<void()>& change) {
  const std::lock_guard lock(container_.mutex);
  change();
}

void Scraper::collect_node(MetricWriter& writer) {
  const std::lock_guard lock(node_.mutex);
  const int64_t start = monotonic_ns();
  collectors::run_collectors(node_.collectors, writer, [&](std::string_view collector, const Error& error) {
    self_.count_failure(std::string(collector));
    node_.log.failed(collector, error);
  });
  self_.count_collection("node", seconds_since(start));
  if (!writer.wants_everything()) return;
  node_.log.end_round();
  node_ready_ = true;
}

// Unlike the node half, these collectors say themselves how they went, in cAdvisor's families
// container_scrape_error and machine_scrape_error.
bool Scraper::run_container_collectors(MetricWriter& writer) {
  bool healthy = true;
  for (const auto& collector : container_.collectors) {
    if (!writer.wants(collector->name())) continue;
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
  self_.count_collection("container", seconds_since(start));
  if (!writer.wants_everything()) return;
  container_.log.end_round();
  if (healthy) container_ready_ = true;
}

}  // namespace plimsoll::agent
