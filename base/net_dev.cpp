// SPDX-License-Identifier: Apache-2.0
#include "base/net_dev.h"

#include <string>

#include "base/text.h"

namespace plimsoll {
namespace {

bool take_columns(std::string_view& rest, std::array<uint64_t, 8>& columns) {
  for (uint64_t& column : columns) {
    const auto number = parse_u64(take_field(rest));
    if (!number) return false;
    column = *number;
  }
  return true;
}

// The name ends at the first colon (no interface name has one); older kernels put no blank behind it.
Result<NetDevLine> parse_line(std::string_view line) {
  NetDevLine parsed;
  if (line.find(':') == std::string_view::npos) return fail("line without an interface: " + std::string(trim(line)));
  parsed.name = trim(take(line, ':'));
  const bool complete = take_columns(line, parsed.receive) && take_columns(line, parsed.transmit);
  if (parsed.name.empty() || !complete) return fail("interface " + std::string(parsed.name) + ": malformed counters");
  return parsed;
}

}  // namespace

Result<std::vector<NetDevLine>> parse_net_dev(std::string_view text) {
  const std::string_view first = take(text, '\n');
  const std::string_view second = take(text, '\n');
  if (!first.starts_with("Inter-|") || second.find("|bytes") == std::string_view::npos) return fail("headings missing");
  std::vector<NetDevLine> lines;
  while (!text.empty()) {
    auto line = parse_line(take(text, '\n'));
    if (!line) return unexpected(line.error());
    lines.push_back(*line);
  }
  return lines;
}

}  // namespace plimsoll
