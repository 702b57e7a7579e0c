// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/diskstats.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kSectorBytes = 512;  // of /proc/diskstats, whatever the disk's own sectors are

std::optional<DiskLine> parse_line(std::string_view line) {
  const auto major = parse_u64(take_field(line));
  const auto minor = parse_u64(take_field(line));
  const std::string_view name = take_field(line);
  std::array<uint64_t, 7> fields;
  for (uint64_t& field : fields) {
    const auto value = parse_u64(take_field(line));
    if (!value) return std::nullopt;
    field = *value;
  }
  if (!major || !minor || name.empty() || *major > UINT32_MAX || *minor > UINT32_MAX) return std::nullopt;
  return DiskLine{static_cast<uint32_t>(*major),
                  static_cast<uint32_t>(*minor),
                  std::string(name),
                  fields[0],
                  fields[2] * kSectorBytes,
                  fields[4],
                  fields[6] * kSectorBytes};
}

bool is_numbered(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  name.remove_prefix(stem.size());
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::vector<DiskLine> parse_diskstats(std::string_view text) {
  std::vector<DiskLine> disks;
  while (!text.empty()) {
    if (auto disk = parse_line(take(text, '\n'))) disks.push_back(std::move(*disk));
  }
  return disks;
}

bool is_whole_disk(const std::string& sys, const std::string& name) {
  for (std::string_view stem : {"ram", "zram", "loop", "fd"}) {
    if (is_numbered(name, stem)) return false;
  }
  return ::access((sys + "/class/block/" + name + "/partition").c_str(), F_OK) != 0;
}

}  // namespace plimsoll::collectors::container
