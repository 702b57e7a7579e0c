// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/link_stats.h"

#include <linux/if_link.h>
#include <linux/net_namespace.h>

#include <algorithm>
#include <cstring>

namespace plimsoll::collectors::container {
namespace {

using netlink::find_attribute;
using netlink::Message;

// Up to and with tx_dropped: older kernels know fewer of the fields behind it.
constexpr size_t kNeededStats = offsetof(rtnl_link_stats64, multicast);

template <typename T>
bool copy_from(std::string_view bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return true;
}

Message stats_message(uint16_t flags, uint32_t index) {
  if_stats_msg body = {};
  body.ifindex = index;
  body.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
  return Message(RTM_GETSTATS, flags, body);
}

bool is_before(const LinkCounters& link, uint32_t index) { return link.index < index; }

bool is_namespaced(const LinkStats::Link& link) { return !link.peer.veth || link.peer.nsid != kNoNamespaceId; }

}  // namespace

std::optional<LinkCounters> parse_link_counters(std::string_view body) {
  if_stats_msg head;
  if (!copy_from(body, head)) return std::nullopt;
  const std::string_view value = find_attribute(body.substr(sizeof(head)), IFLA_STATS_LINK_64);
  if (value.size() < kNeededStats) return std::nullopt;
  rtnl_link_stats64 stats = {};
  std::memcpy(&stats, value.data(), std::min(value.size(), sizeof(stats)));
  return LinkCounters{.index = head.ifindex,
                      .receive_bytes = stats.rx_bytes,
                      .receive_packets = stats.rx_packets,
                      .receive_errors = stats.rx_errors,
                      .receive_dropped = stats.rx_dropped + stats.rx_missed_errors,  // as in net/dev
                      .transmit_bytes = stats.tx_bytes,
                      .transmit_packets = stats.tx_packets,
                      .transmit_errors = stats.tx_errors,
                      .transmit_dropped = stats.tx_dropped};
}

std::optional<LinkPeer> parse_link_peer(std::string_view body) {
  ifinfomsg head;
  if (!copy_from(body, head)) return std::nullopt;
  const std::string_view attributes = body.substr(sizeof(head));
  std::string_view kind = find_attribute(find_attribute(attributes, IFLA_LINKINFO), IFLA_INFO_KIND);
  kind = kind.substr(0, kind.find('\0'));
  LinkPeer peer;
  peer.veth = kind == "veth" && copy_from(find_attribute(attributes, IFLA_LINK), peer.index);
  if (peer.veth) copy_from(find_attribute(attributes, IFLA_LINK_NETNSID), peer.nsid);
  if (peer.nsid < 0) peer.nsid = kNoNamespaceId;
  return peer;
}

LinkStats::LinkStats(UniqueFd route_socket) {
  if (route_socket) socket_ = netlink::RouteSocket::adopt(std::move(route_socket));
}

bool LinkStats::update() {
  counters_.clear();
  touched_.clear();
  if (!socket_) return false;
  auto done = socket_->dump(stats_message(NLM_F_DUMP, 0), [this](const nlmsghdr& header, std::string_view body) {
    if (header.nlmsg_type != RTM_NEWSTATS) return;
    if (auto link = parse_link_counters(body)) counters_.push_back(*link);
  });
  if (!done) counters_.clear();
  const auto by_index = [](const LinkCounters& a, const LinkCounters& b) { return a.index < b.index; };
  if (!std::is_sorted(counters_.begin(), counters_.end(), by_index))  // before 6.8 in the order of a hash table
    std::sort(counters_.begin(), counters_.end(), by_index);
  if (done && links_changed()) learn_links();
  return done.has_value();
}

bool LinkStats::links_changed() const {
  return !std::equal(counters_.begin(), counters_.end(), links_.begin(), links_.end(),
                     [](const LinkCounters& counters, const Link& link) { return counters.index == link.index; });
}

// A pair whose ends are both here may be about to be taken apart, so it is asked about again.
void LinkStats::learn_links() {
  std::vector<Link> links;
  links.reserve(counters_.size());
  auto old = links_.cbegin();
  for (const LinkCounters& counters : counters_) {
    while (old != links_.cend() && old->index < counters.index) ++old;
    const bool known = old != links_.cend() && old->index == counters.index && is_namespaced(*old);
    links.push_back(known ? *old : Link{counters.index, ask_peer(counters.index)});
    if (!known && links.back().peer.nsid != kNoNamespaceId) touched_.push_back(links.back().peer.nsid);
  }
  links_ = std::move(links);
  std::sort(touched_.begin(), touched_.end());
}

LinkPeer LinkStats::ask_peer(uint32_t index) {
  ifinfomsg body = {};
  body.ifi_index = static_cast<int>(index);
  Message message(RTM_GETLINK, NLM_F_ACK, body);
  message.attribute(IFLA_EXT_MASK, uint32_t{RTEXT_FILTER_SKIP_STATS});
  LinkPeer peer;
  const auto done = socket_->dump(std::move(message), [&](const nlmsghdr& header, std::string_view answer) {
    if (header.nlmsg_type == RTM_NEWLINK) peer = parse_link_peer(answer).value_or(LinkPeer{});
  });
  return done ? peer : LinkPeer{};
}

const LinkCounters* LinkStats::find(uint32_t index) const {
  const auto found = std::lower_bound(counters_.begin(), counters_.end(), index, is_before);
  return found != counters_.end() && found->index == index ? &*found : nullptr;
}

std::optional<LinkCounters> LinkStats::read_one(uint32_t index) {
  std::optional<LinkCounters> counters;
  if (!socket_) return counters;
  const auto done = socket_->dump(stats_message(NLM_F_ACK, index), [&](const nlmsghdr& header, std::string_view body) {
    if (header.nlmsg_type == RTM_NEWSTATS) counters = parse_link_counters(body);
  });
  return done ? counters : std::nullopt;
}

std::optional<int32_t> LinkStats::namespace_id(int namespace_fd) {
  return ask_namespace_id(NETNSA_FD, static_cast<uint32_t>(namespace_fd));
}

std::optional<int32_t> LinkStats::namespace_id_of_process(pid_t pid) {
  return ask_namespace_id(NETNSA_PID, static_cast<uint32_t>(pid));
}

std::optional<int32_t> LinkStats::ask_namespace_id(uint16_t attribute, uint32_t value) {
  if (!socket_) return std::nullopt;
  Message message(RTM_GETNSID, NLM_F_ACK, rtgenmsg{});
  message.attribute(attribute, value);
  int32_t nsid = kNoNamespaceId;
  const auto done = socket_->dump(std::move(message), [&](const nlmsghdr& header, std::string_view body) {
    if (header.nlmsg_type != RTM_NEWNSID || body.size() < NLMSG_ALIGN(sizeof(rtgenmsg))) return;
    copy_from(find_attribute(body.substr(NLMSG_ALIGN(sizeof(rtgenmsg))), NETNSA_NSID), nsid);
  });
  return done && nsid >= 0 ? std::optional(nsid) : std::nullopt;
}

std::vector<LinkStats::Link> LinkStats::links_into(int32_t nsid) const {
  std::vector<Link> links;
  for (const Link& link : links_) {
    if (link.peer.veth && link.peer.nsid == nsid) links.push_back(link);
  }
  return links;
}

}  // namespace plimsoll::collectors::container
