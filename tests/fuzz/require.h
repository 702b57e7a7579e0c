// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share: the input as text, and a check that stops the fuzzer with its input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace plimsoll::fuzz {

inline std::string_view as_text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A promise of the code under test; libFuzzer keeps the input that breaks it.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace plimsoll::fuzz
