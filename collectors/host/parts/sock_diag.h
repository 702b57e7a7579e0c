// SPDX-License-Identifier: Apache-2.0
// Sockets counted, by the kernel's dump of them (sock_diag(7)) or from the files /proc/net/tcp, udp and so on:
//
//     sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//      0: 00000000:0016 00000000:0000 0A 00000015:00000000 00:00000000 00000000     0        0 2740 1 ...
//
// The dump costs a fraction of the file: no text, and the kernel takes no lock for the empty places in its table.
// In both a listening socket's receive queue is the number of connections that wait to be accepted; its send queue is
// their limit in the dump, 0 in the file.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

// States as in include/net/tcp_states.h: 1 established, 2 syn sent ... 11 closing. Any other is counted at 0.
struct SocketTotals {
  std::array<uint64_t, 12> count{};
  uint64_t receive_queued = 0, transmit_queued = 0;  // bytes

  void add(uint64_t state, uint64_t receive, uint64_t transmit);
};

enum class Sockets : uint8_t { kTcp, kUdp4, kUdp6 };  // kTcp: IPv4 and IPv6, in one walk through the kernel's table

// Not thread-safe. Its socket stays open from dump to dump.
class SockDiag {
 public:
  // An error whose code says that this kernel has no such dump (see is_unsupported()) is remembered and not
  // asked for again, since the kernel would look for a module each time.
  Result<SocketTotals> count(Sockets which);

 private:
  Result<SocketTotals> dump(Sockets which);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
  std::array<int, 3> refused_{};  // by Sockets: errno value
};

bool is_unsupported(const Error& error);

// Adds what one datagram of the dump `sequence` says. True when that was the end.
Result<bool> add_datagram(std::string_view datagram, uint32_t sequence, SocketTotals& totals);

// The error names the path.
Result<SocketTotals> read_socket_table(const std::string& path);

}  // namespace plimsoll::collectors::host
