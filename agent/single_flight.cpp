// SPDX-License-Identifier: Apache-2.0
#include "agent/single_flight.h"

namespace plimsoll::agent {

SharedPage SingleFlight::get(int64_t deadline_ns) {
  std::unique_lock lock(mutex_);
  if (const auto joined = flight_) {
    landed_.wait(lock, [&] { return joined->page != nullptr; });
    return joined->page;
  }
  const auto own = flight_ = std::make_shared<Flight>();
  lock.unlock();
  auto page = std::make_shared<const MetricPage>(collect_(deadline_ns));
  lock.lock();
  own->page = page;
  flight_.reset();
  landed_.notify_all();
  return page;
}

}  // namespace plimsoll::agent
