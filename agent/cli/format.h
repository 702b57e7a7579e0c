// SPDX-License-Identifier: Apache-2.0
// Numbers for human eyes, and tables of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cgroup/stats.h"

namespace plimsoll::agent {

// "64MiB", "1.5GiB": powers of 1024, four significant digits. "-" for an absent count.
std::string format_bytes(const cgroup::Count& bytes);
// "1.05MB": powers of 1000, as is usual for traffic.
std::string format_traffic(const cgroup::Count& bytes);
// "2.013 s", "48.1 ms"; "-" when absent.
std::string format_duration(const cgroup::Count& nanoseconds);
// "5 seconds", "About a minute", "3 hours", "2 days": how long ago, for lists.
std::string format_age(int64_t nanoseconds);
// At most `width` characters of UTF-8 with "…" for the rest; control characters become "?".
std::string shorten(const std::string& text, size_t width);

// Columns as wide as their widest cell, three blanks apart; the first row is the heading. Ends with a line end.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace plimsoll::agent
