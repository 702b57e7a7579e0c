// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/veth.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/netlink.h"
#include "runtime/network/inside.h"
#include "runtime/network/subnet.h"
#include "runtime/system_calls.h"

namespace plimsoll::network {
namespace {

using netlink::find_attribute;
using netlink::Message;
using netlink::RouteSocket;

constexpr const char* kInnerName = "eth0";
constexpr int kLoopbackIndex = 1;  // of every network namespace

// Of one end of the link, within the namespace that `socket` speaks for.
struct End {
  int index;
  uint32_t address;
};

Result<void> make_pair(RouteSocket& socket, const std::string& host_name, pid_t peer_pid) {
  Message message = link_message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 0);
  message.text_attribute(IFLA_IFNAME, host_name);
  const size_t info = message.begin(IFLA_LINKINFO);
  message.attribute(IFLA_INFO_KIND, std::string_view("veth"));
  const size_t data = message.begin(IFLA_INFO_DATA);
  const size_t peer = message.begin(VETH_INFO_PEER);
  message.put(ifinfomsg{});
  message.text_attribute(IFLA_IFNAME, kInnerName);
  message.attribute(IFLA_NET_NS_PID, static_cast<uint32_t>(peer_pid));
  message.end(peer);
  message.end(data);
  message.end(info);
  auto made = socket.request(std::move(message));
  if (!made) return unexpected(Error{made.error().code, "make veth pair " + host_name});
  return {};
}

Result<void> add_address(RouteSocket& socket, const End& end) {
  ifaddrmsg body = {};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = kSubnetPrefix;
  body.ifa_index = static_cast<uint32_t>(end.index);
  Message message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body);
  message.attribute(IFA_LOCAL, htonl(end.address));
  message.attribute(IFA_ADDRESS, htonl(end.address));
  return socket.request(std::move(message));
}

Result<void> add_default_route(RouteSocket& socket, const End& end, uint32_t gateway) {
  rtmsg body = {};
  body.rtm_family = AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  Message message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body);
  message.attribute(RTA_GATEWAY, htonl(gateway));
  message.attribute(RTA_OIF, static_cast<uint32_t>(end.index));
  return socket.request(std::move(message));
}

// IPv4 unicast routes of all tables; the local table's broadcast and local entries do not count.
Result<std::vector<Subnet>> list_routes(RouteSocket& socket) {
  std::vector<Subnet> routes;
  rtmsg body = {};
  body.rtm_family = AF_INET;
  auto done =
      socket.dump(Message(RTM_GETROUTE, NLM_F_DUMP, body), [&](const nlmsghdr& header, std::string_view answer) {
        rtmsg route;
        if (header.nlmsg_type != RTM_NEWROUTE || answer.size() < sizeof(route)) return;
        std::memcpy(&route, answer.data(), sizeof(route));
        const std::string_view target = find_attribute(answer.substr(sizeof(route)), RTA_DST);
        uint32_t address = 0;
        if (route.rtm_type != RTN_UNICAST || target.size() != sizeof(address)) return;
        std::memcpy(&address, target.data(), sizeof(address));
        routes.push_back({ntohl(address), route.rtm_dst_len});
      });
  if (!done) return unexpected(done.error().within("list routes"));
  return routes;
}

bool interface_exists(const std::string& id) {
  auto name = host_interface_name(id);
  return name && ::if_nametoindex(name->c_str()) != 0;
}

Result<void> configure_host(RouteSocket& socket, const std::string& name, uint32_t address) {
  const End end = {static_cast<int>(::if_nametoindex(name.c_str())), address};
  auto done = add_address(socket, end);
  if (done) done = set_up(socket, end.index);
  if (!done) return unexpected(done.error().within("configure " + name));
  return {};
}

Result<void> configure_container(const RouteSocket& outer, int container_pidfd, uint32_t address, uint32_t gateway) {
  auto inner = open_inside(outer, container_pidfd, kInnerName);
  if (!inner) return unexpected(inner.error());
  const End end = {inner->index, address};
  auto done = set_up(inner->socket, kLoopbackIndex);
  if (done) done = add_address(inner->socket, end);
  if (done) done = set_up(inner->socket, end.index);
  if (done) done = add_default_route(inner->socket, end, gateway);
  if (!done) return unexpected(done.error().within("configure eth0 in the container"));
  return {};
}

Result<void> delete_link(RouteSocket& socket, const std::string& name) {
  Message message = link_message(RTM_DELLINK, NLM_F_ACK, 0);
  message.text_attribute(IFLA_IFNAME, name);
  auto deleted = socket.request(std::move(message));
  if (!deleted && deleted.error().code != ENODEV) return unexpected(deleted.error().within("delete " + name));
  return {};
}

Result<void> build(RouteSocket& socket, const std::string& name, const Subnet& subnet, pid_t pid, int container_pidfd) {
  auto made = make_pair(socket, name, pid);
  if (!made) return made;
  auto configured = configure_host(socket, name, subnet.address + 1);
  if (configured) configured = configure_container(socket, container_pidfd, subnet.address + 2, subnet.address + 1);
  if (!configured) (void)delete_link(socket, name).has_value();
  return configured;
}

}  // namespace

Result<VethLink> connect(const std::string& runroot, const std::string& id, pid_t pid) {
  auto name = host_interface_name(id);
  if (!name) return unexpected(name.error());
  const UniqueFd container(pidfd_open(pid));
  if (!container) return fail_errno("process " + std::to_string(pid));
  auto socket = RouteSocket::open();
  if (!socket) return unexpected(socket.error());
  auto lock = lock_subnets(runroot);
  if (!lock) return unexpected(lock.error());
  auto routed = list_routes(*socket);
  if (!routed) return unexpected(routed.error());
  auto subnet = reserve_subnet(runroot, id, *routed, interface_exists);
  if (!subnet) return unexpected(subnet.error());
  auto built = build(*socket, *name, *subnet, pid, container.get());
  if (!built) {
    (void)release_subnet(runroot, id).has_value();
    return unexpected(built.error());
  }
  return VethLink{*name, to_string(subnet->address + 1), to_string(subnet->address + 2)};
}

Result<void> disconnect(const std::string& runroot, const std::string& id) {
  auto name = host_interface_name(id);
  if (!name) return unexpected(name.error());
  auto socket = RouteSocket::open();
  if (!socket) return unexpected(socket.error());
  auto lock = lock_subnets(runroot);
  if (!lock) return unexpected(lock.error());
  auto deleted = delete_link(*socket, *name);
  if (!deleted) return deleted;
  return release_subnet(runroot, id);
}

}  // namespace plimsoll::network
