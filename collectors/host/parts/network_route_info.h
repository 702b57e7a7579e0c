// SPDX-License-Identifier: Apache-2.0
// One route of rtnetlink's dump.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::collectors::host {

struct RouteHop {
  uint32_t interface = 0;  // its number; 0 when the route names none
  std::string gateway;     // "" for what is reached directly
  std::string weight;      // "" for a route of one hop
};

struct RouteInfo {
  std::string source;       // address that packets get; "" when the kernel chooses
  std::string destination;  // "10.0.0.0/8", or "default"
  uint32_t priority = 0;    // the metric
  uint8_t protocol = 0;     // who made it
  std::vector<RouteHop> hops;
};

// What follows the nlmsghdr of a RTM_NEWROUTE. nullopt when it is cut off, or no unicast route of IPv4 or IPv6.
// rtnetlink(7)
std::optional<RouteInfo> parse_route(std::string_view body);

// The protocol's name in node_exporter's words, which are iproute2's; "unknown" for others.
std::string_view route_protocol_name(uint8_t protocol);

}  // namespace plimsoll::collectors::host
