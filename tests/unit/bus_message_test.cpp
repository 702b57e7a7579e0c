// SPDX-License-Identifier: Apache-2.0
// Messages of D-Bus as bytes: against bytes written by hand from the specification, and hostile ones.
#include "runtime/limits/bus_message.h"

#include <gmock/gmock.h>

#include <string>

namespace plimsoll::limits {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

// A call of Hello, by the specification's "Message protocol".
const std::string kHello =
    "l\1\0\1"s                                         // little-endian, call, no flags, version 1
    "\0\0\0\0\1\0\0\0\x6d\0\0\0"s                      // no body, serial 1, 109 bytes of fields
    "\1\1o\0\x15\0\0\0/org/freedesktop/DBus\0\0\0"s    // path, padded to 8
    "\2\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"s   // interface
    "\3\1s\0\5\0\0\0Hello\0\0\0"s                      // member
    "\6\1s\0\x14\0\0\0org.freedesktop.DBus\0\0\0\0"s;  // destination; 3 of the padding end the header

// A signal "uoss" in the other byte order.
const std::string kBigEndianSignal =
    "B\4\1\1\0\0\0\x1d\0\0\0\7\0\0\0\x3a"s
    "\1\1o\0\0\0\0\4/a/b\0\0\0\0"s
    "\2\1s\0\0\0\0\3i.f\0\0\0\0\0"s
    "\3\1s\0\0\0\0\1M\0\0\0\0\0\0\0"s
    "\x08\1g\0\4uoss\0\0\0\0\0\0\0"s
    "\0\0\0\x2a\0\0\0\2/j\0\0\0\0\0\1u\0\0\0\0\0\0\4done\0"s;

std::string call(const BusCall& call, uint32_t serial = 1) {
  std::string out;
  append_call(out, call, serial);
  return out;
}

std::string refusal(const std::string& bytes) {
  const auto message = parse_bus_message(bytes);
  return message ? "" : message.error().message();
}

TEST(BusWriter, ACallIsTheSpecificationsBytes) {
  EXPECT_EQ(call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}, {}}), kHello);
}

