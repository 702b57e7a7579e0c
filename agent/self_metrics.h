// SPDX-License-Identifier: Apache-2.0
// The agent's own metrics: what it is, what it costs, how it is used. Kept by prometheus-cpp's
// registry; written through a MetricWriter like everything else, so that names, help texts, values and labels
// stand as in every other family whatever prometheus-cpp's own serializer would make of them.
//
// What this process is now (process_*) is in process_metrics.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/metric.h"
#include "base/os.h"

namespace prometheus {
struct MetricFamily;
}

namespace plimsoll::agent {

class SelfMetrics {
 public:
  // All counters of these routes and collectors exist from now on, at 0.
  SelfMetrics(const HostRoots& roots, std::span<const std::string> routes, std::span<const std::string> collectors);
  ~SelfMetrics();

  // The counting methods are thread-safe.
  // "" as route counts as "other".
  void count_request(const std::string& route, int status);
  // A connection that was refused or ended, by why: a name of exporter::Dropped.
  void count_dropped(const std::string& reason);
  // `half`: "node" or "container".
  void count_collection(const std::string& half, double seconds);
  void count_failure(const std::string& collector);
  // Series left out of a page, by --series.drop and for want of budget.
  void count_left_out(uint64_t by_rule, uint64_t over_budget);

  struct Served {
    std::string page;    // route
    std::string format;  // "text"
    uint64_t samples = 0;
    uint64_t bytes = 0;  // of body, as they are sent
    double seconds = 0;  // from the request to the last of them
  };
  void count_served(const Served& served);
  // A try to read the configuration again, or, at the start, for the first time.
  void count_reload(bool successful);

  // More collectors, as in the constructor.
  void add_collectors(std::span<const std::string> collectors);
  // What another part of the agent tells about itself, called by write(): e.g. connections that the server
  // refused. Before the first write().
  void add_source(std::function<void(MetricWriter&)> source);

  // One thread at a time.
  void write(MetricWriter& writer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One family of prometheus-cpp's model, of any type.
void write_family(MetricWriter& writer, const prometheus::MetricFamily& family);

}  // namespace plimsoll::agent
