// SPDX-License-Identifier: Apache-2.0
// /proc/net/dev and /proc/PID/net/dev: per-interface counters of one network namespace.
//
//   Inter-|   Receive                                                |  Transmit
//    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
//    compressed
//      lo:  164392    1508    0    0    0     0          0         0   164392    1508    0    0    0     0       0 0
//
// proc_pid_net(5)
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll {

struct NetDevLine {
  std::string_view name;  // into the parsed text
  // The eight receive and eight transmit columns in the file's order (see above).
  std::array<uint64_t, 8> receive;
  std::array<uint64_t, 8> transmit;
};

// Error when a line after the two headings is malformed; it names the interface.
Result<std::vector<NetDevLine>> parse_net_dev(std::string_view text);

}  // namespace plimsoll
