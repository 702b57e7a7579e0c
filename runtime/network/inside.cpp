// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/inside.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>

namespace plimsoll::network {

using netlink::Message;
using netlink::RouteSocket;

// A socket tells the namespace it belongs to (SIOCGSKNS), so no path in /proc is needed for the way back.
Result<InnerSocket> open_inside(const RouteSocket& outer, int container_pidfd, const std::string& name) {
  const UniqueFd own(::ioctl(outer.fd(), SIOCGSKNS));
  if (!own) return fail_errno("own network namespace");
  if (::setns(container_pidfd, CLONE_NEWNET) != 0) return fail_errno("enter the container's network namespace");
  auto socket = RouteSocket::open();
  const int index = static_cast<int>(::if_nametoindex(name.c_str()));
  if (::setns(own.get(), CLONE_NEWNET) != 0) return fail_errno("return from the container's network namespace");
  if (!socket) return unexpected(socket.error());
  if (index == 0) return unexpected(Error{ENODEV, name + " in the container"});
  return InnerSocket{*std::move(socket), index};
}

Message link_message(uint16_t type, uint16_t flags, int index, bool up) {
  ifinfomsg body = {};
  body.ifi_index = index;
  body.ifi_flags = body.ifi_change = up ? IFF_UP : 0;
  return Message(type, flags, body);
}

Result<void> set_up(RouteSocket& socket, int index) {
  return socket.request(link_message(RTM_NEWLINK, NLM_F_ACK, index, true));
}

}  // namespace plimsoll::network
