// SPDX-License-Identifier: Apache-2.0
// Lists of names as a user gives them: each entry is a regular expression that must match the whole name, so a
// plain name stands for itself. RE2's syntax, as Prometheus and Go have it: https://github.com/google/re2/wiki/Syntax
// It matches in time linear in the name; what it may use of memory is bounded, since patterns come from the network
// too.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace plimsoll::agent {

// One expression that must match a whole text. Move-only; matches() is thread-safe.
class WholePattern {
 public:
  // Error: what is wrong with the expression, without its text.
  static Result<WholePattern> parse(std::string_view expression);
  WholePattern(WholePattern&&) noexcept;
  WholePattern& operator=(WholePattern&&) noexcept;
  ~WholePattern();

  bool matches(std::string_view text) const;

 private:
  explicit WholePattern(std::unique_ptr<re2::RE2> expression);
  std::unique_ptr<re2::RE2> expression_;
};

class NamePatterns {
 public:
  NamePatterns() = default;  // matches nothing
  // Error: the first pattern that is none, and why.
  static Result<NamePatterns> parse(const std::vector<std::string>& patterns);

  bool empty() const { return plain_.empty() && expression_ == nullptr; }
  bool matches(std::string_view name) const;

 private:
  std::set<std::string, std::less<>> plain_;
  std::shared_ptr<const WholePattern> expression_;  // of all that are not plain, or nullptr
};

// Comma-separated lists, one after another. A comma inside (), [] or {} belongs to its pattern.
std::vector<std::string> split_patterns(const std::vector<std::string>& lists);

// For a message: a text from the network that goes back there, or into the log.
std::string printable(std::string_view text);

}  // namespace plimsoll::agent
