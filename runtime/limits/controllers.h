// SPDX-License-Identifier: Apache-2.0
// The controllers of a v2 tree: enabled from the root down to a group, and why one cannot be.
// Documentation/admin-guide/cgroup-v2.rst, "Organizing Processes and Threads", "Controlling Controllers"
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::limits {

// Whether `text`, words with blanks between them and a line end, has `word`.
bool lists_word(std::string_view text, std::string_view word);

// "/a/b" -> "/a", "/a/b".
std::vector<std::string> path_levels(const std::string& path);

// Makes `controller` available in the group `path` of the tree at `mount_point`. The error names the group
// that refused and what can be done: it holds processes, is threaded, is not delegated, or is not offered it.
Result<void> enable_controller(const std::string& mount_point, const std::string& path, std::string_view controller);

// A group whose parent has processes and controllers, or is threaded, is "domain invalid": nothing can join it
// unless it becomes threaded itself, which is what this does. Nothing else is changed.
Result<void> leave_invalid_domain(const std::string& directory);

}  // namespace plimsoll::limits
