// SPDX-License-Identifier: Apache-2.0
// What families the machine collector has, for docs/METRICS.md.
#pragma once

#include <span>
#include <string_view>

#include "base/metric.h"
#include "collectors/container/kinds.h"

namespace plimsoll::collectors::container {

struct MachineFamily {
  MetricDesc desc;
  Kind kind;
  std::string_view labels;  // beside boot_id, machine_id and system_uuid: "node_id,core_id"; "" = none
  std::string_view source;  // file, below the roots: "proc/meminfo MemTotal"
};

// In the order of a page.
std::span<const MachineFamily> machine_descriptions();

}  // namespace plimsoll::collectors::container
