// SPDX-License-Identifier: Apache-2.0
// Notations of /proc/net: hexadecimal numbers, tables with a line per CPU; and addresses as labels show them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

// The whole of `text` as a hexadecimal number without prefix or sign.
std::optional<uint64_t> parse_hex(std::string_view text);

// Files of /proc/net/stat: a line of names, then a line of hexadecimal numbers for each CPU.
//
//   entries  searched found new invalid ...
//   00000021  00000000 00000000 00000000 00000003 ...
struct CpuTable {
  std::vector<std::string_view> names;        // into the parsed text; each once
  std::vector<std::vector<uint64_t>> values;  // by name, then by line
};
Result<CpuTable> parse_cpu_table(std::string_view text);

// An address of 4 or 16 bytes in network order, in RFC 5952's notation but with IPv4-mapped ones as IPv4, as Go's
// net.IP prints it. "" for any other size.
std::string ip_text(std::string_view bytes);

}  // namespace plimsoll::collectors::host
