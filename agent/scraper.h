// SPDX-License-Identifier: Apache-2.0
// One collection, as each of the three metric pages wants it:
//
//   /metrics            node half, container half, the agent's own
//   /metrics/node       node half
//   /metrics/cadvisor   container half
//
// Collectors are single-threaded, so each half has a lock; requests for the same page at the same
// time share one collection (single_flight.h), and its deadline: the one of the request that started it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "agent/failure_log.h"
#include "agent/filter/rules.h"
#include "agent/filter/selection.h"
#include "agent/self_metrics.h"
#include "agent/single_flight.h"
#include "collectors/collector.h"

namespace plimsoll::agent {

using Collectors = std::vector<std::unique_ptr<collectors::Collector>>;

// Their names, those of the first list first.
std::vector<std::string> names_of(const Collectors& first, const Collectors& second);

class Scraper {
 public:
  // `self` must outlive the scraper. `warn` and `info` are called under a half's lock.
  // `show_self`: whether the page of everything has its metrics too.
  Scraper(Collectors node, Collectors container, SelfMetrics& self, FailureLog::Sink warn, FailureLog::Sink info,
          bool show_self = true);

  // Thread-safe. `deadline_ns` (CLOCK_MONOTONIC): when slow collectors should stop; it holds when this call
  // starts the collection, not when it joins one. `selection`: of which collectors; a collection for a
  // selection is not shared with others.
  SharedPage all(int64_t deadline_ns = INT64_MAX, const Selection& selection = {});
  SharedPage node(int64_t deadline_ns = INT64_MAX, const Selection& selection = {});
  SharedPage container(int64_t deadline_ns = INT64_MAX, const Selection& selection = {});

  // The names that a Selection may have here.
  std::set<std::string, std::less<>> selectable() const;

  // For a reload; thread-safe. The collections that run use what was there before.
  void set_rules(std::shared_ptr<const Rules> rules);
  void replace_node(Collectors collectors);
  // `change` runs while no collection of the container half does.
  void change_container(const std::function<void()>& change);

  // Whether each half has been collected at least once, the container half without a failure.
  bool ready() const { return node_ready_ && container_ready_; }

 private:
  struct Halves {
    bool container, node, own;
  };
  struct Half {
    Half(Collectors list, FailureLog::Sink warn, FailureLog::Sink info)
        : collectors(std::move(list)), log(std::move(warn), std::move(info)) {}
    Collectors collectors;
    FailureLog log;
    std::mutex mutex;
  };

  std::shared_ptr<const Rules> rules() const;
  MetricPage collect(Halves halves, int64_t deadline_ns, const Selection& selection);
  void collect_node(MetricWriter& writer);
  void collect_container(MetricWriter& writer);
  bool run_container_collectors(MetricWriter& writer);

  Half node_;
  Half container_;
  SelfMetrics& self_;
  bool show_self_;
  std::mutex own_mutex_;               // of self_.write()
  mutable std::mutex settings_mutex_;  // of the next two
  std::set<std::string, std::less<>> selectable_;
  std::shared_ptr<const Rules> rules_ = std::make_shared<const Rules>();
  std::atomic<bool> node_ready_ = false;
  std::atomic<bool> container_ready_ = false;
  SingleFlight all_;
  SingleFlight node_only_;
  SingleFlight container_only_;
};

}  // namespace plimsoll::agent
