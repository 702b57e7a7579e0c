// SPDX-License-Identifier: Apache-2.0
// Which series to leave out, in the notation of Prometheus' selectors:
//
//   {namespace="kube-system"}                  whatever its name
//   container_fs_.*{device=~"/dev/loop.*"}     of families whose whole names fit this expression
//   container_network_.*                       with any labels
//
// Operators are = != =~ !~; expressions must fit the whole value. A label that a series has not is the same as an
// empty one. https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::agent {

struct LabelMatcher {
  std::string label;
  std::string value;        // unescaped
  bool expression = false;  // =~ and !~
  bool negative = false;    // != and !~
};

struct SeriesSelector {
  std::string name;  // expression for the metric's name; "" for any
  std::vector<LabelMatcher> matchers;
};

// Error: what is wrong, and at which character (from 1). Whether expressions compile is not looked at.
Result<SeriesSelector> parse_selector(std::string_view text);

}  // namespace plimsoll::agent
