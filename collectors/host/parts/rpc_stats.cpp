// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/rpc_stats.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kNfs2[] = {"Null", "GetAttr", "SetAttr", "Root",   "Lookup",  "ReadLink",
                                      "Read", "WrCache", "Write",   "Create", "Remove",  "Rename",
                                      "Link", "SymLink", "MkDir",   "RmDir",  "ReadDir", "FsStat"};
constexpr std::string_view kNfs3[] = {"Null",   "GetAttr", "SetAttr",  "Lookup", "Access",  "ReadLink",
                                      "Read",   "Write",   "Create",   "MkDir",  "SymLink", "MkNod",
                                      "Remove", "RmDir",   "Rename",   "Link",   "ReadDir", "ReadDirPlus",
                                      "FsStat", "FsInfo",  "PathConf", "Commit"};

bool is_count_line(std::string_view word) { return word.starts_with("proc"); }

}  // namespace

const std::span<const std::string_view> kNfs2Procedures = kNfs2;
const std::span<const std::string_view> kNfs3Procedures = kNfs3;

// Numbers that are no integers end the line: "th 8 0 0.000 0.000 ...".
Result<void> RpcStats::add(std::string_view word, std::string_view rest) {
  Line line{word, {}};
  for (auto field = take_field(rest); !field.empty(); field = take_field(rest)) {
    const auto number = parse_u64(field);
    if (!number && word == "th" && line.numbers.size() >= 2) break;
    if (!number) return fail("line '" + std::string(word) + "' has '" + std::string(field) + "' among its numbers");
    line.numbers.push_back(*number);
  }
  if (line.numbers.empty()) return fail("line '" + std::string(word) + "' has no number");
  if (is_count_line(word) && line.numbers.front() != line.numbers.size() - 1)
    return fail("line '" + std::string(word) + "' does not have as many numbers as it says");
  lines_.push_back(std::move(line));
  return {};
}

Result<RpcStats> RpcStats::parse(std::string_view text, std::span<const std::string_view> known) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  RpcStats stats;
  while (!text.empty()) {
    std::string_view rest = take(text, '\n');
    const std::string_view word = take_field(rest);
    if (std::find(known.begin(), known.end(), word) == known.end() || !stats.line(word).empty()) continue;
    const auto added = stats.add(word, rest);
    if (!added) return unexpected(added.error());
  }
  if (stats.lines_.empty()) return fail("no line that is known");
  return stats;
}

std::span<const uint64_t> RpcStats::line(std::string_view word) const {
  for (const Line& line : lines_)
    if (line.word == word) return line.numbers;
  return {};
}

std::span<const uint64_t> RpcStats::calls(std::string_view word) const {
  const auto numbers = line(word);
  return numbers.empty() ? numbers : numbers.subspan(1);
}

void RpcStats::write(MetricWriter& writer, const MetricDesc& desc, std::string_view word, size_t index) const {
  const auto numbers = line(word);
  if (index < numbers.size()) writer.single(desc, numbers[index]);
}

void write_calls(MetricWriter& writer, std::span<const std::string_view> names, size_t first, const char* proto,
                 std::span<const uint64_t> calls) {
  for (size_t i = first; i < std::min(names.size(), calls.size()); ++i) {
    if (names[i].empty()) continue;
    writer.sample(writer.labels(LabelSet{{"method", names[i]}, {"proto", proto}}), calls[i]);
  }
}

}  // namespace plimsoll::collectors::host
