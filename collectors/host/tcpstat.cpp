// SPDX-License-Identifier: Apache-2.0
// TCP connections by state, IPv4 and IPv6 together, and the bytes in their queues, counted over the kernel's dump of
// all sockets (sock_diag.h). The dump shows the network namespace that the agent is in: where that is not the one
// to be shown (own_network.h), net/tcp and net/tcp6 are read instead.
//
// Every state is there, also with 0: the dump is of all sockets, so that none was seen is a count (node_exporter leaves
// such a state out, and panels of it are empty then). "unknown", which kernels to come may have, is there if it occurs.
// As in node_exporter, the queues count those of listening sockets, which are connections, not bytes: waiting ones (rx)
// and, in the dump, how many may wait (tx).
#include <string>

#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/sock_diag.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kStates = {
    "node_tcp_connection_states",
    "TCP connections in each state; for rx_queued_bytes and tx_queued_bytes what waits in all of them, in bytes.",
    MetricType::kGauge};

// By SocketTotals::count.
constexpr std::string_view kNames[] = {"unknown",   "established", "syn_sent",   "syn_recv", "fin_wait1", "fin_wait2",
                                       "time_wait", "close",       "close_wait", "last_ack", "listen",    "closing"};

class TcpstatCollector : public Collector {
 public:
  explicit TcpstatCollector(const Setup& setup) : roots_(setup.roots), by_netlink_(is_own_network(setup.roots)) {}
  std::string_view name() const override { return "tcpstat"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto totals = by_netlink_ ? sock_diag_.count(Sockets::kTcp) : read_files();
    if (!totals && by_netlink_ && is_unsupported(totals.error())) return not_present("sock_diag for TCP");
    if (!totals) return unexpected(totals.error());
    writer.family(kStates);
    const auto write = [&](std::string_view state, uint64_t value) {
      writer.sample(writer.labels(LabelSet{{"state", state}}), value);
    };
    for (size_t i = 0; i < totals->count.size(); ++i)
      if (i > 0 || totals->count[i] > 0) write(kNames[i], totals->count[i]);
    write("rx_queued_bytes", totals->receive_queued);
    write("tx_queued_bytes", totals->transmit_queued);
    return {};
  }

 private:
  Result<SocketTotals> read_files() const {
    auto ipv4 = read_socket_table(net_file(roots_, "tcp"));
    if (!ipv4 && ipv4.error().code == ENOENT) return not_present("net/tcp");
    if (!ipv4) return ipv4;
    const auto ipv6 = read_socket_table(net_file(roots_, "tcp6"));
    if (!ipv6 && ipv6.error().code == ENOENT) return ipv4;
    if (!ipv6) return ipv6;
    for (size_t i = 0; i < ipv4->count.size(); ++i) ipv4->count[i] += ipv6->count[i];
    ipv4->receive_queued += ipv6->receive_queued;
    ipv4->transmit_queued += ipv6->transmit_queued;
    return ipv4;
  }

  HostRoots roots_;
  bool by_netlink_;
  SockDiag sock_diag_;
};

}  // namespace

const Entry kTcpstatCollector = {"tcpstat", "TCP connections by state: sock_diag", Default::kOn,
                                 make<TcpstatCollector>};

}  // namespace plimsoll::collectors::host
