// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/format.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

// Four significant digits without trailing zeros: "1.5", "64", "1023".
std::string significant(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", number);
  return text;
}

std::string scaled(uint64_t bytes, double step, const char* const (&units)[6]) {
  auto number = static_cast<double>(bytes);
  size_t unit = 0;
  for (; number >= step && unit + 1 < std::size(units); ++unit) number /= step;
  return significant(number) + units[unit];
}

std::string counted(int64_t number, const char* unit) {
  return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
}

// Characters of UTF-8, which is what a terminal counts for the text of lists.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string format_bytes(const cgroup::Count& bytes) {
  return bytes ? scaled(*bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"}) : "-";
}

std::string format_traffic(const cgroup::Count& bytes) {
  return bytes ? scaled(*bytes, 1000, {"B", "kB", "MB", "GB", "TB", "PB"}) : "-";
}

std::string format_duration(const cgroup::Count& nanoseconds) {
  if (!nanoseconds) return "-";
  const auto number = static_cast<double>(*nanoseconds);
  char text[32];
  std::snprintf(text, sizeof text, number < 1e9 ? "%.1f ms" : "%.3f s", number < 1e9 ? number / 1e6 : number / 1e9);
  return text;
}

std::string format_age(int64_t nanoseconds) {
  const int64_t seconds = std::max<int64_t>(nanoseconds, 0) / 1'000'000'000;
  if (seconds < 1) return "Less than a second";
  if (seconds < 60) return counted(seconds, "second");
  if (seconds < 3600) return seconds < 120 ? "About a minute" : counted(seconds / 60, "minute");
  if (seconds < 48 * 3600) return seconds < 7200 ? "About an hour" : counted(seconds / 3600, "hour");
  return counted(seconds / 86400, "day");
}

std::string shorten(const std::string& text, size_t width) {
  std::string result;
  size_t used = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t length = utf8_length(rest);
    if (used + 1 == width && rest.size() > std::max<size_t>(length, 1)) return result + "…";
    const bool printable =
        length > 1 || (length == 1 && static_cast<unsigned char>(rest[0]) >= 0x20 && rest[0] != 0x7f);
    result += printable ? std::string(rest.substr(0, length)) : "?";
    rest.remove_prefix(std::max<size_t>(length, 1));
    ++used;
  }
  return result;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], width_of(row[at]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t at = 0; at < row.size(); ++at) {
      text += row[at];
      if (at + 1 < row.size()) text.append(widths[at] - width_of(row[at]) + 3, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace plimsoll::agent
