// SPDX-License-Identifier: Apache-2.0
// std::to_chars finds the shortest form of any double, in 25 to 50 ns. Most of ours are a whole number of ns, us
// or ms divided by a power of ten, for which there is a shorter way:
//
//   If a decimal has at most 15 digits and reads back as x, it is the shortest that does so, since no two such
//   decimals read back as the same double (DBL_DIG). And n / 10^k, divided by the processor, is what n * 10^-k reads
//   back as, as long as both are exact doubles.
#include "exporter/encoding/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace plimsoll::exporter {
namespace {

constexpr uint64_t kFifteenDigits = 1'000'000'000'000'000;

constexpr auto kPairs = [] {
  std::array<char, 200> pairs = {};
  for (size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

char* put_word(char* at, const char* word, size_t size) {
  std::memcpy(at, word, size);
  return at + size;
}

// `fraction` below 10^digits with its leading zeros and without those at its end.
char* put_fraction(char* at, uint32_t fraction, int digits) {
  int left = digits;
  for (; left >= 2; left -= 2, fraction /= 100) std::memcpy(at + left - 2, kPairs.data() + 2 * (fraction % 100), 2);
  if (left == 1) *at = static_cast<char>('0' + fraction);
  while (at[digits - 1] == '0') --digits;
  return at + digits;
}

// `number` as a decimal of `digits` digits behind the point, `scale` being 10^digits; nullptr if it is none, or if an
// exponent would be shorter.
char* put_scaled(char* at, double number, uint32_t scale, int digits) {
  const double size = std::fabs(number);
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): the division tells whether it was the right number.
  const auto scaled = static_cast<uint64_t>(size * scale + 0.5);
  if (scaled >= kFifteenDigits || static_cast<double>(scaled) / scale != size) return nullptr;
  const uint64_t whole = scaled / scale;
  const auto fraction = static_cast<uint32_t>(scaled % scale);
  constexpr uint64_t kExponentIsShorter = 100'000;
  if (fraction == 0 && whole >= kExponentIsShorter) return nullptr;
  if (number < 0) *at++ = '-';
  at = std::to_chars(at, at + 20, whole).ptr;
  if (fraction == 0) return at;
  *at++ = '.';
  return put_fraction(at, fraction, digits);
}

char* put_double(char* at, double number) {
  const double size = std::fabs(number);
  char* end = nullptr;
  if (size >= 0.001 && size < 1e12) {  // below, an exponent may be shorter
    if (size < 1e9) {
      end = put_scaled(at, number, 1'000'000, 6);
      if (end == nullptr && size < 1e6) end = put_scaled(at, number, 1'000'000'000, 9);
    } else {
      end = put_scaled(at, number, 1'000, 3);
    }
  }
  return end != nullptr ? end : std::to_chars(at, at + kNumberRoom, number).ptr;
}

}  // namespace

char* put_number(char* at, Value value) {
  if (value.is_integer()) return std::to_chars(at, at + kNumberRoom, value.integer()).ptr;
  const double number = value.number();
  if (std::isnan(number)) return put_word(at, "NaN", 3);
  if (std::isinf(number)) return put_word(at, number > 0 ? "+Inf" : "-Inf", 4);
  return put_double(at, number);
}

}  // namespace plimsoll::exporter
