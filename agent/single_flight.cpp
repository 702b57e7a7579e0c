// SPDX-License-Identifier: Apache-2.0
#include "agent/single_flight.h"

#include "base/os.h"

namespace plimsoll::agent {

SharedPage SingleFlight::get(int64_t deadline_ns) {
  std::unique_lock lock(mutex_);
  // Twice: when one flight comes to nothing for several who wait, they share the next.
  for (int tries = 0; tries < 2 && flight_; ++tries) {
    const auto joined = flight_;
    landed_.wait(lock, [&] { return joined->page != nullptr; });
    if (!joined->late || deadline_ns <= joined->deadline_ns) return joined->page;
  }
  const auto own = flight_ = std::make_shared<Flight>(Flight{nullptr, deadline_ns, false});
  lock.unlock();
  auto page = std::make_shared<const MetricPage>(collect_(deadline_ns));
  const bool late = monotonic_ns() >= deadline_ns;
  lock.lock();
  own->page = page;
  own->late = late;
  if (flight_ == own) flight_.reset();
  landed_.notify_all();
  return page;
}

}  // namespace plimsoll::agent
