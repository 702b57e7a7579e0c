// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/network_route_info.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/netlink.h"
#include "collectors/host/parts/net_text.h"

namespace plimsoll::collectors::host {
namespace {

using netlink::find_attribute;

struct ProtocolName {
  uint8_t protocol;
  std::string_view name;
};

// /etc/iproute2/rt_protos, include/uapi/linux/rtnetlink.h
constexpr ProtocolName kProtocolNames[] = {
    {0, "unspec"},   {1, "redirect"}, {2, "kernel"}, {3, "boot"},      {4, "static"}, {8, "gated"}, {9, "ra"},
    {10, "mrt"},     {11, "zebra"},   {12, "bird"},  {13, "dnrouted"}, {14, "xorp"},  {15, "ntk"},  {16, "dhcp"},
    {17, "mrouted"}, {42, "babel"},   {186, "bgp"},  {187, "isis"},    {188, "ospf"}, {189, "rip"}, {192, "eigrp"},
};

uint32_t number_of(std::string_view attribute) {
  uint32_t number = 0;
  if (attribute.size() == sizeof number) std::memcpy(&number, attribute.data(), sizeof number);
  return number;
}

// RTA_MULTIPATH: for each hop an rtnexthop with attributes behind it, padded to 4 bytes. False when it is cut off.
bool read_hops(std::string_view multipath, std::vector<RouteHop>& hops) {
  while (!multipath.empty()) {
    rtnexthop hop;
    if (multipath.size() < sizeof hop) return false;
    std::memcpy(&hop, multipath.data(), sizeof hop);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > multipath.size()) return false;
    const std::string_view attributes = multipath.substr(sizeof hop, hop.rtnh_len - sizeof hop);
    hops.push_back({static_cast<uint32_t>(hop.rtnh_ifindex), ip_text(find_attribute(attributes, RTA_GATEWAY)),
                    std::to_string(hop.rtnh_hops + 1)});
    multipath.remove_prefix(std::min<size_t>((hop.rtnh_len + 3u) & ~3u, multipath.size()));
  }
  return true;
}

}  // namespace

std::optional<RouteInfo> parse_route(std::string_view body) {
  rtmsg header;
  if (body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, body.data(), sizeof header);
  if (header.rtm_type != RTN_UNICAST || (header.rtm_family != AF_INET && header.rtm_family != AF_INET6))
    return std::nullopt;
  const std::string_view attributes = body.substr(sizeof header);
  RouteInfo route;
  route.protocol = header.rtm_protocol;
  route.priority = number_of(find_attribute(attributes, RTA_PRIORITY));
  route.source = ip_text(find_attribute(attributes, RTA_PREFSRC));
  route.destination = "default";
  if (header.rtm_dst_len > 0) {
    route.destination = ip_text(find_attribute(attributes, RTA_DST));
    if (route.destination.empty()) return std::nullopt;
    route.destination += "/" + std::to_string(header.rtm_dst_len);
  }
  const std::string_view multipath = find_attribute(attributes, RTA_MULTIPATH);
  if (!read_hops(multipath, route.hops)) return std::nullopt;
  if (multipath.empty())
    route.hops.push_back(
        {number_of(find_attribute(attributes, RTA_OIF)), ip_text(find_attribute(attributes, RTA_GATEWAY)), ""});
  return route;
}

std::string_view route_protocol_name(uint8_t protocol) {
  const auto* found = std::find_if(std::begin(kProtocolNames), std::end(kProtocolNames),
                                   [&](const ProtocolName& known) { return known.protocol == protocol; });
  return found == std::end(kProtocolNames) ? "unknown" : found->name;
}

}  // namespace plimsoll::collectors::host
