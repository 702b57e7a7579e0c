// SPDX-License-Identifier: Apache-2.0
// collectors/container/sockets.h: the files of /proc/PID/net. The first byte splits the input into two files.
#include <algorithm>
#include <numeric>

#include "collectors/container/sockets.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace container = plimsoll::collectors::container;
  using plimsoll::fuzz::require;
  if (size == 0) return 0;
  const std::string_view text = plimsoll::fuzz::as_text(data + 1, size - 1);
  const auto lines = static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (const auto tcp = container::parse_tcp(text))
    require(std::accumulate(tcp->count.begin(), tcp->count.end(), uint64_t{0}) <= lines, "a line is one socket");
  if (const auto udp = container::parse_udp(text)) require(udp->listen <= lines, "a line is one socket");
  const size_t middle = std::min<size_t>(text.size(), data[0]);
  for (const auto& [name, value] : container::parse_advanced_tcp(text.substr(0, middle), text.substr(middle))) {
    const bool inside = name.data() >= text.data() && name.data() < text.data() + text.size();
    require(!name.empty() && !inside, "a name does not live in the input");
  }
  container::SocketCounts counts;
  container::parse_sockstat(text, counts);
  return 0;
}
