// SPDX-License-Identifier: Apache-2.0
// Lists of CPU numbers as sysfs prints them: "0-3,8,10-11\n". cpuset(7), "List format"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::collectors::container {

// result[n]: CPU n is in the list. Empty for anything that is no list.
std::vector<bool> parse_cpu_list(std::string_view text);

// The CPUs that run now; empty when `sys` does not tell.
std::vector<bool> read_online_cpus(const std::string& sys);

}  // namespace plimsoll::collectors::container
