// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/links.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace plimsoll::collectors::host {
namespace {

using netlink::Message;
using netlink::RouteSocket;

constexpr size_t kReceiveSize = 32 * 1024;

template <typename T>
bool copy_from(std::string_view bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return true;
}

template <typename T>
void copy_from(std::string_view bytes, std::optional<T>& value) {
  T number;
  if (copy_from(bytes, number)) value = number;
}

std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

// Kernels append fields: what an older one lacks is 0.
void copy_stats(std::string_view bytes, Link& link) {
  rtnl_link_stats64 stats = {};
  std::memcpy(&stats, bytes.data(), std::min(bytes.size(), sizeof(stats)));
  link.stats = stats;
  link.counts_nohandler = bytes.size() >= offsetof(rtnl_link_stats64, rx_nohandler) + sizeof(stats.rx_nohandler);
}

void take_text(uint16_t type, std::string_view value, Link& link) {
  switch (type) {
    case IFLA_IFNAME:
      link.name = until_nul(value);
      break;
    case IFLA_IFALIAS:
      link.alias = until_nul(value);
      break;
    case IFLA_ADDRESS:
      link.address = value;
      break;
    case IFLA_BROADCAST:
      link.broadcast = value;
      break;
    case IFLA_PROP_LIST:
      link.properties = value;
      break;
    case IFLA_STATS64:
      copy_stats(value, link);
      break;
  }
}

void take_number(uint16_t type, std::string_view value, Link& link) {
  switch (type) {
    case IFLA_CARRIER:
      return copy_from(value, link.carrier);
    case IFLA_OPERSTATE:
      return copy_from(value, link.operstate);
    case IFLA_LINKMODE:
      return copy_from(value, link.link_mode);
    case IFLA_MTU:
      return copy_from(value, link.mtu);
    case IFLA_LINK:
      return copy_from(value, link.peer);
    case IFLA_GROUP:
      return copy_from(value, link.group);
    case IFLA_TXQLEN:
      return copy_from(value, link.queue_length);
    case IFLA_CARRIER_CHANGES:
      return copy_from(value, link.carrier_changes);
    case IFLA_CARRIER_UP_COUNT:
      return copy_from(value, link.carrier_ups);
    case IFLA_CARRIER_DOWN_COUNT:
      return copy_from(value, link.carrier_downs);
    case IFLA_PROMISCUITY:
      return copy_from(value, link.promiscuity);
    case IFLA_ALLMULTI:
      return copy_from(value, link.allmulti);
    default:
      return take_text(type, value, link);
  }
}

Message link_request(LinkDump::Statistics statistics) {
  Message message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  if (statistics == LinkDump::Statistics::kNo) message.attribute(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
  return message;
}

UniqueFd open_watch() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) fd.reset();
  return fd;
}

constexpr LinkCounter kCounters[] = {
    {"node_network_receive_packets_total", "Packets received.", &rtnl_link_stats64::rx_packets},
    {"node_network_transmit_packets_total", "Packets sent.", &rtnl_link_stats64::tx_packets},
    {"node_network_receive_bytes_total", "Data received, in bytes.", &rtnl_link_stats64::rx_bytes},
    {"node_network_transmit_bytes_total", "Data sent, in bytes.", &rtnl_link_stats64::tx_bytes},
    {"node_network_receive_errors_total", "Packets received damaged.", &rtnl_link_stats64::rx_errors},
    {"node_network_transmit_errors_total", "Packets that could not be sent.", &rtnl_link_stats64::tx_errors},
    {"node_network_receive_dropped_total", "Packets received but not taken by the system.",
     &rtnl_link_stats64::rx_dropped},
    {"node_network_transmit_dropped_total", "Packets given up before being sent.", &rtnl_link_stats64::tx_dropped},
    {"node_network_multicast_total", "Multicast packets received.", &rtnl_link_stats64::multicast},
    {"node_network_collisions_total", "Collisions while sending.", &rtnl_link_stats64::collisions},
    {"node_network_receive_length_errors_total", "Packets received with an impossible length.",
     &rtnl_link_stats64::rx_length_errors},
    {"node_network_receive_over_errors_total", "Packets received that overran the device's buffer.",
     &rtnl_link_stats64::rx_over_errors},
    {"node_network_receive_crc_errors_total", "Packets received with a wrong checksum of the frame.",
     &rtnl_link_stats64::rx_crc_errors},
    {"node_network_receive_frame_errors_total", "Packets received that were not aligned to bytes.",
     &rtnl_link_stats64::rx_frame_errors},
    {"node_network_receive_fifo_errors_total", "Packets lost because a receive queue was full.",
     &rtnl_link_stats64::rx_fifo_errors},
    {"node_network_receive_missed_errors_total", "Packets that the device missed for want of buffers of the system.",
     &rtnl_link_stats64::rx_missed_errors},
    {"node_network_transmit_aborted_errors_total", "Packets whose sending was aborted.",
     &rtnl_link_stats64::tx_aborted_errors},
    {"node_network_transmit_carrier_errors_total", "Packets lost to a link without carrier.",
     &rtnl_link_stats64::tx_carrier_errors},
    {"node_network_transmit_fifo_errors_total", "Packets lost because the device's send queue ran empty or full.",
     &rtnl_link_stats64::tx_fifo_errors},
    {"node_network_transmit_heartbeat_errors_total", "Packets sent without the transceiver's heartbeat.",
     &rtnl_link_stats64::tx_heartbeat_errors},
    {"node_network_transmit_window_errors_total", "Packets lost to a collision that came too late.",
     &rtnl_link_stats64::tx_window_errors},
    {"node_network_receive_compressed_total", "Compressed packets received.", &rtnl_link_stats64::rx_compressed},
    {"node_network_transmit_compressed_total", "Compressed packets sent.", &rtnl_link_stats64::tx_compressed},
    {"node_network_receive_nohandler_total", "Packets received that no protocol wanted.",
     &rtnl_link_stats64::rx_nohandler},
};

}  // namespace

