// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/net_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

constexpr size_t kMaxColumns = 256;
constexpr size_t kMaxCpus = 8192;  // what CONFIG_NR_CPUS allows
constexpr size_t kGroups = 8;

using Groups = std::array<unsigned, kGroups>;

// Where each column goes; a name that was there already goes nowhere.
Result<std::vector<std::optional<size_t>>> parse_heading(std::string_view line, std::vector<std::string_view>& names) {
  std::vector<std::optional<size_t>> columns;
  while (true) {
    const std::string_view name = take_field(line);
    if (name.empty()) break;
    if (columns.size() == kMaxColumns) return fail("too many columns");
    const bool known = std::find(names.begin(), names.end(), name) != names.end();
    columns.push_back(known ? std::nullopt : std::optional(names.size()));
    if (!known) names.push_back(name);
  }
  if (names.empty()) return fail("no heading");
  return columns;
}

Result<void> parse_cpu(std::string_view line, const std::vector<std::optional<size_t>>& columns, CpuTable& table) {
  for (size_t i = 0;; ++i) {
    const std::string_view field = take_field(line);
    if (field.empty() && i == columns.size()) return {};
    if (field.empty() || i == columns.size()) return fail("not a value for each name");
    const auto number = parse_hex(field);
    if (!number) return fail("not a hexadecimal number");
    if (columns[i]) table.values[*columns[i]].push_back(*number);
  }
}

void append_number(std::string& text, unsigned number, int base) {
  char digits[16];
  text.append(digits, std::to_chars(digits, digits + sizeof digits, number, base).ptr);
}

std::string dotted(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    if (!text.empty()) text += '.';
    append_number(text, static_cast<unsigned char>(byte), 10);
  }
  return text;
}

// The first of the longest runs of zeros: RFC 5952 section 4.2. Length 0 when there is none of two or more.
std::pair<size_t, size_t> longest_zeros(const Groups& groups) {
  size_t best = 0, best_length = 1;
  for (size_t begin = 0; begin < kGroups; ++begin) {
    size_t length = 0;
    while (begin + length < kGroups && groups[begin + length] == 0) ++length;
    if (length > best_length) best = begin, best_length = length;
  }
  return {best, best_length > 1 ? best_length : 0};
}

std::string colons(const Groups& groups) {
  const auto [zeros, length] = longest_zeros(groups);
  std::string text;
  for (size_t i = 0; i < kGroups; ++i) {
    if (length > 0 && i == zeros) {
      text += "::";
      i += length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    append_number(text, groups[i], 16);
  }
  return text;
}

}  // namespace

std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Result<CpuTable> parse_cpu_table(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  CpuTable table;
  const auto columns = parse_heading(take(text, '\n'), table.names);
  if (!columns) return unexpected(columns.error());
  table.values.resize(table.names.size());
  while (!text.empty()) {
    const auto parsed = parse_cpu(take(text, '\n'), *columns, table);
    if (!parsed) return unexpected(parsed.error());
    if (table.values[0].size() > kMaxCpus) return fail("too many lines");
  }
  if (table.values[0].empty()) return fail("no CPU");
  return table;
}

std::string ip_text(std::string_view bytes) {
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (bytes.size() == 4) return dotted(bytes);
  if (bytes.size() != 16) return {};
  if (bytes.starts_with(kMapped)) return dotted(bytes.substr(kMapped.size()));
  Groups groups;
  for (size_t i = 0; i < kGroups; ++i)
    groups[i] = static_cast<unsigned char>(bytes[2 * i]) * 256u + static_cast<unsigned char>(bytes[2 * i + 1]);
  return colons(groups);
}

}  // namespace plimsoll::collectors::host
