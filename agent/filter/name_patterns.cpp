// SPDX-License-Identifier: Apache-2.0
#include "agent/filter/name_patterns.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

// Bounds the program that an expression becomes (and with it the time for one name), and RE2's tables.
constexpr int64_t kMaxMemory = 128 * 1024;
constexpr size_t kMaxLength = 8192;

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  options.set_dot_nl(true);  // as in Prometheus' matchers
  options.set_never_capture(true);
  return options;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

bool is_plain(std::string_view pattern) {
  return std::all_of(pattern.begin(), pattern.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  });
}

}  // namespace

WholePattern::WholePattern(std::unique_ptr<re2::RE2> expression) : expression_(std::move(expression)) {}
WholePattern::WholePattern(WholePattern&&) noexcept = default;
WholePattern& WholePattern::operator=(WholePattern&&) noexcept = default;
WholePattern::~WholePattern() = default;

Result<WholePattern> WholePattern::parse(std::string_view expression) {
  if (expression.size() > kMaxLength) return fail("longer than 8192 bytes");
  auto compiled = std::make_unique<re2::RE2>(piece(expression), options());
  if (!compiled->ok()) return fail("no regular expression: " + printable(compiled->error()));
  return WholePattern(std::move(compiled));
}

bool WholePattern::matches(std::string_view text) const { return re2::RE2::FullMatch(piece(text), *expression_); }

Result<NamePatterns> NamePatterns::parse(const std::vector<std::string>& patterns) {
  NamePatterns names;
  std::string all;
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) return fail("a pattern is empty; write a name, or a regular expression that fits whole names");
    if (is_plain(pattern)) {
      names.plain_.insert(pattern);
      continue;
    }
    // Each by itself first: "a)|(b" is none, though it would be one between the brackets below.
    if (const auto alone = WholePattern::parse(pattern); !alone)
      return fail("'" + printable(pattern) + "' is " + alone.error().message());
    all += (all.empty() ? "(?:" : "|(?:") + pattern + ")";
  }
  if (all.empty()) return names;
  auto joined = WholePattern::parse(all);
  if (!joined) return fail("the patterns together are too large; give fewer or simpler ones");
  names.expression_ = std::make_shared<const WholePattern>(std::move(*joined));
  return names;
}

bool NamePatterns::matches(std::string_view name) const {
  return plain_.contains(name) || (expression_ != nullptr && expression_->matches(name));
}

std::vector<std::string> split_patterns(const std::vector<std::string>& lists) {
  std::vector<std::string> patterns;
  for (const std::string& list : lists) {
    std::string pattern;
    int depth = 0;
    const auto end = [&] {
      if (const std::string_view trimmed = trim(pattern); !trimmed.empty()) patterns.emplace_back(trimmed);
      pattern.clear();
    };
    for (size_t i = 0; i < list.size(); ++i) {
      const char c = list[i];
      if (c == '\\' && i + 1 < list.size()) {
        pattern += c;
        pattern += list[++i];
        continue;
      }
      depth += c == '(' || c == '[' || c == '{';
      depth -= c == ')' || c == ']' || c == '}';
      if (c == ',' && depth <= 0)
        end();
      else
        pattern += c;
    }
    end();
  }
  return patterns;
}

std::string printable(std::string_view text) {
  constexpr size_t kShown = 60;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += c >= ' ' && c < 0x7f ? c : '?';
  return text.size() > kShown ? shown + "..." : shown;
}

}  // namespace plimsoll::agent
