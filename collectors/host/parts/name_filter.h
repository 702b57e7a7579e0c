// SPDX-License-Identifier: Apache-2.0
// Regular expressions of the flags: which devices, mounts, fields a collector shows. RE2 matches in time
// linear in the text whatever the expression is (https://github.com/google/re2/wiki/Syntax; Go's regexp
// has the same syntax, so that node_exporter's expressions keep their meaning).
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "collectors/host/parts/flags.h"

namespace re2 {
class RE2;
}

namespace plimsoll::collectors::host {

// One expression, searched for anywhere in the text unless it is anchored itself. Texts are bytes: one that
// is not UTF-8 is matched byte by byte.
class Pattern {
 public:
  // "" matches nothing. An expression that does not compile matches nothing either: see check().
  explicit Pattern(std::string_view expression);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  static Result<void> check(std::string_view expression);

  bool empty() const { return expression_ == nullptr; }
  bool matches(std::string_view text) const;

 private:
  std::unique_ptr<re2::RE2> expression_;
};

// A pair of flags "X-include", "X-exclude": keeps what the first one matches (everything when it is empty)
// and the second one does not.
class NameFilter {
 public:
  NameFilter(std::string_view include, std::string_view exclude) : include_(include), exclude_(exclude) {}
  // The pair's values: giving `include` takes the default of `exclude` away.
  NameFilter(const Flags& flags, const Flag& include, const Flag& exclude);

  bool keeps(std::string_view name) const {
    return (include_.empty() || include_.matches(name)) && !exclude_.matches(name);
  }

 private:
  Pattern include_;
  Pattern exclude_;
};

}  // namespace plimsoll::collectors::host
