// SPDX-License-Identifier: Apache-2.0
// What the container collector tells about itself: what it could not name, show or catch.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "base/metric.h"
#include "base/os.h"
#include "collectors/container/lives.h"

namespace plimsoll::collectors::container {

// What one collection spends its time on, in its order.
enum class Part : uint8_t { kFind, kRead, kDetails, kEnded, kWrite, kCount };

// The time of each part, of the collection that runs.
class PartTimes {
 public:
  void start() { last_ns_ = monotonic_ns(); }
  // What has passed since the end of the part before.
  void end(Part part) {
    const int64_t now_ns = monotonic_ns();
    seconds_[static_cast<size_t>(part)] = static_cast<double>(now_ns - std::exchange(last_ns_, now_ns)) / 1e9;
  }
  double seconds(Part part) const { return seconds_[static_cast<size_t>(part)]; }

 private:
  int64_t last_ns_ = 0;
  std::array<double, static_cast<size_t>(Part::kCount)> seconds_ = {};
};

struct OwnFigures {
  uint64_t unresolved = 0;                        // groups
  uint64_t dropped_labels = 0;                    // of live containers
  uint64_t finals_missed = 0, births_missed = 0;  // counters
  uint64_t watched = 0;                           // containers whose end is awaited
  EventSource source = EventSource::kNone;
  uint64_t descriptors = 0, descriptors_max = 0;  // kept open between collections
  PartTimes times;
};

void write_own_figures(MetricWriter& writer, const OwnFigures& figures);

}  // namespace plimsoll::collectors::container
