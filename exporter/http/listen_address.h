// SPDX-License-Identifier: Apache-2.0
// Where to listen, as a user writes it (Go's way, since Prometheus' tools take it so).
//
//   127.0.0.1:1876   [::1]:1876   localhost:1876   :1876 = every address, IPv4 and IPv6
//   unix:/run/plimsoll/agent.sock
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::exporter {

struct ListenAddress {
  std::string host;         // numeric, with brackets when it is IPv6
  std::string port;         // decimal; "0" = let the kernel choose
  bool dual_stack = false;  // host is [::] and takes IPv4 as well
  std::string path = {};    // of a unix socket, else ""; then there is nothing else
  std::string text() const { return path.empty() ? host + ":" + port : "unix:" + path; }
};

// A host name is looked up at once; the first answer counts. `ipv6` says whether IPv6 can be used:
// without it ":PORT" means 0.0.0.0 and an IPv6 address is an error.
Result<ListenAddress> parse_listen_address(std::string_view text, bool ipv6);

}  // namespace plimsoll::exporter
