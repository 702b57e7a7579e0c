// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/series_history.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace plimsoll::exporter {

bool SeriesHistory::next(std::shared_ptr<const MetricPage> page, SeriesIds series, bool complete, const Ended& ended) {
  const bool compare = complete || seen_.size() >= kPatience;
  if (compare) {
    SeriesIds known = series;  // and those that have been told
    for (; !seen_.empty(); seen_.pop_back()) {
      SeriesIds gone, both;
      const SeriesIds& before = seen_.back().series;
      std::set_difference(before.begin(), before.end(), known.begin(), known.end(), std::back_inserter(gone));
      if (gone.empty()) continue;
      ended(*seen_.back().page, gone);
      std::set_union(known.begin(), known.end(), gone.begin(), gone.end(), std::back_inserter(both));
      known = std::move(both);
    }
  }
  seen_.push_back({std::move(page), std::move(series)});
  return compare;
}

}  // namespace plimsoll::exporter
