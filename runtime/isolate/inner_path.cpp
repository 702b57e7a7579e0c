// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/inner_path.h"

#include "base/text.h"

namespace plimsoll::isolate {

Result<InnerPath> inner_path(std::string_view path) {
  if (path.find('\0') != path.npos) return fail("path with a NUL byte");
  InnerPath inner{std::string(path), {}};
  std::string level;
  while (!path.empty()) {
    const std::string_view component = take(path, '/');
    if (component.empty() || component == ".") continue;
    if (component == "..") return fail("\"" + inner.shown + "\": must not contain \"..\"");
    if (!level.empty()) level += '/';
    level += component;
    inner.levels.push_back(level);
  }
  return inner;
}

}  // namespace plimsoll::isolate
