// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/mdstat.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {
namespace {

bool contains(std::string_view text, std::string_view wanted) { return text.find(wanted) != std::string_view::npos; }

// What is known of an array between its first and its last line.
struct Reading {
  MdArray array;
  bool inactive = false;
  bool striped = false;  // raid0, linear: every disk is needed, and their number is not said
  uint64_t members = 0;
};

Unexpected malformed(const Reading& reading, const char* what) {
  return fail("array " + std::string(reading.array.name) + ": " + what);
}

// A member: sda1[8], sdb2[2](F), sdc[1](W)(S).
void count_member(Reading& reading, std::string_view member) {
  ++reading.members;
  reading.array.failed += contains(member, "(F)");
  reading.array.spare += contains(member, "(S)");
}

// "md6 : active (auto-read-only) raid1 sdb2[2](F) sda2[0]"
Result<Reading> parse_first_line(std::string_view line) {
  Reading reading;
  reading.array.name = take_field(line);
  const bool has_colon = take_field(line) == ":";
  const std::string_view state = take_field(line);
  if (!has_colon || state.empty()) return malformed(reading, "no state");
  reading.inactive = state == "inactive";
  reading.array.activity = reading.inactive    ? MdActivity::kInactive
                           : state == "active" ? MdActivity::kActive
                                               : MdActivity::kOther;
  for (auto field = take_field(line); !field.empty(); field = take_field(line)) {
    if (contains(field, "["))
      count_member(reading, field);
    else
      reading.striped = reading.striped || field == "raid0" || field == "linear";
  }
  return reading;
}

// "[2/1]": needed and there.
bool parse_disk_counts(std::string_view field, MdArray& array) {
  if (!field.starts_with('[') || !field.ends_with(']')) return false;
  field = field.substr(1, field.size() - 2);
  const auto required = parse_u64(take(field, '/'));
  const auto active = parse_u64(field);
  if (!required || !active) return false;
  array.required = required;
  array.active = active;
  return true;
}

// "195310144 blocks super 1.2 level 6, 64k chunk, algorithm 2 [2/1] [U_]"
Result<void> parse_blocks(std::string_view line, Reading& reading) {
  MdArray& array = reading.array;
  array.blocks = parse_u64(take_field(line));
  if (!array.blocks || take_field(line) != "blocks") return malformed(reading, "no size in blocks");
  array.synced = array.blocks;
  if (reading.striped) array.required = array.active = reading.members;
  if (!reading.striped && reading.inactive) array.required = array.active = 0;
  if (reading.striped || reading.inactive) return {};
  while (!line.empty())
    if (parse_disk_counts(take_field(line), array)) break;
  return {};
}

struct SyncWord {
  std::string_view word;
  MdActivity activity;
};

constexpr SyncWord kSyncWords[] = {
    {"recovery", MdActivity::kRecovering},
    {"reshape", MdActivity::kOther},
    {"check", MdActivity::kChecking},
    {"resync", MdActivity::kResyncing},
};

// "[=>..]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec", or "resync=DELAYED" of one
// that waits: nothing is done yet.
Result<void> parse_sync(std::string_view line, Reading& reading) {
  const auto* found = std::find_if(std::begin(kSyncWords), std::end(kSyncWords),
                                   [&](const SyncWord& sync) { return contains(line, sync.word); });
  if (found == std::end(kSyncWords)) return {};
  reading.array.activity = found->activity;
  reading.array.synced = 0;
  for (std::string_view waiting : {"=PENDING", "=DELAYED", "=REMOTE"})
    if (contains(line, waiting)) return {};
  take(line, '(');
  std::string_view progress = take(line, ')');
  const auto done = parse_u64(take(progress, '/'));
  if (!done || !parse_u64(progress)) return malformed(reading, "no progress of its synchronisation");
  reading.array.synced = done;
  return {};
}

Result<void> parse_further_line(std::string_view line, Reading& reading) {
  if (line.empty() || line.starts_with("bitmap:") || line.starts_with("super ")) return {};
  return reading.array.blocks ? parse_sync(line, reading) : parse_blocks(line, reading);
}

// The kernel never repeats a name; a repeated one would be refused by who reads our page.
void keep(std::vector<MdArray>& arrays, const Reading& reading) {
  const auto same = [&](const MdArray& array) { return array.name == reading.array.name; };
  if (std::none_of(arrays.begin(), arrays.end(), same)) arrays.push_back(reading.array);
}

bool is_heading(std::string_view line) { return line.starts_with("Personalities :"); }

}  // namespace

Result<std::vector<MdArray>> parse_mdstat(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  if (!is_heading(text)) return fail("no line of personalities");
  std::vector<MdArray> arrays;
  std::optional<Reading> reading;
  while (!text.empty()) {
    const std::string_view line = take(text, '\n');
    const bool indented = line.starts_with(' ') || line.starts_with('\t');
    if (line.empty() || is_heading(line)) continue;
    if (indented && reading) {
      const auto parsed = parse_further_line(trim(line), *reading);
      if (!parsed) return unexpected(parsed.error());
    }
    if (indented) continue;
    if (reading) keep(arrays, *reading);
    reading.reset();
    if (line.starts_with("unused devices:")) continue;
    auto begun = parse_first_line(line);
    if (!begun) return unexpected(begun.error());
    reading = *begun;
  }
  if (reading) keep(arrays, *reading);
  return arrays;
}

}  // namespace plimsoll::collectors::host
