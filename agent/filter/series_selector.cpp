// SPDX-License-Identifier: Apache-2.0
#include "agent/filter/series_selector.h"

#include <array>
#include <optional>

#include "agent/filter/name_patterns.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_label_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_label_part(char c) { return is_label_start(c) || (c >= '0' && c <= '9'); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<SeriesSelector> parse() {
    SeriesSelector selector;
    const size_t brace = text_.find('{');
    selector.name = trim(text_.substr(0, brace));
    if (brace != std::string_view::npos) {
      at_ = brace + 1;
      if (auto read = matchers(selector.matchers); !read) return unexpected(read.error());
    }
    if (selector.name.empty() && selector.matchers.empty())
      return fail("it would leave out every series; name a metric, or a label as in {namespace=\"kube-system\"}");
    return selector;
  }

 private:
  Unexpected wrong(const std::string& what) const {
    return fail("at character " + std::to_string(at_ + 1) + ": " + what);
  }
  bool done() const { return at_ >= text_.size(); }
  char next() const { return done() ? '\0' : text_[at_]; }
  void skip_blanks() {
    while (!done() && is_blank(text_[at_])) ++at_;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  // Behind the opening brace, up to the end. A comma may stand behind the last one.
  Result<void> matchers(std::vector<LabelMatcher>& list) {
    for (skip_blanks(); !take("}"); skip_blanks()) {
      auto matcher = one_matcher();
      if (!matcher) return unexpected(matcher.error());
      list.push_back(std::move(*matcher));
      skip_blanks();
      if (!take(",") && next() != '}') return wrong("expected ',' or '}'");
    }
    skip_blanks();
    if (!done()) return wrong("nothing may follow the '}'");
    return {};
  }

  Result<LabelMatcher> one_matcher() {
    LabelMatcher matcher;
    if (!is_label_start(next())) return wrong("expected the name of a label");
    const size_t begin = at_;
    while (is_label_part(next())) ++at_;
    matcher.label = text_.substr(begin, at_ - begin);
    if (matcher.label == "__name__") return wrong("the metric's name goes before the '{'");
    skip_blanks();
    matcher.negative = next() == '!';
    matcher.expression = text_.substr(at_).starts_with("=~") || text_.substr(at_).starts_with("!~");
    if (!take("=~") && !take("!~") && !take("!=") && !take("=")) return wrong("expected =, !=, =~ or !~");
    skip_blanks();
    auto value = quoted();
    if (!value) return unexpected(value.error());
    matcher.value = std::move(*value);
    return matcher;
  }

  // "..." and '...' with escapes, `...` without.
  Result<std::string> quoted() {
    const char quote = next();
    if (quote != '"' && quote != '\'' && quote != '`') return wrong("expected a value in quotes");
    std::string value;
    for (++at_; next() != quote || done(); ++at_) {
      if (done()) return wrong("the quote is not closed");
      if (text_[at_] != '\\' || quote == '`') {
        value += text_[at_];
        continue;
      }
      ++at_;
      const auto plain = unescaped(next());
      if (done() || !plain) return wrong("unknown escape; a backslash itself is written twice, or once between ``");
      value += *plain;
    }
    ++at_;
    return value;
  }

  static std::optional<char> unescaped(char c) {
    constexpr std::array<std::pair<char, char>, 6> kEscapes = {
        {{'\\', '\\'}, {'"', '"'}, {'\'', '\''}, {'n', '\n'}, {'t', '\t'}, {'r', '\r'}}};
    for (const auto& [letter, plain] : kEscapes) {
      if (letter == c) return plain;
    }
    return std::nullopt;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<SeriesSelector> parse_selector(std::string_view text) {
  auto selector = Parser(text).parse();
  if (!selector) return fail("'" + printable(text) + "': " + selector.error().message());
  return selector;
}

}  // namespace plimsoll::agent
