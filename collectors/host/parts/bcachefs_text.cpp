// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/bcachefs_text.h"

#include <set>
#include <utility>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

constexpr size_t kTimeDigits = 10;

Unexpected bad_number(std::string_view name) { return fail(std::string(name) + ": not a number"); }

// A line "NAME NUMBER NUMBER ..." of a table, the name without its colon. Empty without two more fields.
struct Row {
  std::string_view name, first, second;
};

Row parse_row(std::string_view line) {
  Row row{take_field(line), take_field(line), take_field(line)};
  if (row.name.ends_with(':')) row.name.remove_suffix(1);
  return row;
}

// Calls `add(row)` for each row below the first line that has three fields or more.
template <typename Add>
Result<void> for_each_row(std::string_view text, Add add) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::set<std::string_view> seen;
  for (take(text, '\n'); !text.empty();) {
    const Row row = parse_row(take(text, '\n'));
    if (row.second.empty() || !seen.insert(row.name).second) continue;
    if (!add(row)) return bad_number(row.name);
  }
  return {};
}

// "NAME : NUMBER"; the name is empty when the line is not of that kind.
std::pair<std::string_view, std::string_view> split_at_colon(std::string_view line) {
  if (line.find(':') == std::string_view::npos) return {};
  const std::string_view name = trim(take(line, ':'));
  return {name, trim(line)};
}

}  // namespace

Result<uint64_t> parse_bcachefs_size(std::string_view text) {
  text = trim(text);
  if (const auto plain = parse_u64(text)) return *plain;
  constexpr std::string_view kUnits = "kmgtpe";
  double unit = 1;
  const char last = text.empty() ? '\0' : text.back();
  const size_t power = kUnits.find(last >= 'A' && last <= 'Z' ? static_cast<char>(last - 'A' + 'a') : last);
  if (power != std::string_view::npos) text.remove_suffix(1);
  for (size_t i = 0; power != std::string_view::npos && i <= power; ++i) unit *= 1024;
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) return fail("not a size");
  const auto number = parse_double(text);
  if (!number || *number * unit >= 0x1p64) return fail("not a size");
  return static_cast<uint64_t>(*number * unit);
}

Result<std::vector<BcachefsCompression>> parse_bcachefs_compression(std::string_view text) {
  std::vector<BcachefsCompression> found;
  const auto rows = for_each_row(text, [&](const Row& row) {
    const auto compressed = parse_bcachefs_size(row.first), uncompressed = parse_bcachefs_size(row.second);
    if (!compressed || !uncompressed) return false;
    found.push_back({std::string(row.name), *compressed, *uncompressed});
    return true;
  });
  if (!rows) return unexpected(rows.error());
  return found;
}

Result<std::vector<BcachefsBtreeWrites>> parse_bcachefs_btree_writes(std::string_view text) {
  std::vector<BcachefsBtreeWrites> found;
  const auto rows = for_each_row(text, [&](const Row& row) {
    const auto count = parse_u64(row.first);
    const auto size = parse_bcachefs_size(row.second);
    if (!count || !size) return false;
    found.push_back({std::string(row.name), *count, *size});
    return true;
  });
  if (!rows) return unexpected(rows.error());
  return found;
}

// No errors ever is an empty file.
Result<std::vector<NamedCount>> parse_bcachefs_errors(std::string_view text) {
  std::vector<NamedCount> found;
  if (text.empty()) return found;
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::set<std::string_view> seen;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take_field(line);
    std::string_view digits = take_field(line);
    if (digits.empty() || !seen.insert(name).second) continue;
    const bool runs_into_time = take_field(line).empty() && digits.size() > kTimeDigits;
    if (runs_into_time) digits.remove_suffix(kTimeDigits);
    const auto count = parse_u64(digits);
    if (!count) return bad_number(name);
    found.push_back({std::string(name), *count});
  }
  return found;
}

Result<std::optional<uint64_t>> parse_bcachefs_counter(std::string_view text) {
  constexpr std::string_view kMount = "since mount", kCreation = "since filesystem creation";
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  bool known = false;
  std::optional<uint64_t> since_creation;
  while (!text.empty()) {
    const auto [name, value] = split_at_colon(take(text, '\n'));
    if (name != kMount && name != kCreation) continue;
    const auto number = parse_bcachefs_size(value);
    if (!number) return unexpected(number.error().within(name));
    if (name == kCreation) since_creation = *number;
    known = true;
  }
  if (!known) return fail("not a counter");
  return since_creation;
}

Result<std::vector<BcachefsIo>> parse_bcachefs_io_done(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<BcachefsIo> found;
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::string_view operation;
  while (!text.empty()) {
    const auto [name, value] = split_at_colon(take(text, '\n'));
    if (value.empty() && (name == "read" || name == "write")) {
      operation = name;
      continue;
    }
    if (operation.empty() || name.empty() || !seen.emplace(operation, name).second) continue;
    const auto bytes = parse_u64(value);
    if (!bytes) return bad_number(name);
    found.push_back({std::string(operation), std::string(name), *bytes});
  }
  if (operation.empty()) return fail("neither reads nor writes");
  return found;
}

Result<std::vector<NamedCount>> parse_bcachefs_io_errors(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<NamedCount> found;
  std::set<std::string_view> seen;
  bool since_creation = false;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    if (line.starts_with("IO errors since ")) {
      if (since_creation) break;
      since_creation = line.starts_with("IO errors since filesystem creation");
      continue;
    }
    const auto [name, value] = split_at_colon(line);
    if (!since_creation || name.empty() || !seen.insert(name).second) continue;
    const auto count = parse_u64(value);
    if (!count) return bad_number(name);
    found.push_back({std::string(name), *count});
  }
  if (!since_creation) return fail("no errors since the file system's creation");
  return found;
}

}  // namespace plimsoll::collectors::host
