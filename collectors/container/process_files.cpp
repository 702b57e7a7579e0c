// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/process_files.h"

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kBytesPerKib = 1024;
constexpr int kFieldsBetweenStateAndStart = 18;  // fields 4 to 21

}  // namespace

// The name may itself contain blanks and parentheses; after the last ")" there are none.
std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  text.remove_prefix(name_end + 1);
  const std::string_view state = take_field(text);
  for (int i = 0; i < kFieldsBetweenStateAndStart; ++i) take_field(text);
  const auto start = parse_u64(take_field(text));
  if (state.size() != 1 || !start || text.empty()) return std::nullopt;
  return ProcessStat{state[0], *start};
}

std::optional<SchedStat> parse_schedstat(std::string_view text) {
  if (!text.ends_with('\n')) return std::nullopt;
  std::string_view line = take(text, '\n');
  const auto run = parse_u64(take_field(line)), wait = parse_u64(take_field(line)), periods = parse_u64(trim(line));
  if (!run || !wait || !periods) return std::nullopt;
  return SchedStat{*run, *wait, *periods};
}

std::optional<uint64_t> parse_open_files_limit(std::string_view text) {
  constexpr std::string_view kName = "Max open files";
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (!line.starts_with(kName)) continue;
    line.remove_prefix(kName.size());
    const std::string_view soft = take_field(line);
    if (take_field(line).empty()) return std::nullopt;
    return soft == "unlimited" ? std::optional(cgroup::kUnlimited) : parse_u64(soft);
  }
  return std::nullopt;
}

std::optional<uint64_t> parse_referenced(std::string_view text) {
  const size_t end = text.rfind('\n');
  const auto kib = find_u64(text.substr(0, end == std::string_view::npos ? 0 : end + 1), "Referenced");
  if (!kib || *kib > UINT64_MAX / kBytesPerKib) return std::nullopt;
  return *kib * kBytesPerKib;
}

}  // namespace plimsoll::collectors::container
