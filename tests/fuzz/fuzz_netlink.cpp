// SPDX-License-Identifier: Apache-2.0
// base/netlink.h and collectors/container/link_stats.h: datagrams of a dump.
#include <linux/if_link.h>

#include "base/netlink.h"
#include "collectors/container/link_stats.h"
#include "tests/fuzz/require.h"

namespace {

using plimsoll::fuzz::require;

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace container = plimsoll::collectors::container;
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  std::string_view datagram = text;
  nlmsghdr header;
  std::string_view body;
  size_t left = datagram.size();
  while (plimsoll::netlink::take_message(datagram, header, body)) {
    require(datagram.size() < left, "each message shortens what is left");
    left = datagram.size();
    require(is_inside(body, text), "a body lies inside the datagram");
    for (const uint16_t type : {uint16_t{IFLA_LINK}, uint16_t{IFLA_LINKINFO}, uint16_t{IFLA_STATS_LINK_64}})
      require(is_inside(plimsoll::netlink::find_attribute(body, type), body), "an attribute lies inside the body");
    (void)container::parse_link_counters(body);
    const auto peer = container::parse_link_peer(body);
    require(!peer || peer->veth || peer->nsid == container::kNoNamespaceId, "only veth links lead elsewhere");
    require(!peer || peer->nsid >= container::kNoNamespaceId, "a namespace's number is none or not below zero");
  }
  return 0;
}
