// SPDX-License-Identifier: Apache-2.0
// Counters of network interfaces. Where the network is the agent's own (own_network.h; and with
// --collector.netdev.netlink, the default) they are those of one RTM_GETLINK dump (links.h). Elsewhere, as over a
// host's trees in a container with a network of its own, and where no netlink socket is to be had, they are those of
// /proc/net/dev (base/net_dev.h), of process 1's namespace if the tree has it; what that file
// lacks is then read from /sys/class/net/NAME/statistics/rx_nohandler. Without the flag that file is all there is.
//
// The file's columns are sums, which the dump has in parts: its drop column holds missed packets as well, frame the
// length, overrun and checksum errors, carrier every transmit error of the link (net/core/net-procfs.c). With
// --collector.netdev.enable-detailed-metrics the parts are shown, where there are any.
//
// Addresses (--collector.netdev.address-info) come from an RTM_GETADDR dump only: proc has no such file.
// rtnetlink(7), proc_pid_net(5)
#include "base/net_dev.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

using Stats = rtnl_link_stats64;

constexpr Flag kInclude = {"netdev.device-include", FlagKind::kInclude, "", "Interfaces to show (the rest are not)"};
constexpr Flag kExclude = {"netdev.device-exclude", FlagKind::kExclude, "", "Interfaces not to show"};
constexpr Flag kAddresses = {"netdev.address-info", FlagKind::kSwitch, "false", "Show the addresses of interfaces"};
constexpr Flag kNetlink = {"netdev.netlink", FlagKind::kSwitch, "true",
                           "Ask the kernel by netlink; otherwise read proc net/dev"};
constexpr Flag kAlias = {"netdev.label-ifalias", FlagKind::kSwitch, "false",
                         "Put the interface's alias in a label, ifalias"};
constexpr Flag kDetailed = {"netdev.enable-detailed-metrics", FlagKind::kSwitch, "false",
                            "Show the kernel's counters under their own names, unsummed"};
constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kAddresses, &kNetlink, &kAlias, &kDetailed};

// A family's value is the sum of its parts.
struct Column {
  std::string_view name;
  std::string_view help;
  __u64 Stats::*parts[4];
};

// As the columns of /proc/net/dev, in their order.
constexpr Column kSummed[] = {
    {"node_network_receive_bytes_total", "Data received, in bytes.", {&Stats::rx_bytes}},
    {"node_network_receive_packets_total", "Packets received.", {&Stats::rx_packets}},
    {"node_network_receive_errs_total", "Packets received damaged.", {&Stats::rx_errors}},
    {"node_network_receive_drop_total",
     "Packets received but not taken, for want of room or otherwise.",
     {&Stats::rx_dropped, &Stats::rx_missed_errors}},
    {"node_network_receive_fifo_total", "Packets lost because a receive queue was full.", {&Stats::rx_fifo_errors}},
    {"node_network_receive_frame_total",
     "Frames received with a wrong length or checksum.",
     {&Stats::rx_frame_errors, &Stats::rx_length_errors, &Stats::rx_over_errors, &Stats::rx_crc_errors}},
    {"node_network_receive_compressed_total", "Compressed packets received.", {&Stats::rx_compressed}},
    {"node_network_receive_multicast_total", "Multicast packets received.", {&Stats::multicast}},
    {"node_network_transmit_bytes_total", "Data sent, in bytes.", {&Stats::tx_bytes}},
    {"node_network_transmit_packets_total", "Packets sent.", {&Stats::tx_packets}},
    {"node_network_transmit_errs_total", "Packets that could not be sent.", {&Stats::tx_errors}},
    {"node_network_transmit_drop_total", "Packets given up before being sent.", {&Stats::tx_dropped}},
    {"node_network_transmit_fifo_total",
     "Packets lost because the device's send queue ran empty or full.",
     {&Stats::tx_fifo_errors}},
    {"node_network_transmit_colls_total", "Collisions while sending.", {&Stats::collisions}},
    {"node_network_transmit_carrier_total",
     "Packets lost to a link that failed while sending.",
     {&Stats::tx_carrier_errors, &Stats::tx_aborted_errors, &Stats::tx_heartbeat_errors, &Stats::tx_window_errors}},
    {"node_network_transmit_compressed_total", "Compressed packets sent.", {&Stats::tx_compressed}},
    {"node_network_receive_nohandler_total", "Packets received that no protocol wanted.", {&Stats::rx_nohandler}},
};

// The columns of the file have sums in them whatever they are called.
constexpr std::pair<std::string_view, std::string_view> kDetailedNamesOfSums[] = {
    {"node_network_receive_errs_total", "node_network_receive_errors_total"},
    {"node_network_receive_drop_total", "node_network_receive_dropped_total"},
    {"node_network_transmit_errs_total", "node_network_transmit_errors_total"},
    {"node_network_transmit_drop_total", "node_network_transmit_dropped_total"},
};

