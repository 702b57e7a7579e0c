// SPDX-License-Identifier: Apache-2.0
#include "base/diskstats.h"

#include "base/text.h"

namespace plimsoll {
namespace {

constexpr size_t kMinColumns = 11;

}  // namespace

Result<DiskstatsLine> parse_diskstats_line(std::string_view line) {
  const auto major = parse_u64(take_field(line));
  const auto minor = parse_u64(take_field(line));
  const std::string_view name = take_field(line);
  const bool numbered = major && minor && *major <= UINT32_MAX && *minor <= UINT32_MAX;
  if (!numbered || name.empty()) return fail("line without major, minor and name");
  DiskstatsLine disk{static_cast<uint32_t>(*major), static_cast<uint32_t>(*minor), name, 0, {}};
  for (; disk.columns < disk.values.size(); ++disk.columns) {
    const std::string_view field = take_field(line);
    if (field.empty()) break;
    const auto number = parse_u64(field);
    if (!number) return fail(std::string(name) + ": not a number");
    disk.values[disk.columns] = *number;
  }
  if (disk.columns < kMinColumns) return fail(std::string(name) + ": too few columns");
  return disk;
}

}  // namespace plimsoll
