// SPDX-License-Identifier: Apache-2.0
// Requests that come while a collection runs share its page instead of making one each: ten
// Prometheus servers, or one impatient user, cost what one costs.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/metric.h"

namespace plimsoll::agent {

// A page stays alive as long as one of the requests that encode it.
using SharedPage = std::shared_ptr<const MetricPage>;

// Thread-safe. get() returns the page of a collection that was running when it was called, or else
// of one that it starts: never an older one, nothing is kept between requests. Who joins a running
// collection may see values read a little before its request; never by more than one collection takes.
class SingleFlight {
 public:
  // `collect` is called with the deadline of the request that started it. Those that join get what the first one
  // had time for; when it ran out of time and they have more, they start one of their own. So a client that is
  // in a hurry costs others nothing but a wait.
  explicit SingleFlight(std::function<MetricPage(int64_t deadline_ns)> collect) : collect_(std::move(collect)) {}
  SharedPage get(int64_t deadline_ns = INT64_MAX);

 private:
  struct Flight {
    SharedPage page;  // null while it runs; under mutex_, as `late`
    int64_t deadline_ns;
    bool late;  // it went on until its deadline: something may be missing
  };

  std::function<MetricPage(int64_t deadline_ns)> collect_;
  std::mutex mutex_;
  std::condition_variable landed_;
  std::shared_ptr<Flight> flight_;  // the one that began last and still runs, or null
};

}  // namespace plimsoll::agent
