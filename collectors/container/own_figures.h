// SPDX-License-Identifier: Apache-2.0
// What the container collector tells about itself: what it could not name, show or catch.
#pragma once

#include <cstdint>

#include "base/metric.h"
#include "collectors/container/lives.h"

namespace plimsoll::collectors::container {

struct OwnFigures {
  uint64_t unresolved = 0;                                            // groups
  uint64_t dropped_labels = 0;                                        // of live containers
  uint64_t dropped_series = 0, finals_missed = 0, births_missed = 0;  // counters
  uint64_t watched = 0;                                               // containers whose end is awaited
  EventSource source = EventSource::kNone;
};

void write_own_figures(MetricWriter& writer, const OwnFigures& figures);

}  // namespace plimsoll::collectors::container
