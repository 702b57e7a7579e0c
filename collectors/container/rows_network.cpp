// SPDX-License-Identifier: Apache-2.0
// Interfaces and sockets of a group's network namespace.
#include <array>
#include <utility>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::NetworkInterface;

template <uint64_t NetworkInterface::*kMember>
void by_interface(PageContext& page, const Subject& subject) {
  for (const NetworkInterface& interface : subject.counters->network)
    page.writer.sample(subject.labels, page.extra.interface(page.writer, interface.name), interface.*kMember);
}

// In the order of TcpStates::count.
constexpr std::string_view kTcpStates[] = {"established", "synsent",   "synrecv", "finwait1", "finwait2", "timewait",
                                           "close",       "closewait", "lastack", "listen",   "closing"};
static_assert(std::size(kTcpStates) == std::tuple_size_v<decltype(TcpStates::count)>);

template <std::optional<TcpStates> SocketCounts::*kMember>
void tcp(PageContext& page, const Subject& subject) {
  if (subject.sockets == nullptr || !(subject.sockets->*kMember)) return;
  const TcpStates& states = *(subject.sockets->*kMember);
  for (size_t i = 0; i < states.count.size(); ++i)
    page.writer.sample(subject.labels, page.extra.pair(page.writer, "tcp_state", kTcpStates[i]), states.count[i]);
}

template <std::optional<UdpSockets> SocketCounts::*kMember>
void udp(PageContext& page, const Subject& subject) {
  if (subject.sockets == nullptr || !(subject.sockets->*kMember)) return;
  const UdpSockets& sockets = *(subject.sockets->*kMember);
  const std::pair<const char*, uint64_t> figures[] = {{"dropped", sockets.dropped},
                                                      {"listen", sockets.listen},
                                                      {"rxqueued", sockets.receive_queued},
                                                      {"txqueued", sockets.transmit_queued}};
  for (const auto& [name, value] : figures)
    page.writer.sample(subject.labels, page.extra.pair(page.writer, "udp_state", name), value);
}

void advanced_tcp(PageContext& page, const Subject& subject) {
  if (subject.sockets == nullptr) return;
  for (const auto& [name, value] : subject.sockets->advanced_tcp)
    page.writer.sample(subject.labels, page.extra.pair(page.writer, "tcp_state", name), static_cast<double>(value));
}

void accept_queue(PageContext& page, const Subject& subject) {
  if (subject.sockets == nullptr) return;
  const std::pair<const char*, const std::optional<TcpStates>&> tables[] = {{"tcp", subject.sockets->tcp},
                                                                            {"tcp6", subject.sockets->tcp6}};
  for (const auto& [protocol, states] : tables) {
    if (states)
      page.writer.sample(subject.labels, page.extra.pair(page.writer, "protocol", protocol), states->accept_queue);
  }
}

void sockets_in_use(PageContext& page, const Subject& subject) {
  if (subject.sockets == nullptr) return;
  const SocketCounts& counts = *subject.sockets;
  const std::pair<const char*, const Count&> figures[] = {{"all", counts.sockets_used},
                                                          {"tcp", counts.tcp_in_use},
                                                          {"tcp_allocated", counts.tcp_allocated},
                                                          {"tcp_orphan", counts.tcp_orphan},
                                                          {"tcp_time_wait", counts.tcp_time_wait},
                                                          {"udp", counts.udp_in_use}};
  for (const auto& [name, value] : figures) {
    if (value) page.writer.sample(subject.labels, page.extra.pair(page.writer, "type", name), *value);
  }
}

constexpr std::string_view kReceive = "RTM_GETSTATS of the host's end, transmit; else PID/net/dev, receive";
constexpr std::string_view kTransmit = "RTM_GETSTATS of the host's end, receive; else PID/net/dev, transmit";

constexpr auto kRows = std::to_array<Row>({
    {{"container_network_advance_tcp_stats_total", "TCP figures of the network namespace, by the kernel's names.",
      kGauge},
     Kind::kAdvancedTcp,
     "tcp_state",
     "PID/net/netstat TcpExt, PID/net/snmp Tcp",
     kSame,
     &advanced_tcp},
    {{"container_network_receive_bytes_total", "Bytes received.", kCounter},
     Kind::kNetwork,
     "interface",
     kReceive,
     kSame,
     &by_interface<&NetworkInterface::receive_bytes>},
    {{"container_network_receive_errors_total", "Receive errors.", kCounter},
     Kind::kNetwork,
     "interface",
     kReceive,
     kSame,
     &by_interface<&NetworkInterface::receive_errors>},
    {{"container_network_receive_packets_dropped_total", "Received packets that were dropped.", kCounter},
     Kind::kNetwork,
     "interface",
     kReceive,
     kSame,
     &by_interface<&NetworkInterface::receive_dropped>},
    {{"container_network_receive_packets_total", "Packets received.", kCounter},
     Kind::kNetwork,
     "interface",
     kReceive,
     kSame,
     &by_interface<&NetworkInterface::receive_packets>},
    {{"container_network_tcp6_usage_total", "TCP connections over IPv6 by state.", kGauge},
     Kind::kTcp,
     "tcp_state",
     "PID/net/tcp6",
     kSame,
     &tcp<&SocketCounts::tcp6>},
    {{"container_network_tcp_usage_total", "TCP connections over IPv4 by state.", kGauge},
     Kind::kTcp,
     "tcp_state",
     "PID/net/tcp",
     kSame,
     &tcp<&SocketCounts::tcp>},
    {{"container_network_transmit_bytes_total", "Bytes sent.", kCounter},
     Kind::kNetwork,
     "interface",
     kTransmit,
     kSame,
     &by_interface<&NetworkInterface::transmit_bytes>},
    {{"container_network_transmit_errors_total", "Transmit errors.", kCounter},
     Kind::kNetwork,
     "interface",
     kTransmit,
     kSame,
     &by_interface<&NetworkInterface::transmit_errors>},
    {{"container_network_transmit_packets_dropped_total", "Packets dropped before they were sent.", kCounter},
     Kind::kNetwork,
     "interface",
     kTransmit,
     kSame,
     &by_interface<&NetworkInterface::transmit_dropped>},
    {{"container_network_transmit_packets_total", "Packets sent.", kCounter},
     Kind::kNetwork,
     "interface",
     kTransmit,
     kSame,
     &by_interface<&NetworkInterface::transmit_packets>},
    {{"container_network_udp6_usage_total", "UDP sockets over IPv6, what they dropped, and bytes that wait in them.",
      kGauge},
     Kind::kUdp,
     "udp_state",
     "PID/net/udp6",
     kSame,
     &udp<&SocketCounts::udp6>},
    {{"container_network_udp_usage_total", "UDP sockets over IPv4, what they dropped, and bytes that wait in them.",
      kGauge},
     Kind::kUdp,
     "udp_state",
     "PID/net/udp",
     kSame,
     &udp<&SocketCounts::udp>},
    {{"plimsoll_container_sockets", "Sockets of the network namespace by type.", kGauge},
     Kind::kSockets,
     "type",
     "PID/net/sockstat",
     kSame,
     &sockets_in_use},
    {{"plimsoll_container_tcp_accept_queue", "Connections that wait for the program to accept them.", kGauge},
     Kind::kTcp,
     "protocol",
     "PID/net/tcp, tcp6, rx_queue of listening sockets",
     kSame,
     &accept_queue},
});

}  // namespace

std::span<const Row> network_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
