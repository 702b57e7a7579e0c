// SPDX-License-Identifier: Apache-2.0
// The wire format of protocol buffers, as far as our messages need it: written by hand, since theirs is a
// dozen field kinds and ours is four.
//
//   field = tag, value        tag = varint(number << 3 | kind)
//   kind 0: varint            kind 1: 8 bytes, little endian            kind 2: varint(length), bytes
//
// https://protobuf.dev/programming-guides/encoding/
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace plimsoll::exporter::wire {

enum class Kind : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2 };

inline constexpr size_t kLongestVarint = 10;

constexpr size_t varint_size(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }

constexpr uint64_t tag(uint32_t number, Kind kind) { return number << 3 | static_cast<uint32_t>(kind); }

// How many bytes a field of kind kBytes takes, its tag and length included.
constexpr size_t bytes_size(uint32_t number, size_t length) {
  return varint_size(tag(number, Kind::kBytes)) + varint_size(length) + length;
}

// Writes to `at`, where there must be room, and returns the end of what it wrote.
inline char* put_varint(char* at, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

inline char* put_fixed64(char* at, uint64_t bits) {
  if constexpr (std::endian::native == std::endian::big) bits = __builtin_bswap64(bits);
  std::memcpy(at, &bits, sizeof bits);
  return at + sizeof bits;
}

inline void add_varint(std::string& out, uint64_t value) {
  char bytes[kLongestVarint];
  out.append(bytes, static_cast<size_t>(put_varint(bytes, value) - bytes));
}

inline void add_varint_field(std::string& out, uint32_t number, uint64_t value) {
  add_varint(out, tag(number, Kind::kVarint));
  add_varint(out, value);
}

inline void add_double_field(std::string& out, uint32_t number, double value) {
  char bytes[sizeof value];
  put_fixed64(bytes, std::bit_cast<uint64_t>(value));
  add_varint(out, tag(number, Kind::kFixed64));
  out.append(bytes, sizeof bytes);
}

// Tag and length of a text or a message; `length` bytes are to follow.
inline void add_head(std::string& out, uint32_t number, size_t length) {
  add_varint(out, tag(number, Kind::kBytes));
  add_varint(out, length);
}

inline void add_bytes_field(std::string& out, uint32_t number, std::string_view bytes) {
  add_head(out, number, bytes.size());
  out += bytes;
}

}  // namespace plimsoll::exporter::wire
