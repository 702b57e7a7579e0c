// SPDX-License-Identifier: Apache-2.0
// The bytes are read back here by a reader as small as the writer; tests/e2e/formats_test.py reads them with Google's.
#include "exporter/encoding/protobuf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/encoding/wire.h"
#include "tests/unit/encoding_page.h"

namespace plimsoll::exporter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

uint64_t take_varint(std::string_view& rest) {
  uint64_t number = 0;
  for (int shift = 0; !rest.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  ADD_FAILURE() << "a number is cut off";
  return 0;
}

std::string_view take_bytes(std::string_view& rest, size_t size) {
  EXPECT_LE(size, rest.size());
  const std::string_view bytes = rest.substr(0, size);
  rest.remove_prefix(bytes.size());
  return bytes;
}

// A message as NUMBER=VALUE words, messages in it in braces. `messages` names the paths of fields that are messages.
std::string shown(std::string_view message, const std::vector<std::string>& messages, const std::string& path = "") {
  std::string out;
  while (!message.empty()) {
    const uint64_t key = take_varint(message);
    const std::string here = path + "/" + std::to_string(key >> 3);
    out += (out.empty() ? "" : " ") + std::to_string(key >> 3) + "=";
    if ((key & 7) == wire::kVarint) {
      out += std::to_string(take_varint(message));
    } else if ((key & 7) == wire::kEightBytes) {
      double number = 0;
      std::memcpy(&number, take_bytes(message, 8).data(), 8);
      out += testing::PrintToString(number);
    } else {
      const std::string_view bytes = take_bytes(message, take_varint(message));
      const bool inner = std::find(messages.begin(), messages.end(), here) != messages.end();
      out += inner ? "{" + shown(bytes, messages, here) + "}" : std::string(bytes);
    }
  }
  return out;
}

// One string for each MetricFamily of the body.
std::vector<std::string> families_in(std::string_view body) {
  const std::vector<std::string> messages = {"/4",     "/4/1",   "/4/2", "/4/3", "/4/3/3", "/4/4",
                                             "/4/4/3", "/4/4/4", "/4/5", "/4/7", "/4/7/3", "/4/7/15"};
  std::vector<std::string> families;
  while (!body.empty()) families.push_back(shown(take_bytes(body, take_varint(body)), messages));
  return families;
}

std::vector<std::string> encoded(MetricWriter& writer) {
  return families_in(encode(Format::kProtobuf, writer.finish()));
}

TEST(Protobuf, AnEmptyPageIsEmpty) {
  MetricWriter writer;
  EXPECT_THAT(encoded(writer), IsEmpty());
}

TEST(Protobuf, EachTypeHasItsNumber) {
  for (const auto& [type, text] :
       std::vector<std::pair<MetricType, const char*>>{{MetricType::kCounter, "1=a 2=Help. 3=0 4={3={1=1.5}}"},
                                                       {MetricType::kGauge, "1=a 2=Help. 3=1 4={2={1=1.5}}"},
                                                       {MetricType::kUntyped, "1=a 2=Help. 3=3 4={5={1=1.5}}"}}) {
    MetricWriter writer;
    writer.family("a", "Help.", type);
    writer.sample(1.5);
    EXPECT_THAT(encoded(writer), ElementsAre(text));
  }
}

TEST(Protobuf, LabelsAreUnescaped) {
  MetricWriter writer;
  writer.family("a", "Help.", MetricType::kGauge);
  writer.sample(writer.labels(LabelSet{{"x", "\"q\" \\ \n,y=\"1\""}, {"empty", ""}}),
                writer.labels(LabelSet{{"cpu", "0"}}), 1);
  EXPECT_THAT(encoded(writer),
              ElementsAre("1=a 2=Help. 3=1 4={1={1=x 2=\"q\" \\ \n,y=\"1\"} 1={1=empty 2=} 1={1=cpu 2=0} 2={1=1}}"));
}

TEST(Protobuf, CountersHaveTheirStart) {
  MetricWriter writer;
  const LabelRef a = writer.labels(LabelSet{{"id", "/a"}}, test::kStarted), b = writer.labels(LabelSet{{"id", "/b"}});
  writer.family("x_seconds_total", "Help.", MetricType::kCounter);
  writer.sample(a, 1);
  writer.sample(b, 2);
  writer.family("g", "Help.", MetricType::kGauge);
  writer.sample(a, 3);
  EXPECT_THAT(
      encoded(writer),
      ElementsAre("1=x_seconds_total 2=Help. 3=0 5=seconds 4={1={1=id 2=/a} 3={1=1 3={1=1700000000 2=250000000}}} "
                  "4={1={1=id 2=/b} 3={1=2}}",
                  "1=g 2=Help. 3=1 4={1={1=id 2=/a} 2={1=3}}"));
}

TEST(Protobuf, PointsArePutTogether) {
  MetricWriter writer;
  test::write_points(writer);
  const auto families = encoded(writer);
  EXPECT_THAT(families,
              ElementsAre("1=wait_seconds 2=Parts of wait_seconds. 3=4 5=seconds "
                          "4={1={1=disk 2=a} 7={1=3 2=4.5 3={1=2 2=1} 3={1=3 2=inf} 15={1=1700000000 2=250000000}}} "
                          "4={1={1=disk 2=b} 7={1=0 2=0 3={1=0 2=1} 3={1=0 2=inf}}}",
                          "1=call_seconds 2=Parts of call_seconds. 3=2 5=seconds 4={1={1=disk 2=a} "
                          "4={1=9 2=7.5 3={1=0.5 2=0.25} 3={1=1 2=nan} 4={1=1700000000 2=250000000}}}",
                          "1=half_seconds_bucket 2=Parts of half_seconds. 3=3 4={1={1=le 2=2.0} 5={1=1}} "
                          "4={1={1=le 2=+Inf} 5={1=1}}",
                          "1=half_seconds_count 2=Parts of half_seconds. 3=3 4={5={1=1}}"));
}

TEST(Protobuf, LengthsOfManyBytesAreRight) {
  MetricWriter writer;
  writer.family("a", std::string(20'000, 'h'), MetricType::kGauge);
  for (int i = 0; i < 300; ++i)
    writer.sample(writer.labels(LabelSet{{"x", std::string(static_cast<size_t>(i), 'v')}}), i);
  const auto families = encoded(writer);
  ASSERT_EQ(families.size(), 1u);
  EXPECT_NE(families[0].find("4={1={1=x 2=" + std::string(299, 'v') + "} 2={1=299}}"), std::string::npos);
}

TEST(Wire, Varints) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16383},
                                uint64_t{16384}, UINT64_MAX >> 1, UINT64_MAX}) {
    std::string bytes;
    wire::append_varint(bytes, number);
    EXPECT_EQ(bytes.size(), wire::varint_size(number)) << number;
    std::string_view rest = bytes;
    EXPECT_EQ(take_varint(rest), number);
  }
}

}  // namespace
}  // namespace plimsoll::exporter