std::span<const LinkCounter> link_counters() { return kCounters; }

std::optional<Link> parse_link(std::string_view body) {
  Link link;
  if (!copy_from(body, link.head)) return std::nullopt;
  body.remove_prefix(sizeof(link.head));
  rtattr attribute;
  while (copy_from(body, attribute) && attribute.rta_len >= sizeof(attribute) && attribute.rta_len <= body.size()) {
    const std::string_view value = body.substr(sizeof(attribute), attribute.rta_len - sizeof(attribute));
    take_number(attribute.rta_type & NLA_TYPE_MASK, value, link);
    body.remove_prefix(std::min<size_t>(RTA_ALIGN(attribute.rta_len), body.size()));
  }
  if (link.name.empty()) return std::nullopt;
  return link;
}

// Messages are kept as they are and taken apart afterwards, when they have stopped moving.
Result<std::vector<Link>> LinkDump::read(Statistics statistics) {
  if (!socket_) {
    auto opened = RouteSocket::open();
    if (!opened) return unexpected(opened.error());
    socket_ = std::move(*opened);
  }
  bodies_.clear();
  std::vector<size_t> ends;
  const auto done = socket_->dump(link_request(statistics), [&](const nlmsghdr& header, std::string_view body) {
    if (header.nlmsg_type != RTM_NEWLINK) return;
    bodies_ += body;
    ends.push_back(bodies_.size());
  });
  if (!done) {
    socket_.reset();
    return unexpected(done.error());
  }
  std::vector<Link> links;
  links.reserve(ends.size());
  for (size_t start = 0; const size_t end : ends) {
    if (auto link = parse_link(std::string_view(bodies_).substr(start, end - start))) links.push_back(*link);
    start = end;
  }
  return links;
}

// An overflow (ENOBUFS) has lost messages; the socket then goes on with the next ones.
bool LinkWatch::ask(const std::function<void(int index)>& changed) {
  if (!socket_) {
    socket_ = open_watch();
    return false;
  }
  buffer_.resize(kReceiveSize);
  bool complete = true;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      complete = false;
      continue;
    }
    if (size <= 0) return complete && size < 0 && errno == EAGAIN;
    std::string_view datagram(buffer_.data(), static_cast<size_t>(size));
    nlmsghdr header;
    std::string_view body;
    ifinfomsg head;
    while (netlink::take_message(datagram, header, body)) {
      if (copy_from(body, head)) changed(head.ifi_index);
    }
  }
}

Result<void> LinkControl::call(std::string_view interface, unsigned long code, ifreq& request) {
  if (interface.size() >= sizeof(request.ifr_name)) return unexpected(Error{ENODEV, std::string(interface)});
  if (!socket_) socket_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) return fail_errno("open a socket");
  if (!interface.empty()) std::memcpy(request.ifr_name, interface.data(), interface.size());
  if (::ioctl(socket_.get(), code, &request) != 0) return fail_errno(interface);
  return {};
}

std::optional<int> LinkControl::index(std::string_view interface) {
  ifreq request = {};
  if (!call(interface, SIOCGIFINDEX, request)) return std::nullopt;
  return request.ifr_ifindex;
}

std::optional<std::string> LinkControl::name(int index) {
  ifreq request = {};
  request.ifr_ifindex = index;
  if (!call("", SIOCGIFNAME, request)) return std::nullopt;
  return std::string(until_nul({request.ifr_name, sizeof(request.ifr_name)}));
}

Result<void> LinkControl::ethtool(std::string_view interface, void* request) {
  ifreq carrier = {};
  carrier.ifr_data = static_cast<char*>(request);
  return call(interface, SIOCETHTOOL, carrier);
}

Result<ethtool_cmd> LinkControl::settings(std::string_view interface) {
  ethtool_cmd command = {};
  command.cmd = ETHTOOL_GSET;
  const auto asked = ethtool(interface, &command);
  if (!asked) return unexpected(asked.error());
  return command;
}

std::optional<LabelRef> OnceLabels::add(const LabelSet& labels) {
  if (!seen_.emplace(labels.rendered()).second) return std::nullopt;
  return writer_.labels(labels);
}

}  // namespace plimsoll::collectors::host
