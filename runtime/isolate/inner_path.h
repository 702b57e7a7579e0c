// SPDX-License-Identifier: Apache-2.0
// A path below the root file system, as the child walks it: relative, without "." and "..".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll::isolate {

// "/a/b" has the levels "a" and "a/b"; the root itself has none.
struct InnerPath {
  std::string shown;                // as it was given, for messages
  std::vector<std::string> levels;  // shortest first
};

// Drops empty and "." components; ".." is an error that names the path.
Result<InnerPath> inner_path(std::string_view path);

}  // namespace plimsoll::isolate
