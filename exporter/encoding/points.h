// SPDX-License-Identifier: Apache-2.0
// A histogram or summary put together. A page has its parts one after the other, as the text format shows them:
//
//   wait_seconds_bucket{disk="a",le="0.1"} 1      all buckets of all label sets,
//   wait_seconds_bucket{disk="b",le="0.1"} 3
//   wait_seconds_sum{disk="a"} 0.5                then all sums, then all counts
//
// OpenMetrics and protobuf want all that belongs to disk="a", then all that belongs to disk="b".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"

namespace plimsoll::exporter {

struct Point {
  struct Part {
    double bound;            // of a bucket, or a quantile
    std::string_view label;  // le="0.1", quantile="0.5": a view into the page
    Value value;
  };
  std::string labels;       // rendered, without the bound
  int64_t start_ns = 0;     // MetricPage::start_ns
  std::vector<Part> parts;  // by bound
  std::optional<Value> sum, count;
};

// The points of page.families()[first, last), in the order in which their labels first appear. nullopt when they
// make no histogram or summary as OpenMetrics has it: one lacks its sum, its count or its last bucket, a count is no
// whole number, buckets do not rise, a bucket or quantile has no bound. (What others leave in files may be so.)
// The page must outlive them.
std::optional<std::vector<Point>> assemble(const MetricPage& page, size_t first, size_t last);

}  // namespace plimsoll::exporter
