// SPDX-License-Identifier: Apache-2.0
// How containers ended: exit code, OOM kill, time. For ended containers of every engine: our own from their
// monitors' records (exited.h), others as their lives were watched (lives.h) or as their engine still has
// them on disk (docker ps -a).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/metric.h"
#include "collectors/engine/identity.h"

namespace plimsoll::collectors::container {

// One ended container in the page that is written.
struct End {
  LabelRef labels = 0;
  std::optional<int> exit_code;
  std::optional<bool> oom_killed;
  int64_t ended_ns = 0;  // unix time; 0 = not known
};

// plimsoll_container_exit_code, _oom_killed, _end_time_seconds.
void write_ends(MetricWriter& writer, std::span<const End> ends);

// Their descriptions, for docs/METRICS.md.
std::vector<MetricDesc> end_descriptions();

}  // namespace plimsoll::collectors::container
