// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/zfs_kstat.h"

#include <set>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kSigned = "3", kUnsigned = "4";

// How many entries the first line promises.
std::optional<uint64_t> promised_entries(std::string_view line) {
  for (int i = 0; i < 3; ++i) take_field(line);
  return parse_u64(take_field(line));
}

bool is_heading(std::string_view line) {
  return take_field(line) == "name" && take_field(line) == "type" && take_field(line) == "data" && trim(line).empty();
}

std::optional<Value> parse_value(std::string_view type, std::string_view text) {
  if (type == kUnsigned) {
    const auto number = parse_u64(text);
    return number ? std::optional<Value>(*number) : std::nullopt;
  }
  const auto number = parse_i64(text);
  if (!number) return std::nullopt;
  return *number < 0 ? Value(static_cast<double>(*number)) : Value(static_cast<uint64_t>(*number));
}

// Skips what the exporter has no use for: texts other than the dataset's name, types never seen.
Result<void> parse_entry(std::string_view line, std::set<std::string_view>& seen, Kstat& kstat) {
  const std::string_view name = take_field(line);
  const std::string_view type = take_field(line);
  line = trim(line);
  if (line.empty()) return fail(std::string(name) + ": no data");
  if (name == "dataset_name") kstat.dataset = line;
  if (name == "dataset_name" || (type != kSigned && type != kUnsigned)) return {};
  const auto value = parse_value(type, line);
  if (!value) return fail(std::string(name) + ": not a number");
  if (seen.insert(name).second) kstat.numbers.push_back({name, *value});
  return {};
}

}  // namespace

Result<Kstat> parse_kstat(std::string_view text) {
  const auto promised = promised_entries(take(text, '\n'));
  if (!promised || !is_heading(take(text, '\n'))) return fail("no table of statistics");
  Kstat kstat;
  std::set<std::string_view> seen;
  uint64_t entries = 0;
  for (; !text.empty(); ++entries) {
    const auto parsed = parse_entry(take(text, '\n'), seen, kstat);
    if (!parsed) return unexpected(parsed.error());
  }
  if (entries < *promised) return fail("cut off");
  return kstat;
}

Result<std::vector<KstatNumber>> parse_kstat_io(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  take(text, '\n');
  std::string_view names = take(text, '\n');
  std::string_view values = take(text, '\n');
  std::vector<KstatNumber> numbers;
  std::set<std::string_view> seen;
  for (auto name = take_field(names); !name.empty(); name = take_field(names)) {
    const auto value = parse_u64(take_field(values));
    if (!value) return fail(std::string(name) + ": not a number");
    if (seen.insert(name).second) numbers.push_back({name, *value});
  }
  if (!seen.contains("nread")) return fail("no table of I/O");
  return numbers;
}

}  // namespace plimsoll::collectors::host
