// SPDX-License-Identifier: Apache-2.0
// Sockets of a network namespace, through /proc/PID/net of one of its processes. Off unless asked for:
// net/tcp walks the machine's whole table of connections, 2 ms a container.
// proc_pid_net(5)
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/os.h"
#include "collectors/container/kinds.h"

namespace plimsoll::collectors::container {

// Connections by state, in the kernel's order: established, synsent, synrecv, finwait1, finwait2, timewait,
// close, closewait, lastack, listen, closing. include/net/tcp_states.h
struct TcpStates {
  std::array<uint64_t, 11> count{};
  uint64_t accept_queue = 0;  // connections that wait to be accepted, over all listening sockets
};

struct UdpSockets {
  uint64_t listen = 0, dropped = 0, receive_queued = 0, transmit_queued = 0;
};

// One of the kernel's own names and its value: {"CurrEstab", 3}.
using NamedCount = std::pair<std::string, uint64_t>;

struct SocketCounts {
  std::optional<TcpStates> tcp, tcp6;
  std::optional<UdpSockets> udp, udp6;
  std::vector<NamedCount> advanced_tcp;  // net/netstat's TcpExt and net/snmp's Tcp, as cAdvisor names them
  // net/sockstat
  cgroup::Count sockets_used, tcp_in_use, tcp_orphan, tcp_time_wait, tcp_allocated, udp_in_use;
};

std::optional<TcpStates> parse_tcp(std::string_view text);
std::optional<UdpSockets> parse_udp(std::string_view text);
std::vector<NamedCount> parse_advanced_tcp(std::string_view netstat, std::string_view snmp);
void parse_sockstat(std::string_view text, SocketCounts& counts);

// Whether any of its kinds (tcp, udp, advtcp, sockets) is on.
bool wants_sockets(const KindSet& kinds);
// Fills `counts` for the namespace of `pid`. After `deadline_ns` (CLOCK_MONOTONIC) nothing more is read:
// false, and `counts` is empty.
bool read_sockets(const std::string& proc, pid_t pid, const KindSet& kinds, int64_t deadline_ns, ReadBuffer& buffer,
                  SocketCounts& counts);

}  // namespace plimsoll::collectors::container
