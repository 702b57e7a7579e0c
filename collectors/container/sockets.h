// SPDX-License-Identifier: Apache-2.0
// Sockets of a network namespace, through /proc/PID/net of one of its processes. Off unless asked for:
// net/tcp walks the machine's whole table of connections, 2 ms a container.
//
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//      0: 0100007F:927F 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1316797 1 ...
//
//   TCP: inuse 2 orphan 0 tw 0 alloc 2 mem 0
//
// proc_pid_net(5), Documentation/networking/proc_net_tcp.rst, snmp_counter.rst
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// `listen`: every UDP socket, connected or not; cAdvisor's name for it. Queues in bytes. cAdvisor has the
// two queues the wrong way round; here each is what it is called.
struct UdpSockets {
  uint64_t listen = 0, dropped = 0, receive_queued = 0, transmit_queued = 0;
};

// A counter's name, the kernel's in lower case (static storage), and its value: {"currestab", 3}. Below zero:
// "maxconn" where there is no limit.
using NamedCount = std::pair<std::string_view, int64_t>;

struct SocketCounts {
  std::optional<TcpStates> tcp, tcp6;
  std::optional<UdpSockets> udp, udp6;
  // net/netstat's TcpExt and net/snmp's Tcp: those of cAdvisor's 99 names that this kernel has, in its order.
  std::vector<NamedCount> advanced_tcp;
  // net/sockstat
  cgroup::Count sockets_used, tcp_in_use, tcp_orphan, tcp_time_wait, tcp_allocated, udp_in_use;
};

// Of net/tcp or net/tcp6, net/udp or net/udp6; nullopt when the heading is missing. Lines that are no
// socket are left out.
std::optional<TcpStates> parse_tcp(std::string_view text);
std::optional<UdpSockets> parse_udp(std::string_view text);
std::vector<NamedCount> parse_advanced_tcp(std::string_view netstat, std::string_view snmp);
void parse_sockstat(std::string_view text, SocketCounts& counts);

// Whether any of its kinds (tcp, udp, advtcp, sockets) is on.
bool wants_sockets(const KindSet& kinds);
// Fills `counts` for the namespace of `pid`; what cannot be read (a process that is gone, no IPv6, a table
// beyond the buffer's limit) is absent. After `deadline_ns` (CLOCK_MONOTONIC) nothing more is read. False, and
// `counts` is empty, when it passed or nothing could be read.
bool read_sockets(const std::string& proc, pid_t pid, const KindSet& kinds, int64_t deadline_ns, ReadBuffer& buffer,
                  SocketCounts& counts);

}  // namespace plimsoll::collectors::container
