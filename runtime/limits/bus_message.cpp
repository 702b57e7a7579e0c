// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/bus_message.h"

#include <cstring>

namespace plimsoll::limits {
namespace {

constexpr size_t kMaxPrintable = 300;

// Numbers of the header's fields.
enum Field : uint8_t {
  kPath = 1,
  kInterface = 2,
  kMember = 3,
  kErrorName = 4,
  kReplySerial = 5,
  kDestination = 6,
  kSender = 7,
  kSignature = 8,
};

constexpr size_t padded(size_t size, size_t alignment) { return (size + alignment - 1) / alignment * alignment; }

template <typename Number>
Number in_other_order(Number value) {
  Number turned = 0;
  for (size_t i = 0; i < sizeof value; ++i)
    turned = static_cast<Number>(turned | static_cast<Number>(value >> 8 * i & 0xff) << 8 * (sizeof value - 1 - i));
  return turned;
}

void append_field(BusWriter& writer, Field field, char type, std::string_view value) {
  if (value.empty()) return;
  writer.align(8);
  writer.byte(field);
  writer.signature({&type, 1});
  type == 'g' ? writer.signature(value) : writer.text(value);
}

std::string_view* text_field(BusMessage& message, uint8_t field) {
  switch (field) {
    case kPath:
      return &message.path;
    case kInterface:
      return &message.interface;
    case kMember:
      return &message.member;
    case kErrorName:
      return &message.error_name;
    case kSender:
      return &message.sender;
    default:
      return nullptr;
  }
}

// One header field; those that nobody asks for are passed over. False: it is none.
bool read_field(BusReader& reader, BusMessage& message) {
  reader.align(8);
  const uint8_t field = reader.byte();
  const std::string_view type = reader.signature();
  if (!reader.ok() || field == 0 || type.size() != 1) return false;
  if (std::string_view* text = text_field(message, field)) {
    if (type[0] != (field == kPath ? 'o' : 's')) return false;
    *text = reader.text();
  } else if (field == kReplySerial) {
    if (type[0] != 'u') return false;
    message.reply_serial = reader.u32();
  } else if (field == kSignature) {
    if (type[0] != 'g') return false;
    message.signature = reader.signature();
  } else {
    reader.skip(type[0]);
  }
  return reader.ok();
}

// Whether the fields are there that the type needs.
bool is_complete(const BusMessage& message) {
  switch (message.type) {
    case BusType::kCall:
      return !message.path.empty() && !message.member.empty();
    case BusType::kReturn:
      return message.reply_serial != 0;
    case BusType::kError:
      return message.reply_serial != 0 && !message.error_name.empty();
    case BusType::kSignal:
      return !message.path.empty() && !message.interface.empty() && !message.member.empty();
    case BusType::kOther:
      return true;
  }
  return false;
}

}  // namespace

void BusWriter::align(size_t alignment) { out_.resize(start_ + padded(out_.size() - start_, alignment), '\0'); }

template <typename Number>
void BusWriter::number(Number value) {
  align(sizeof value);
  out_.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template void BusWriter::number(uint16_t);
template void BusWriter::number(uint32_t);
template void BusWriter::number(uint64_t);

void BusWriter::text(std::string_view value) {
  u32(static_cast<uint32_t>(value.size()));
  out_ += value;
  out_ += '\0';
}

void BusWriter::signature(std::string_view value) {
  byte(static_cast<uint8_t>(value.size()));
  out_ += value;
  out_ += '\0';
}

BusWriter::Array BusWriter::open_array(size_t alignment) {
  u32(0);
  const size_t length_at = out_.size() - sizeof(uint32_t);
  align(alignment);
  return {length_at, out_.size()};
}

void BusWriter::close_array(Array array) {
  const auto length = static_cast<uint32_t>(out_.size() - array.start);
  std::memcpy(out_.data() + array.length_at, &length, sizeof length);
}

std::string_view BusReader::take(size_t size) {
  if (!ok_ || size > bytes_.size() - at_) {
    ok_ = false;
    return {};
  }
  at_ += size;
  return bytes_.substr(at_ - size, size);
}

void BusReader::align(size_t alignment) {
  const std::string_view padding = take(padded(at_, alignment) - at_);
  if (padding.find_first_not_of('\0') != std::string_view::npos) ok_ = false;
}

uint8_t BusReader::byte() {
  const std::string_view one = take(1);
  return one.empty() ? 0 : static_cast<uint8_t>(one[0]);
}

template <typename Number>
Number BusReader::number() {
  align(sizeof(Number));
  const std::string_view bytes = take(sizeof(Number));
  if (!ok_) return 0;
  Number value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return foreign_ ? in_other_order(value) : value;
}
template uint16_t BusReader::number();
template uint32_t BusReader::number();
template uint64_t BusReader::number();

std::string_view BusReader::ended_by_nul(size_t size) {
  const std::string_view text = take(size);
  const std::string_view end = take(1);
  if (ok_ && (end[0] != '\0' || text.find('\0') != std::string_view::npos)) ok_ = false;
  return ok_ ? text : std::string_view();
}

std::string_view BusReader::text() {
  const uint32_t size = u32();
  return ended_by_nul(size);
}

std::string_view BusReader::signature() {
  const uint8_t size = byte();
  return ended_by_nul(size);
}

void BusReader::skip(char type) {
  switch (type) {
    case 'y':
      byte();
      return;
    case 'n':
    case 'q':
      u16();
      return;
    case 'b':
    case 'i':
    case 'u':
    case 'h':
      u32();
      return;
    case 'x':
    case 't':
    case 'd':
      u64();
      return;
    case 's':
    case 'o':
      text();
      return;
    case 'g':
      signature();
      return;
    default:
      ok_ = false;
  }
}

void append_call(std::string& out, const BusCall& call, uint32_t serial) {
  BusWriter writer(out);
  writer.byte('l');
  writer.byte(static_cast<uint8_t>(BusType::kCall));
  writer.byte(0);  // flags: an answer is wanted, and a service may be started for it
  writer.byte(1);
  writer.u32(static_cast<uint32_t>(call.body.size()));
  writer.u32(serial);
  const BusWriter::Array fields = writer.open_array(8);
  append_field(writer, kPath, 'o', call.path);
  append_field(writer, kInterface, 's', call.interface);
  append_field(writer, kMember, 's', call.member);
  append_field(writer, kDestination, 's', call.destination);
  append_field(writer, kSignature, 'g', call.signature);
  writer.close_array(fields);
  writer.align(8);
  out += call.body;
}

Result<size_t> bus_message_size(std::string_view header) {
  if (header.size() < kBusHeaderSize) return fail("D-Bus message: cut off in its header");
  if (header[0] != 'l' && header[0] != 'B') return fail("D-Bus message: byte order is neither l nor B");
  if (header[3] != 1) return fail("D-Bus message: protocol version is not 1");
  BusReader reader(header.substr(4), header[0] == 'B');
  const size_t body = reader.u32();
  if (reader.u32() == 0) return fail("D-Bus message: serial number 0");
  const size_t fields = reader.u32();
  if (fields > kMaxBusFields) return fail("D-Bus message: header is larger than 64 MiB");
  const size_t size = padded(kBusHeaderSize + fields, 8) + body;
  if (size > kMaxBusMessage) return fail("D-Bus message: larger than 128 MiB");
  return size;
}

Result<BusMessage> parse_bus_message(std::string_view bytes) {
  const auto size = bus_message_size(bytes);
  if (!size) return unexpected(size.error());
  if (*size != bytes.size()) return fail("D-Bus message: not as long as it says");
  BusMessage message;
  message.foreign_order = bytes[0] == 'B';
  BusReader lengths(bytes.substr(4), message.foreign_order);
  const size_t body = lengths.u32();
  message.serial = lengths.u32();
  const size_t fields_end = kBusHeaderSize + lengths.u32();
  const auto type = static_cast<uint8_t>(bytes[1]);
  if (type == 0) return fail("D-Bus message: type 0");
  if (type < static_cast<uint8_t>(BusType::kOther)) message.type = static_cast<BusType>(type);
  // From the message's start, for the alignment.
  BusReader fields(bytes.substr(0, fields_end), message.foreign_order);
  for (size_t i = 0; i < kBusHeaderSize; ++i) fields.byte();
  while (!fields.at_end())
    if (!read_field(fields, message)) return fail("D-Bus message: malformed header field");
  if (!is_complete(message)) return fail("D-Bus message: a header field is missing");
  message.body = bytes.substr(bytes.size() - body);
  return message;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxPrintable));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  if (text.size() > kMaxPrintable) out += "...";
  return out;
}

}  // namespace plimsoll::limits
