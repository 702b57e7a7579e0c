// SPDX-License-Identifier: Apache-2.0
// Messages of D-Bus as bytes: as much of them as a client of systemd writes and reads.
//
//   header   order 'l' or 'B', type, flags, version 1, body length, serial, array of (field, variant)
//   padding to 8, then the body
//
// Every value stands at a multiple of its size, counted from the message's start; strings are a length, bytes and a
// NUL. Ours are little-endian, either order is read. What is read came from somebody else: each length is held
// against what is there, and a view never leaves the message.
// https://dbus.freedesktop.org/doc/dbus-specification.html, "Type system", "Message protocol"
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::limits {

static_assert(std::endian::native == std::endian::little, "messages are written in the machine's own order");

inline constexpr size_t kBusHeaderSize = 16;               // up to the header fields' length, and with it
inline constexpr size_t kMaxBusMessage = size_t{1} << 27;  // the specification's bound
inline constexpr size_t kMaxBusFields = size_t{1} << 26;

// Appends values to a buffer; positions count from where the buffer ended when the writer was made.
class BusWriter {
 public:
  explicit BusWriter(std::string& out) : out_(out), start_(out.size()) {}

  void align(size_t alignment);
  void byte(uint8_t value) { out_ += static_cast<char>(value); }
  void boolean(bool value) { u32(value ? 1 : 0); }
  void u16(uint16_t value) { number(value); }
  void u32(uint32_t value) { number(value); }
  void u64(uint64_t value) { number(value); }
  void text(std::string_view value);       // s, o; without a NUL inside
  void signature(std::string_view value);  // g; what a variant begins with

  struct Array {
    size_t length_at, start;
  };
  // The length counts from the first element, not from the padding before it.
  Array open_array(size_t alignment);
  void close_array(Array array);

 private:
  template <typename Number>
  void number(Number value);

  std::string& out_;
  size_t start_;
};

// Takes values off a view. Once something does not fit, ok() is false and all else is zero or empty.
class BusReader {
 public:
  explicit BusReader(std::string_view bytes, bool foreign_order = false) : bytes_(bytes), foreign_(foreign_order) {}

  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }
  size_t position() const { return at_; }
  void align(size_t alignment);  // what is skipped must be zero
  uint8_t byte();
  uint16_t u16() { return number<uint16_t>(); }
  uint32_t u32() { return number<uint32_t>(); }
  uint64_t u64() { return number<uint64_t>(); }
  std::string_view text();
  std::string_view signature();
  void skip(char type);  // a value of a basic type

 private:
  template <typename Number>
  Number number();
  std::string_view take(size_t size);
  std::string_view ended_by_nul(size_t size);

  std::string_view bytes_;
  size_t at_ = 0;
  bool foreign_;
  bool ok_ = true;
};

enum class BusType : uint8_t { kCall = 1, kReturn = 2, kError = 3, kSignal = 4, kOther = 5 };

// A message that was read; the views lie inside its bytes.
struct BusMessage {
  BusType type = BusType::kOther;
  uint32_t serial = 0;
  uint32_t reply_serial = 0;  // 0: none
  std::string_view path, interface, member, error_name, sender, signature;
  std::string_view body;
  bool foreign_order = false;

  BusReader reader() const { return BusReader(body, foreign_order); }
};

// A method call to be written; `body` is what `signature` says.
struct BusCall {
  std::string_view destination, path, interface, member, signature, body;
};

void append_call(std::string& out, const BusCall& call, uint32_t serial);

// Size of the message that starts with these kBusHeaderSize bytes. An error: this is no message, nor can be told
// where the next one starts.
Result<size_t> bus_message_size(std::string_view header);
// `bytes`: as many as bus_message_size() said.
Result<BusMessage> parse_bus_message(std::string_view bytes);

// Text of a peer for our own messages: bounded, on one line, printable.
std::string printable(std::string_view text);

}  // namespace plimsoll::limits
