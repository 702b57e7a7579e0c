// SPDX-License-Identifier: Apache-2.0
#include "agent/deadline.h"

#include <algorithm>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

constexpr size_t kLongestHeader = 32;
constexpr double kLongestTimeout = 86'400;  // seconds; more is as good as none

}  // namespace

int64_t scrape_deadline(std::string_view header, std::chrono::nanoseconds offset, int64_t now_ns) {
  if (header.size() > kLongestHeader) return INT64_MAX;
  const auto seconds = parse_double(trim(header));
  if (!seconds || !(*seconds > 0 && *seconds <= kLongestTimeout)) return INT64_MAX;
  const auto patience = static_cast<int64_t>(*seconds * 1e9);
  return now_ns + std::max(patience - offset.count(), patience / 2);
}

std::chrono::nanoseconds answer_time(std::string_view header) {
  constexpr int64_t kLongestNs = 120'000'000'000, kUsualNs = 60'000'000'000;
  const int64_t ns = scrape_deadline(header, {}, 0);
  return std::chrono::nanoseconds(ns == INT64_MAX ? kUsualNs : std::min(ns, kLongestNs));
}

}  // namespace plimsoll::agent
