// SPDX-License-Identifier: Apache-2.0
// base/text.h: numbers, lines and fields of any bytes.
#include <algorithm>
#include <cctype>
#include <string>

#include "base/text.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_zeros(std::string_view text) {
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  return text;
}

void numbers(std::string_view text) {
  if (const auto number = parse_u64(text)) {
    require(all_digits(text), "parse_u64 takes digits only");
    require(std::to_string(*number) == without_zeros(text), "parse_u64 reads the number that is written");
  } else {
    require(!all_digits(text) || without_zeros(text).size() >= 20, "parse_u64 takes every number that fits");
  }
  (void)parse_i64(text);
  (void)parse_double(text);
  (void)parse_size(text);
}

void lines(std::string_view text) {
  std::string joined;
  for (std::string_view rest = text; !rest.empty();) {
    const bool last = rest.find('\n') == std::string_view::npos;
    joined += take(rest, '\n');
    if (!last) joined += '\n';
  }
  require(joined == text, "take() loses nothing");
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view field = take_field(rest);
    require(field.find_first_of(" \t") == std::string_view::npos, "a field has no blanks");
    if (field.empty()) break;
    (void)find_u64(text, field);
  }
}

void strings(std::string_view text) {
  require(trim(text).size() <= text.size() && trim(trim(text)) == trim(text), "trim() is done after one go");
  require(unescape_octal(text).size() <= text.size(), "unescaping never grows");
  for (std::string_view rest = text; !rest.empty();) {
    const size_t length = utf8_length(rest);
    require(length <= 4 && length <= rest.size(), "a sequence lies inside the text");
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::numbers(text);
  plimsoll::fuzz::lines(text);
  plimsoll::fuzz::strings(text);
  return 0;
}
