// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/move.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/netlink.h"
#include "runtime/network/inside.h"
#include "runtime/system_calls.h"

namespace plimsoll::network {
namespace {

using netlink::find_attribute;
using netlink::Message;
using netlink::RouteSocket;

struct Address {
  ifaddrmsg body;
  std::string local, peer, broadcast;
};

// Link-local ones come by themselves wherever the interface is.
bool is_kept(const ifaddrmsg& body, int index) {
  return static_cast<int>(body.ifa_index) == index && body.ifa_scope == RT_SCOPE_UNIVERSE &&
         (body.ifa_flags & IFA_F_TEMPORARY) == 0;
}

Result<std::vector<Address>> addresses_of(RouteSocket& socket, int index) {
  std::vector<Address> addresses;
  auto done =
      socket.dump(Message(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}), [&](const nlmsghdr& header, std::string_view answer) {
        Address one{};
        if (header.nlmsg_type != RTM_NEWADDR || answer.size() < sizeof(one.body)) return;
        std::memcpy(&one.body, answer.data(), sizeof(one.body));
        if (!is_kept(one.body, index)) return;
        const std::string_view attributes = answer.substr(sizeof(one.body));
        one.local = find_attribute(attributes, IFA_LOCAL);
        one.peer = find_attribute(attributes, IFA_ADDRESS);
        one.broadcast = find_attribute(attributes, IFA_BROADCAST);
        addresses.push_back(std::move(one));
      });
  if (!done) return unexpected(done.error());
  return addresses;
}

Result<void> add_address(RouteSocket& socket, const Address& address, int index) {
  ifaddrmsg body = address.body;
  body.ifa_index = static_cast<uint32_t>(index);
  body.ifa_flags = static_cast<uint8_t>(body.ifa_flags & IFA_F_NODAD);
  Message message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body);
  if (!address.local.empty()) message.attribute(IFA_LOCAL, std::string_view(address.local));
  if (!address.peer.empty()) message.attribute(IFA_ADDRESS, std::string_view(address.peer));
  if (!address.broadcast.empty()) message.attribute(IFA_BROADCAST, std::string_view(address.broadcast));
  return socket.request(std::move(message));
}

Result<void> move(RouteSocket& socket, int index, pid_t pid, const std::string& name) {
  Message message = link_message(RTM_NEWLINK, NLM_F_ACK, index);
  message.text_attribute(IFLA_IFNAME, name);
  message.attribute(IFLA_NET_NS_PID, static_cast<uint32_t>(pid));
  return socket.request(std::move(message));
}

Result<void> set_up_inside(const RouteSocket& outer, int container_pidfd, const std::string& name,
                           const std::vector<Address>& addresses) {
  auto inner = open_inside(outer, container_pidfd, name);
  if (!inner) return unexpected(inner.error());
  for (const Address& address : addresses) {
    if (auto added = add_address(inner->socket, address, inner->index); !added) return added;
  }
  return set_up(inner->socket, inner->index);
}

}  // namespace

Result<void> move_interface(pid_t pid, const std::string& host_name, const std::string& name) {
  const std::string& inner_name = name.empty() ? host_name : name;
  const auto failed = [&](const Error& error) {
    return unexpected(error.within("linux.netDevices: " + host_name + " to " + inner_name));
  };
  const UniqueFd container(pidfd_open(pid));
  if (!container) return failed(errno_error("process " + std::to_string(pid)));
  auto socket = RouteSocket::open();
  if (!socket) return failed(socket.error());
  const int index = static_cast<int>(::if_nametoindex(host_name.c_str()));
  if (index == 0) return failed(Error{ENODEV, "interface"});
  auto addresses = addresses_of(*socket, index);
  if (!addresses) return failed(addresses.error());
  // The kernel renames after it has moved: then it would be too late.
  if (open_inside(*socket, container.get(), inner_name)) return failed(Error{EEXIST, "name in the container"});
  if (auto moved = move(*socket, index, pid, inner_name); !moved) return failed(moved.error());
  auto done = set_up_inside(*socket, container.get(), inner_name, *addresses);
  if (!done) return failed(done.error());
  return {};
}

}  // namespace plimsoll::network
