// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/name_filter.h"

#include <re2/re2.h>

namespace plimsoll::collectors::host {
namespace {

// Latin-1 means "bytes": interface and mount names need not be UTF-8.
re2::RE2::Options options() {
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Pattern::Pattern(std::string_view expression) {
  if (!expression.empty()) expression_ = std::make_unique<re2::RE2>(piece(expression), options());
}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<void> Pattern::check(std::string_view expression) {
  const re2::RE2 compiled(piece(expression), options());
  if (compiled.ok()) return {};
  return fail("'" + std::string(expression) + "' is no regular expression: " + compiled.error());
}

bool Pattern::matches(std::string_view text) const {
  return expression_ != nullptr && re2::RE2::PartialMatch(piece(text), *expression_);
}

NameFilter::NameFilter(const Flags& flags, const Flag& include, const Flag& exclude)
    : include_(flags.text(include)),
      exclude_(flags.given(include) && !flags.given(exclude) ? std::string() : flags.text(exclude)) {}

}  // namespace plimsoll::collectors::host