std::string_view detailed_name_of_sum(std::string_view name) {
  for (const auto& [sum, detailed] : kDetailedNamesOfSums)
    if (sum == name) return detailed;
  return name;
}

std::vector<Column> columns_of(bool detailed, bool netlink) {
  std::vector<Column> columns(std::begin(kSummed), std::end(kSummed));
  if (detailed && netlink) columns.clear();
  if (detailed && netlink)
    for (const LinkCounter& counter : link_counters()) columns.push_back({counter.name, counter.help, {counter.field}});
  if (detailed)
    for (Column& column : columns) column.name = detailed_name_of_sum(column.name);
  return columns;
}

struct Interface {
  std::string_view name;
  std::optional<std::string> alias;  // nullopt: not to be told
  Stats stats = {};
  bool counts_nohandler = false;
};

// A file's column is where the sum of its parts is the column.
Interface interface_of(const NetDevLine& line) {
  Interface interface { .name = line.name };
  for (size_t i = 0; i < line.receive.size(); ++i) interface.stats.*kSummed[i].parts[0] = line.receive[i];
  for (size_t i = 0; i < line.transmit.size(); ++i)
    interface.stats.*kSummed[line.receive.size() + i].parts[0] = line.transmit[i];
  return interface;
}

uint64_t sum_of(const Column& column, const Stats& stats) {
  uint64_t sum = 0;
  for (const auto part : column.parts)
    if (part != nullptr) sum += stats.*part;
  return sum;
}

constexpr MetricDesc kAddressInfo = {"node_network_address_info",
                                     "An address of the interface, as labels of a constant 1.", MetricType::kGauge};

// What RFC 4291 and RFC 3927 say of the address, in node_exporter's words.
std::string_view scope_of(const in_addr& address) {
  const uint32_t bits = ntohl(address.s_addr);
  if (bits >> 24 == 127 || bits >> 16 == 0xa9fe || bits >> 8 == 0xe00000) return "link-local";
  return bits == 0 || bits == UINT32_MAX || bits >> 28 == 0xe ? "" : "global";
}

std::string_view scope_of(const in6_addr& address) {
  if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_LINKLOCAL(&address) || IN6_IS_ADDR_MC_LINKLOCAL(&address))
    return "link-local";
  if (IN6_IS_ADDR_MC_NODELOCAL(&address)) return "interface-local";
  return IN6_IS_ADDR_UNSPECIFIED(&address) || IN6_IS_ADDR_MULTICAST(&address) ? "" : "global";
}

struct Address {
  std::string text;
  std::string_view scope;
};

// RFC 5952, which has no dotted form for the addresses ::A.B.C.D of old tunnels.
std::optional<Address> read_address(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  in_addr four;
  in6_addr six;
  if (family == AF_INET && bytes.size() >= sizeof(four)) {
    std::memcpy(&four, bytes.data(), sizeof(four));
    return Address{::inet_ntop(AF_INET, &four, text, sizeof(text)), scope_of(four)};
  }
  if (family != AF_INET6 || bytes.size() < sizeof(six)) return std::nullopt;
  std::memcpy(&six, bytes.data(), sizeof(six));
  ::inet_ntop(AF_INET6, &six, text, sizeof(text));
  if (IN6_IS_ADDR_V4COMPAT(&six) && std::strchr(text, '.') != nullptr)
    std::snprintf(text, sizeof(text), "::%x:%x", ntohs(six.s6_addr16[6]), ntohs(six.s6_addr16[7]));
  return Address{text, scope_of(six)};
}

// One RTM_NEWADDR. On a link with two ends IFA_ADDRESS is the other end's.
void write_address(MetricWriter& writer, OnceLabels& once, const std::map<int, std::string>& names,
                   std::string_view body) {
  ifaddrmsg head;
  if (body.size() < sizeof(head)) return;
  std::memcpy(&head, body.data(), sizeof(head));
  const auto name = names.find(static_cast<int>(head.ifa_index));
  if (name == names.end()) return;
  const std::string_view attributes = body.substr(sizeof(head));
  std::string_view bytes = netlink::find_attribute(attributes, IFA_LOCAL);
  if (bytes.empty()) bytes = netlink::find_attribute(attributes, IFA_ADDRESS);
  const auto address = read_address(head.ifa_family, bytes);
  if (!address) return;
  const auto labels = once.add({{"address", address->text},
                                {"device", name->second},
                                {"netmask", std::to_string(head.ifa_prefixlen)},
                                {"scope", address->scope}});
  if (labels) writer.sample(*labels, 1);
}

