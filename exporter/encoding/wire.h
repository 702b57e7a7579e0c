// SPDX-License-Identifier: Apache-2.0
// The wire format of protocol buffers, as far as an encoder needs it.
// https://protobuf.dev/programming-guides/encoding/
//
//   0a 03 61 62 63   field 1, length-delimited, 3 bytes: "abc"
//   18 05            field 3, varint: 5
//   09 ........      field 1, eight bytes, little-endian
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace plimsoll::exporter::wire {

static_assert(std::endian::native == std::endian::little, "put_double writes the machine's own order");

inline constexpr uint8_t kVarint = 0, kEightBytes = 1, kBytes = 2;
// Of a field below 16.
constexpr char tag(int field, uint8_t type) { return static_cast<char>(field << 3 | type); }

constexpr size_t kLongestVarint = 10;
constexpr size_t varint_size(uint64_t number) { return (static_cast<size_t>(std::bit_width(number | 1)) + 6) / 7; }

inline char* put_varint(char* at, uint64_t number) {
  for (; number >= 0x80; number >>= 7) *at++ = static_cast<char>(number | 0x80);
  *at++ = static_cast<char>(number);
  return at;
}

inline constexpr size_t kDoubleField = 9;  // bytes of a field below 16 with a double
inline char* put_double(char* at, int field, double number) {
  *at++ = tag(field, kEightBytes);
  std::memcpy(at, &number, sizeof number);
  return at + sizeof number;
}

// Bytes of a field below 16 with `length` bytes in it.
constexpr size_t bytes_field(size_t length) { return 1 + varint_size(length) + length; }

inline void append_varint(std::string& out, uint64_t number) {
  char digits[kLongestVarint];
  out.append(digits, static_cast<size_t>(put_varint(digits, number) - digits));
}

inline void append_number(std::string& out, int field, uint64_t number) {
  out += tag(field, kVarint);
  append_varint(out, number);
}

inline void append_double(std::string& out, int field, double number) {
  char bytes[kDoubleField];
  put_double(bytes, field, number);
  out.append(bytes, sizeof bytes);
}

inline void append_bytes(std::string& out, int field, std::string_view bytes) {
  out += tag(field, kBytes);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace plimsoll::exporter::wire
