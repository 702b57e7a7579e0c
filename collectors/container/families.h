// SPDX-License-Identifier: Apache-2.0
// The container_* families: one table row each (rows.h), in output order. Names, types and labels are
// cAdvisor's where it has the family; a value that the kernel does not offer has no sample. A container
// that has ended is written by the counter rows, and by those that say how it ended.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/metric.h"
#include "collectors/container/disk_usage.h"
#include "collectors/container/extra_labels.h"
#include "collectors/container/kinds.h"
#include "collectors/container/processes.h"
#include "collectors/container/sockets.h"
#include "collectors/engine/identity.h"

namespace plimsoll::collectors::container {

// One cgroup in the page that is written. Does not own what it points to.
struct Subject {
  LabelRef labels = 0;
  const cgroup::Counters* counters = nullptr;
  // nullptr for a container that has ended.
  const cgroup::Gauges* gauges = nullptr;
  const cgroup::Limits* limits = nullptr;
  const engine::Identity* identity = nullptr;  // of a container
  const ProcessSums* processes = nullptr;      // when asked for
  const SocketCounts* sockets = nullptr;       // the same; of the group that its namespace is shown on
  const LayerUsage* layer = nullptr;           // of a container whose writable layer has been measured
  std::span<const LayerUsage> file_systems;    // of the root group: the machine's
  LabelRef info = 0;                           // labels for container_info; 0 = none
  int64_t created_ns = 0, started_ns = 0;      // unix time

  bool live() const { return gauges != nullptr; }
};

// How many series may leave; what is over is taken back and counted. 0 = no bound.
struct SeriesBudget {
  size_t per_container = 0;
  size_t per_family = 0;
};

// What all subjects of a page share.
struct PageContext {
  MetricWriter& writer;
  ExtraLabels& extra;
  const std::vector<bool>& online_cpus;  // empty: not known
  double now = 0;                        // unix time, seconds
  KindSet kinds = KindSet::defaults();
  SeriesBudget budget = {};
};

// Writes every family of the kinds that are on, for every subject.
void write_families(PageContext& page, std::span<const Subject> subjects);

// Whether the page's rules leave a family of this kind; true for a kind without families of its own.
bool wants_families(const MetricWriter& writer, Kind kind);

// The rows' descriptions.
std::vector<MetricDesc> family_descriptions();

}  // namespace plimsoll::collectors::container