TEST(BusWriter, ASecondMessageIsAlignedForItself) {
  std::string out = "odd";
  append_call(out, {"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}, {}}, 1);
  EXPECT_EQ(out, "odd" + kHello);
}

// "Marshaling containers": the padding before the first element is not counted.
TEST(BusWriter, AnArrayOfOneLargeNumber) {
  std::string out;
  BusWriter writer(out);
  const auto array = writer.open_array(8);
  writer.u64(5);
  writer.close_array(array);
  EXPECT_EQ(out, "\x08\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0"s);
}

// "Marshaling basic types": 'foo', '+' and 'bar' in a row.
TEST(BusWriter, Strings) {
  std::string out;
  BusWriter writer(out);
  writer.text("foo");
  writer.text("+");
  writer.text("bar");
  EXPECT_EQ(out, "\3\0\0\0foo\0\1\0\0\0+\0\0\0\3\0\0\0bar\0"s);
}

TEST(BusWriter, AVariantStandsWhereItsValueDoes) {
  std::string out;
  BusWriter writer(out);
  writer.byte(7);
  writer.signature("t");
  writer.u64(1);
  EXPECT_EQ(out, "\7\1t\0\0\0\0\0\1\0\0\0\0\0\0\0"s);
}

TEST(BusReader, ReadsWhatWasWritten) {
  std::string out;
  BusWriter writer(out);
  writer.byte(9);
  writer.u16(0x1234);
  writer.boolean(true);
  writer.u64(UINT64_MAX - 1);
  writer.signature("a(sv)");
  writer.text("text");
  BusReader reader(out);
  EXPECT_EQ(reader.byte(), 9);
  EXPECT_EQ(reader.u16(), 0x1234);
  EXPECT_EQ(reader.u32(), 1u);
  EXPECT_EQ(reader.u64(), UINT64_MAX - 1);
  EXPECT_EQ(reader.signature(), "a(sv)");
  EXPECT_EQ(reader.text(), "text");
  EXPECT_TRUE(reader.ok() && reader.at_end());
  EXPECT_EQ(reader.byte(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(BusReader, AfterAFailureNothingIsRead) {
  const std::string bytes = "\xff\xff\xff\xff text and more"s;
  BusReader reader(bytes);
  EXPECT_EQ(reader.text(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_EQ(reader.text(), "");
}

TEST(BusReader, TextIsEndedByItsOnlyNul) {
  for (const std::string& bytes : {"\2\0\0\0abc"s, "\3\0\0\0a\0c\0"s, "\3\0\0\0abc"s}) {
    BusReader reader(bytes);
    EXPECT_EQ(reader.text(), "");
    EXPECT_FALSE(reader.ok());
  }
}

TEST(BusReader, PaddingIsZero) {
  const std::string bytes = "\1\0\0\1\2\0\0\0"s;
  BusReader reader(bytes);
  reader.byte();
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(BusReader, SkipsBasicTypesOnly) {
  const std::string bytes = "\1\0\0\0\2\0\0\0\3\0\0\0\0\0\0\0\4"s;
  BusReader reader(bytes);
  reader.skip('y');
  reader.skip('u');
  reader.skip('t');
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.position(), 16u);
  reader.skip('a');
  EXPECT_FALSE(reader.ok());
}

TEST(BusMessage, IsReadInItsOwnOrder) {
  const auto message = parse_bus_message(kHello);
  ASSERT_TRUE(message) << message.error().message();
  EXPECT_EQ(message->type, BusType::kCall);
  EXPECT_EQ(message->serial, 1u);
  EXPECT_EQ(message->path, "/org/freedesktop/DBus");
  EXPECT_EQ(message->interface, "org.freedesktop.DBus");
  EXPECT_EQ(message->member, "Hello");
  EXPECT_EQ(message->body, "");
}

TEST(BusMessage, IsReadInTheOtherOrder) {
  EXPECT_EQ(*bus_message_size(kBigEndianSignal), kBigEndianSignal.size());
  const auto message = parse_bus_message(kBigEndianSignal);
  ASSERT_TRUE(message) << message.error().message();
  EXPECT_EQ(message->type, BusType::kSignal);
  EXPECT_EQ(message->serial, 7u);
  EXPECT_EQ(message->member, "M");
  EXPECT_EQ(message->signature, "uoss");
  BusReader reader = message->reader();
  EXPECT_EQ(reader.u32(), 42u);
  EXPECT_EQ(reader.text(), "/j");
  EXPECT_EQ(reader.text(), "u");
  EXPECT_EQ(reader.text(), "done");
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST(BusMessage, EveryCutIsRefused) {
  for (const std::string& whole : {kHello, kBigEndianSignal}) {
    for (size_t size = 0; size < whole.size(); ++size) EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
    EXPECT_NE(refusal(whole + '\0'), "");
  }
}

TEST(BusMessage, HostileHeadersAreNamed) {
  const auto with = [](size_t at, const std::string& bytes) {
    std::string message = kHello;
    return message.replace(at, bytes.size(), bytes);
  };
  EXPECT_THAT(refusal(with(0, "x")), HasSubstr("byte order"));
  EXPECT_THAT(refusal(with(1, "\0"s)), HasSubstr("type 0"));
  EXPECT_THAT(refusal(with(3, "\2")), HasSubstr("version"));
  EXPECT_THAT(refusal(with(4, "\xff\xff\xff\xff")), HasSubstr("128 MiB"));
  EXPECT_THAT(refusal(with(4, "\1")), HasSubstr("not as long"));
  EXPECT_THAT(refusal(with(8, "\0"s)), HasSubstr("serial"));
  EXPECT_THAT(refusal(with(12, "\xff\xff\xff\xff")), HasSubstr("64 MiB"));
  EXPECT_THAT(refusal(with(12, "\x68")), HasSubstr("not as long"));
  EXPECT_THAT(refusal(with(16, "\0"s)), HasSubstr("field"));               // field 0
  EXPECT_THAT(refusal(with(18, "s")), HasSubstr("field"));                 // a path that is a string
  EXPECT_THAT(refusal(with(17, "\2")), HasSubstr("field"));                // two types in a variant
  EXPECT_THAT(refusal(with(20, "\xf0\xff\xff\xff")), HasSubstr("field"));  // a text of 4 GiB
  EXPECT_THAT(refusal(with(20, "\x60")), HasSubstr("field"));              // one that reaches into the next field
  EXPECT_THAT(refusal(with(1, "\2")), HasSubstr("missing"));               // an answer to nothing
  EXPECT_THAT(refusal(with(1, "\3")), HasSubstr("missing"));
}

TEST(BusMessage, UnknownTypesAndFieldsArePassedOver) {
  std::string message = kHello;
  message[1] = 9;
  EXPECT_EQ(parse_bus_message(message)->type, BusType::kOther);
  const size_t destination = message.find("\6\1s");
  message[destination] = 77;
  EXPECT_TRUE(parse_bus_message(message));
  message[destination + 2] = 'v';
  EXPECT_THAT(refusal(message), HasSubstr("field"));
}

TEST(BusMessage, TextsOfAPeerAreMadePrintable) {
  EXPECT_EQ(printable("a\nb\x1b[1m\xff"), "a?b?[1m?");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 303u);
}

}  // namespace
}  // namespace plimsoll::limits
