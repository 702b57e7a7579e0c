// SPDX-License-Identifier: Apache-2.0
// Counters of all links of one network namespace, the machine's, by one RTM_GETSTATS dump; and where the
// other end of each veth link is. A link is asked about once, when it first appears in the dump.
//
//   RTM_NEWSTATS  if_stats_msg {ifindex}    IFLA_STATS_LINK_64: rtnl_link_stats64
//   RTM_NEWLINK   ifinfomsg {index}         IFLA_LINK: index of the peer   IFLA_LINK_NETNSID: where it is
//   RTM_NEWNSID   rtgenmsg                  NETNSA_NSID: our number for the namespace behind a descriptor
//
// rtnetlink(7), network_namespaces(7), include/uapi/linux/{if_link,net_namespace}.h
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/netlink.h"
#include "base/os.h"

namespace plimsoll::collectors::container {

// Of one link, as the end that is in the dumped namespace counts.
struct LinkCounters {
  uint32_t index = 0;
  uint64_t receive_bytes = 0, receive_packets = 0, receive_errors = 0, receive_dropped = 0;
  uint64_t transmit_bytes = 0, transmit_packets = 0, transmit_errors = 0, transmit_dropped = 0;
};

constexpr int32_t kNoNamespaceId = -1;

// The other end of a link.
struct LinkPeer {
  bool veth = false;
  uint32_t index = 0;             // in its own namespace
  int32_t nsid = kNoNamespaceId;  // of its namespace; none: it is in the dumped one
};

// Of the bodies of RTM_NEWSTATS and RTM_NEWLINK; nullopt for anything else.
std::optional<LinkCounters> parse_link_counters(std::string_view body);
std::optional<LinkPeer> parse_link_peer(std::string_view body);

// Not thread-safe. Without a socket every question is answered by "no".
class LinkStats {
 public:
  explicit LinkStats(UniqueFd route_socket);

  // Takes the dump anew. False: it cannot be had, and no link is known.
  bool update();
  // Namespaces to which a link has been found by the last update() that was not known before.
  const std::vector<int32_t>& touched() const { return touched_; }

  // By index, as of the last update(); valid until the next one.
  const LinkCounters* find(uint32_t index) const;
  // By index, now.
  std::optional<LinkCounters> read_one(uint32_t index);
  // The kernel's number for the namespace behind the descriptor, or that of the process; nullopt when it has
  // none, so no link leads there.
  std::optional<int32_t> namespace_id(int namespace_fd);
  std::optional<int32_t> namespace_id_of_process(pid_t pid);

  struct Link {
    uint32_t index;  // of the end in the dumped namespace
    LinkPeer peer;
  };
  // Veth links into the namespace.
  std::vector<Link> links_into(int32_t nsid) const;

 private:
  bool links_changed() const;
  void learn_links();
  LinkPeer ask_peer(uint32_t index);
  std::optional<int32_t> ask_namespace_id(uint16_t attribute, uint32_t value);

  std::optional<netlink::RouteSocket> socket_;
  std::vector<LinkCounters> counters_;  // sorted by index
  std::vector<Link> links_;             // the same links, sorted by index
  std::vector<int32_t> touched_;
};

}  // namespace plimsoll::collectors::container
