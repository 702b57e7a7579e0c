// SPDX-License-Identifier: Apache-2.0
// The container_* families: one table row each, in output order. Names, types and labels are
// cAdvisor's; a value that the kernel does not offer has no sample. A container that has ended is
// written by the counter rows only.
#pragma once

#include <span>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/metric.h"
#include "collectors/container/extra_labels.h"

namespace plimsoll::collectors::container {

// One cgroup in the page that is written. Does not own what it points to.
struct Subject {
  LabelRef labels = 0;
  const cgroup::Counters* counters = nullptr;
  // nullptr for a container that has ended.
  const cgroup::Gauges* gauges = nullptr;
  const cgroup::Limits* limits = nullptr;
  int64_t created_ns = 0, started_ns = 0;  // unix time

  bool live() const { return gauges != nullptr; }
};

// What all subjects of a page share.
struct PageContext {
  MetricWriter& writer;
  ExtraLabels& extra;
  const std::vector<bool>& online_cpus;  // empty: not known
  bool percpu = true;
  double now = 0;  // unix time, seconds
};

// Writes every family for every subject.
void write_families(PageContext& page, std::span<const Subject> subjects);

// The rows' descriptions, for the generated documentation.
std::vector<MetricDesc> family_descriptions();

}  // namespace plimsoll::collectors::container
