// SPDX-License-Identifier: Apache-2.0
// Which series have ended: those of an earlier page that are not in this one.
//
// A collection in which something failed that had worked lacks series that go on. Nothing is held to have ended
// by it: its predecessors are kept, and the next complete page is compared with all of them. A failure that
// lasts is what is normal from then on, so this patience has an end.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/metric.h"
#include "exporter/remote_write/write_request.h"

namespace plimsoll::exporter {

// Not thread-safe.
class SeriesHistory {
 public:
  static constexpr size_t kPatience = 4;  // pages that wait for a complete one

  // Is told which series of an earlier page have ended; each of them once.
  using Ended = std::function<void(const MetricPage& page, const SeriesIds& series)>;

  // The next page, with what is in it. `complete`: whether all was collected that should have been. Returns whether
  // pages were compared: false when it is put off.
  bool next(std::shared_ptr<const MetricPage> page, SeriesIds series, bool complete, const Ended& ended);

 private:
  struct Seen {
    std::shared_ptr<const MetricPage> page;
    SeriesIds series;
  };
  std::vector<Seen> seen_;  // oldest first; the last one is the previous page
};

}  // namespace plimsoll::exporter
