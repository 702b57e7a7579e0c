// SPDX-License-Identifier: Apache-2.0
// Speaking route netlink about the network namespace of a container. A netlink socket belongs to the namespace in which
// it was opened: the calling thread visits that one and returns. rtnetlink(7), setns(2)
#pragma once

#include <cstdint>
#include <string>

#include "base/netlink.h"
#include "base/result.h"

namespace plimsoll::network {

struct InnerSocket {
  netlink::RouteSocket socket;
  int index = 0;  // of the interface that was asked for
};

// `outer` speaks for the caller's own namespace. ENODEV when there is no interface `name` inside.
Result<InnerSocket> open_inside(const netlink::RouteSocket& outer, int container_pidfd, const std::string& name);

// `type`: RTM_NEWLINK, RTM_DELLINK.
netlink::Message link_message(uint16_t type, uint16_t flags, int index, bool up = false);
Result<void> set_up(netlink::RouteSocket& socket, int index);

}  // namespace plimsoll::network
