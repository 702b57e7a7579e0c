// SPDX-License-Identifier: Apache-2.0
// Queueing disciplines as rtnetlink's dump and node_exporter's test files describe them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

struct QdiscInfo {
  std::string device;      // empty from the dump, which has
  uint32_t interface = 0;  // the interface's number instead
  std::string kind;        // "fq_codel"
  bool root = false;       // not within another one, nor for what is received
  uint64_t bytes = 0, packets = 0, drops = 0, requeues = 0, overlimits = 0, queue_length = 0, backlog = 0;
};

// What follows the nlmsghdr of a RTM_NEWQDISC. nullopt when it is cut off. rtnetlink(7), linux/gen_stats.h
std::optional<QdiscInfo> parse_qdisc(std::string_view body);

// JSON: [{"IfaceName": "eth0", "Kind": "fq", "Bytes": 42, "Parent": 0, ...}, ...]. What is missing is 0.
Result<std::vector<QdiscInfo>> parse_qdisc_results(std::string_view json);

}  // namespace plimsoll::collectors::host
