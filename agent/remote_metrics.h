// SPDX-License-Identifier: Apache-2.0
// What remote write says about itself on the page of everything: plimsoll_remote_write_*.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/metric.h"
#include "exporter/remote_write/queue.h"
#include "exporter/remote_write/sender.h"

namespace plimsoll::agent {

struct RemoteStats {
  std::string name;  // of the receiver
  exporter::Queue::Stats queue;
  exporter::Sender::Stats sender;
  uint64_t collections = 0, skipped = 0;
};

// Families of all receivers; none without one. `now_ms`: since 1970.
void write_remote_metrics(MetricWriter& writer, std::span<const RemoteStats> all, int64_t now_ms);

}  // namespace plimsoll::agent
