// SPDX-License-Identifier: Apache-2.0
// Bytes that wait in all UDP sockets: received and not read yet (rx), written and not sent yet (tx). Counted over the
// kernel's dump of sockets (sock_diag.h), which shows the network namespace that the agent is in; from net/udp and
// net/udp6 where that is not the one to be shown (own_network.h), or where the kernel has no such dump.
#include <unistd.h>

#include <string>

#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/sock_diag.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kQueues = {"node_udp_queues", "Data in the queues of all UDP sockets, in bytes.",
                                MetricType::kGauge};

class UdpQueuesCollector : public Collector {
 public:
  explicit UdpQueuesCollector(const Setup& setup) : roots_(setup.roots), by_netlink_(is_own_network(setup.roots)) {}
  std::string_view name() const override { return "udp_queues"; }

  Result<void> collect(MetricWriter& writer) override {
    writer.family(kQueues);
    const auto ipv4 = write(writer, Sockets::kUdp4, "udp", "v4");
    const auto ipv6 = write(writer, Sockets::kUdp6, "udp6", "v6");
    const auto absent = [](const Result<void>& result) { return !result && result.error().code == ENOENT; };
    if (absent(ipv4) && absent(ipv6)) return not_present("net/udp");
    if (!ipv4 && !absent(ipv4)) return ipv4;
    if (!ipv6 && !absent(ipv6)) return ipv6;
    return {};
  }

 private:
  Result<void> write(MetricWriter& writer, Sockets which, const char* file, std::string_view version) {
    const auto totals = count(which, net_file(roots_, file));
    if (!totals) return unexpected(totals.error());
    writer.sample(writer.labels(LabelSet{{"queue", "tx"}, {"ip", version}}), totals->transmit_queued);
    writer.sample(writer.labels(LabelSet{{"queue", "rx"}, {"ip", version}}), totals->receive_queued);
    return {};
  }

  // Without the file there is no such protocol, such as IPv6 that was switched off at boot; the dump would be empty.
  Result<SocketTotals> count(Sockets which, const std::string& path) {
    if (!by_netlink_) return read_socket_table(path);
    if (::access(path.c_str(), F_OK) != 0) return fail_errno(path);
    auto totals = sock_diag_.count(which);
    if (!totals && is_unsupported(totals.error())) return read_socket_table(path);
    return totals;
  }

  HostRoots roots_;
  bool by_netlink_;
  SockDiag sock_diag_;
};

}  // namespace

const Entry kUdpQueuesCollector = {"udp_queues", "Bytes waiting in UDP sockets: sock_diag or proc net/udp",
                                   Default::kOn, make<UdpQueuesCollector>};

}  // namespace plimsoll::collectors::host
