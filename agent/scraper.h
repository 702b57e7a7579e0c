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
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "agent/failure_log.h"
#include "agent/self_metrics.h"
#include "agent/single_flight.h"
#include "collectors/collector.h"

namespace plimsoll::agent {

using Collectors = std::vector<std::unique_ptr<collectors::Collector>>;

class Scraper {
 public:
  // `self` must outlive the scraper. `warn` and `info` are called under a half's lock.
  Scraper(Collectors node, Collectors container, SelfMetrics& self, FailureLog::Sink warn, FailureLog::Sink info);

  // Thread-safe. `deadline_ns` (CLOCK_MONOTONIC): when slow collectors should stop; it holds when this call
  // starts the collection, not when it joins one.
  SharedPage all(int64_t deadline_ns = INT64_MAX) { return all_.get(deadline_ns); }
  SharedPage node(int64_t deadline_ns = INT64_MAX) { return node_only_.get(deadline_ns); }
  SharedPage container(int64_t deadline_ns = INT64_MAX) { return container_only_.get(deadline_ns); }

  // Whether each half has been collected at least once, the container half without a failure.
  bool ready() const { return node_ready_ && container_ready_; }

 private:
  struct Half {
    Half(Collectors list, FailureLog::Sink warn, FailureLog::Sink info)
        : collectors(std::move(list)), log(std::move(warn), std::move(info)) {}
    Collectors collectors;
    FailureLog log;
    std::mutex mutex;
  };

  void collect_node(MetricWriter& writer);
  void collect_container(MetricWriter& writer);
  bool run_container_collectors(MetricWriter& writer);

  Half node_;
  Half container_;
  SelfMetrics& self_;
  std::atomic<bool> node_ready_ = false;
  std::atomic<bool> container_ready_ = false;
  SingleFlight all_;
  SingleFlight node_only_;
  SingleFlight container_only_;
};

}  // namespace plimsoll::agent
