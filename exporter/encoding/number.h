// SPDX-License-Identifier: Apache-2.0
// Numbers of the text formats, as std::to_chars writes them: the shortest form that reads back as the same double.
#pragma once

#include <cstddef>

#include "base/metric.h"

namespace plimsoll::exporter {

// The longest is "-2.2250738585072014e-308".
inline constexpr size_t kNumberRoom = 32;

// Integers have all their digits; infinities and not-a-number are +Inf, -Inf, NaN. `at` has kNumberRoom bytes;
// returns the end.
char* put_number(char* at, Value value);

}  // namespace plimsoll::exporter
