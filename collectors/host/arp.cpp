// SPDX-License-Identifier: Apache-2.0
// How many IPv4 neighbours each interface knows of, whatever their state. Where the network is the agent's own
// (own_network.h; and with --collector.arp.netlink, the default) by one RTM_GETNEIGH dump; NUD_NOARP entries (loopback,
// multicast) are not counted, as they are not in the file that is read otherwise, /proc/net/arp (of process 1 in a
// host's /proc):
//
//   IP address       HW type     Flags       HW address            Mask     Device
//   192.168.1.1      0x1         0x2         cc:aa:dd:ee:aa:bb     *        eth0
//
// arp(7), rtnetlink(7)
#include <linux/neighbour.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kInclude = {"arp.device-include", FlagKind::kInclude, "", "Interfaces to show (the rest are not)"};
constexpr Flag kExclude = {"arp.device-exclude", FlagKind::kExclude, "", "Interfaces not to show"};
constexpr Flag kNetlink = {"arp.netlink", FlagKind::kSwitch, "true",
                           "Ask the kernel by netlink; otherwise read proc net/arp"};
constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kNetlink};

constexpr MetricDesc kEntries = {"node_arp_entries", "IPv4 neighbours known on the interface, by number.",
                                 MetricType::kGauge};

using Counts = std::map<std::string, uint64_t, std::less<>>;

void count_one(Counts& counts, std::string_view interface) {
  auto found = counts.find(interface);
  if (found == counts.end()) found = counts.emplace(std::string(interface), 0).first;
  ++found->second;
}

// The last of six fields is the interface.
Result<std::string_view> parse_arp_line(std::string_view line) {
  std::string_view fields[6];
  for (std::string_view& field : fields) field = take_field(line);
  if (fields[5].empty() || !trim(line).empty() || !fields[2].starts_with("0x"))
    return fail("not an address, a type, flags, a hardware address, a mask and an interface");
  return fields[5];
}

Result<Counts> parse_arp(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  if (!take(text, '\n').starts_with("IP address")) return fail("headings missing");
  Counts counts;
  while (!text.empty()) {
    const auto interface = parse_arp_line(take(text, '\n'));
    if (!interface) return unexpected(interface.error());
    count_one(counts, *interface);
  }
  return counts;
}

class ArpCollector : public Collector {
 public:
  explicit ArpCollector(const Setup& setup)
      : file_(net_file(setup.roots, "arp")),
        filter_(setup.flags, kInclude, kExclude),
        netlink_(setup.flags.on(kNetlink) && is_own_network(setup.roots)) {}
  std::string_view name() const override { return "arp"; }

  Result<void> collect(MetricWriter& writer) override {
    auto counts = netlink_ ? ask() : std::nullopt;
    if (!counts) {
      auto parsed = read_and_parse(file_, parse_arp);
      if (!parsed && parsed.error().code == ENOENT) return not_present(file_.path());
      if (!parsed) return unexpected(parsed.error());
      counts = std::move(*parsed);
    }
    OnceLabels once(writer);
    writer.family(kEntries);
    for (const auto& [interface, count] : *counts) {
      if (!filter_.keeps(interface)) continue;
      if (const auto labels = once.add({{"device", interface}})) writer.sample(*labels, count);
    }
    return {};
  }

 private:
  // nullopt where there is no netlink.
  std::optional<Counts> ask() {
    if (!socket_) {
      auto opened = netlink::RouteSocket::open();
      if (!opened) return std::nullopt;
      socket_ = std::move(*opened);
    }
    std::map<int, uint64_t> by_index;
    ndmsg question = {};
    question.ndm_family = AF_INET;
    const auto done = socket_->dump(netlink::Message(RTM_GETNEIGH, NLM_F_DUMP, question),
                                    [&](const nlmsghdr& header, std::string_view body) {
                                      ndmsg neighbour;
                                      if (header.nlmsg_type != RTM_NEWNEIGH || body.size() < sizeof(neighbour)) return;
                                      std::memcpy(&neighbour, body.data(), sizeof(neighbour));
                                      if (neighbour.ndm_family != AF_INET || neighbour.ndm_state & NUD_NOARP) return;
                                      ++by_index[neighbour.ndm_ifindex];
                                    });
    if (!done) socket_.reset();
    return done ? std::optional(named(by_index)) : std::nullopt;
  }

  // An interface that has just gone has no name, and no neighbours any more.
  Counts named(const std::map<int, uint64_t>& by_index) {
    Counts counts;
    for (const auto& [index, count] : by_index)
      if (auto interface = control_.name(index)) counts.emplace(std::move(*interface), count);
    return counts;
  }

  KeptFile file_;
  NameFilter filter_;
  bool netlink_;
  std::optional<netlink::RouteSocket> socket_;
  LinkControl control_;
};

}  // namespace

const Entry kArpCollector = {"arp", "IPv4 neighbours of each interface: rtnetlink, or proc net/arp", Default::kOn,
                             make<ArpCollector>, kFlags};

}  // namespace plimsoll::collectors::host
