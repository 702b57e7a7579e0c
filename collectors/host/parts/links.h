// SPDX-License-Identifier: Apache-2.0
// The network links of the agent's own network namespace, all of them by one RTM_GETLINK dump:
//
//   RTM_NEWLINK  ifinfomsg {index, type, flags}  IFLA_IFNAME "eth0"  IFLA_ADDRESS  IFLA_MTU  IFLA_STATS64 ...
//
// and what the dump lacks: ETHTOOL_GSET by ioctl, and word of links that have changed. A host's /proc and /sys
// that are mounted elsewhere may belong to another namespace than the socket does: see own_network.h.
// rtnetlink(7), netdevice(7), include/uapi/linux/if_link.h, include/uapi/linux/ethtool.h
#pragma once

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/metric.h"
#include "base/netlink.h"
#include "base/os.h"
#include "collectors/host/parts/flags.h"

struct ifreq;

namespace plimsoll::collectors::host {

// One link. Views are into its LinkDump.
struct Link {
  ifinfomsg head = {};
  std::string_view name;
  std::string_view alias;
  std::string_view address, broadcast;  // bytes
  std::string_view properties;          // attributes IFLA_ALT_IFNAME
  std::optional<uint8_t> carrier, operstate, link_mode;
  std::optional<uint32_t> mtu, peer, group, queue_length, carrier_changes, carrier_ups, carrier_downs;
  std::optional<uint32_t> promiscuity, allmulti;  // how many want it; allmulti since Linux 6.0
  std::optional<rtnl_link_stats64> stats;
  bool counts_nohandler = false;  // since Linux 4.6
};

// `body`: of an RTM_NEWLINK message, after nlmsghdr. nullopt when it has no name.
std::optional<Link> parse_link(std::string_view body);

class LinkDump {
 public:
  enum class Statistics : uint8_t { kNo, kYes };  // most of the cost

  // All links as of now, in the kernel's order; valid until the next call. Opens the socket at the first call and
  // after an error.
  Result<std::vector<Link>> read(Statistics statistics);

 private:
  std::optional<netlink::RouteSocket> socket_;
  std::string bodies_;  // all messages of the last dump, end to end
};

// Says which links may have changed since it was asked before: names, addresses, existence.
class LinkWatch {
 public:
  // Calls `changed` with the index of each. False: it cannot tell, everything may have changed.
  bool ask(const std::function<void(int index)>& changed);

 private:
  UniqueFd socket_;
  std::string buffer_;
};

// Questions about one link by ioctl.
class LinkControl {
 public:
  std::optional<int> index(std::string_view interface);
  std::optional<std::string> name(int index);
  // Asks the driver by SIOCETHTOOL, with the kernel's lock on all links held; some drivers wait for their firmware.
  // `request` starts with its command and is filled in. The error is the driver's: EOPNOTSUPP and ENODEV are usual.
  Result<void> ethtool(std::string_view interface, void* request);
  Result<ethtool_cmd> settings(std::string_view interface);

 private:
  Result<void> call(std::string_view interface, unsigned long code, ifreq& request);

  UniqueFd socket_;
};

// One of the counters of rtnl_link_stats64, named as the kernel does.
struct LinkCounter {
  std::string_view name;
  std::string_view help;
  __u64 rtnl_link_stats64::*field;
};
std::span<const LinkCounter> link_counters();

// node_network_*_total: of those that netdev and netclass both can write, netclass writes first.
inline constexpr Flag kNetclassStats = {"netclass_rtnl.with-stats", FlagKind::kSwitch, "false",
                                        "Show counters of interfaces too, in netdev's place; needs netclass.netlink"};

// Labels of one family's samples, each once: bytes that are not UTF-8 can make two names one.
class OnceLabels {
 public:
  explicit OnceLabels(MetricWriter& writer) : writer_(writer) {}
  // nullopt when there were the same before.
  std::optional<LabelRef> add(const LabelSet& labels);

 private:
  MetricWriter& writer_;
  std::unordered_set<std::string> seen_;
};

}  // namespace plimsoll::collectors::host