class NetdevCollector : public Collector {
 public:
  explicit NetdevCollector(const Setup& setup)
      : file_(net_file(setup.roots, "dev")),
        devices_(setup.roots.sys + "/class/net"),
        filter_(setup.flags, kInclude, kExclude),
        own_network_(is_own_network(setup.roots)),
        netlink_(setup.flags.on(kNetlink)),
        alias_(setup.flags.on(kAlias)),
        addresses_(setup.flags.on(kAddresses)),
        detailed_(setup.flags.on(kDetailed)),
        after_netclass_(setup.flags.on(kNetclassStats)) {}
  std::string_view name() const override { return "netdev"; }

  Result<void> collect(MetricWriter& writer) override {
    if (!own_network_ || !netlink_ || !collect_links(writer)) {
      const auto lines = read_and_parse(file_, parse_net_dev);
      if (!lines) return unexpected(lines.error());
      write(writer, read_devices(*lines), columns_of(detailed_, false));
    }
    return addresses_ && own_network_ ? write_addresses(writer) : Result<void>{};
  }

 private:
  bool collect_links(MetricWriter& writer) {
    const auto links = dump_.read(LinkDump::Statistics::kYes);
    if (!links) return false;
    std::vector<Interface> interfaces;
    interfaces.reserve(links->size());
    for (const Link& link : *links) {
      if (!link.stats || !filter_.keeps(link.name)) continue;
      interfaces.push_back({.name = link.name, .stats = *link.stats, .counts_nohandler = link.counts_nohandler});
      if (alias_) interfaces.back().alias = trim(link.alias);
    }
    write(writer, interfaces, columns_of(detailed_, true));
    return true;
  }

  std::vector<Interface> read_devices(const std::vector<NetDevLine>& lines) {
    std::vector<Interface> interfaces;
    std::map<std::string_view, Device*> devices;
    if (netlink_ || alias_) {
      if (const auto listed = devices_.devices())
        for (Device* device : *listed) devices.emplace(device->name(), device);
    }
    for (const NetDevLine& line : lines) {
      if (!filter_.keeps(line.name)) continue;
      interfaces.push_back(interface_of(line));
      const auto device = devices.find(line.name);
      if (device != devices.end()) add_device(*device->second, interfaces.back());
    }
    return interfaces;
  }

  void add_device(Device& device, Interface& interface) const {
    const auto nohandler = netlink_ ? device.number("statistics/rx_nohandler") : std::nullopt;
    interface.stats.rx_nohandler = nohandler.value_or(0);
    interface.counts_nohandler = nohandler.has_value();
    if (alias_) interface.alias = device.text("ifalias").value_or("");
  }

  void write(MetricWriter& writer, const std::vector<Interface>& interfaces, const std::vector<Column>& columns) const {
    OnceLabels once(writer);
    std::vector<std::optional<LabelRef>> labels;
    for (const Interface& interface : interfaces) {
      LabelSet set{{"device", interface.name}};
      if (interface.alias) set.add("ifalias", *interface.alias);
      labels.push_back(once.add(set));
    }
    for (const Column& column : columns) {
      if (after_netclass_ && writer.has_family(column.name)) continue;
      writer.family(MetricDesc{column.name, column.help, MetricType::kCounter});
      const bool optional = column.parts[0] == &Stats::rx_nohandler;
      for (size_t i = 0; i < interfaces.size(); ++i) {
        if (labels[i] && (!optional || interfaces[i].counts_nohandler))
          writer.sample(*labels[i], sum_of(column, interfaces[i].stats));
      }
    }
  }

  Result<void> write_addresses(MetricWriter& writer) {
    const auto links = dump_.read(LinkDump::Statistics::kNo);
    if (!links) return unexpected(links.error());
    std::map<int, std::string> names;
    for (const Link& link : *links)
      if (filter_.keeps(link.name)) names.emplace(link.head.ifi_index, link.name);
    auto socket = netlink::RouteSocket::open();
    if (!socket) return unexpected(socket.error());
    OnceLabels once(writer);
    writer.family(kAddressInfo);
    return socket->dump(netlink::Message(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{}),
                        [&](const nlmsghdr& header, std::string_view body) {
                          if (header.nlmsg_type == RTM_NEWADDR) write_address(writer, once, names, body);
                        });
  }

  KeptFile file_;
  DeviceDir devices_;
  LinkDump dump_;
  NameFilter filter_;
  bool own_network_, netlink_, alias_, addresses_, detailed_;
  bool after_netclass_;  // which may have written some of the families
};

}  // namespace

const Entry kNetdevCollector = {"netdev",
                                "Counters of network interfaces: rtnetlink, or proc net/dev and sys class/net",
                                Default::kOn, make<NetdevCollector>, kFlags};

}  // namespace plimsoll::collectors::host
