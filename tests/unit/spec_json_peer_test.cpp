// SPDX-License-Identifier: Apache-2.0
// runtime/spec/json.h beside nlohmann-json: what both take is the same, and what only ours refuses has one of its reasons.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "runtime/spec/json.h"

namespace plimsoll::spec::json {
namespace {

using Peer = nlohmann::ordered_json;

bool same(const Value& value, const Peer& peer);

bool same_items(const Value& value, const Peer& peer) {
  if (value.items.size() != peer.size()) return false;
  size_t at = 0;
  for (auto item = peer.begin(); item != peer.end(); ++item, ++at) {
    if (value.kind == Kind::kObject && value.items[at].name != item.key()) return false;
    if (!same(value.items[at], *item)) return false;
  }
  return true;
}

bool same(const Value& value, const Peer& peer) {
  switch (value.kind) {
    case Kind::kNull:
      return peer.is_null();
    case Kind::kBool:
      return peer.is_boolean() && peer.get<bool>() == (value.number == 1);
    case Kind::kUnsigned:
      return peer.is_number_unsigned() && peer.get<uint64_t>() == value.number;
    case Kind::kNegative:
      return peer.is_number_integer() && peer.get<int64_t>() == static_cast<int64_t>(value.number);
    case Kind::kOther:
      return peer.is_number_float();
    case Kind::kString:
      return peer.is_string() && peer.get_ref<const std::string&>() == value.text;
    case Kind::kArray:
      return peer.is_array() && same_items(value, peer);
    case Kind::kObject:
      return peer.is_object() && same_items(value, peer);
  }
  return false;
}

// Beyond RFC 8259: docs of parse() in json.h. nlohmann also refuses a number beyond a double's range, which is never used.
bool is_own_reason(const std::string& message) {
  for (const char* reason : {"has a member twice", "NUL in it", "values deep", "must be a JSON object", "more than 200000"})
    if (message.find(reason) != message.npos) return true;
  return false;
}

void expect_agreement(const std::string& text) {
  const auto ours = parse(text);
  const Peer peer = Peer::parse(text, nullptr, false);
  if (ours && peer.is_discarded()) {
    bool out_of_range = false;
    try {
      const Peer refused = Peer::parse(text);
      ADD_FAILURE() << refused << " the second time: " << text;
    } catch (const Peer::out_of_range&) {
      out_of_range = true;
    } catch (const Peer::exception&) {
    }
    EXPECT_TRUE(out_of_range) << "only ours takes: " << text;
  } else if (ours) {
    EXPECT_TRUE(same(*ours, peer)) << text;
  } else if (!peer.is_discarded()) {
    EXPECT_TRUE(is_own_reason(ours.error().message())) << ours.error().message() << ": " << text;
  }
}

TEST(SpecJsonPeer, NumbersAndTexts) {
  for (const char* value :
       {"0", "-0", "-1", "01", "-", "+1", "1.", ".5", "1.5", "1e3", "1E+3", "1e", "1e-", "-9223372036854775808",
        "-9223372036854775809", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e999", "NaN",
        R"("\u0041")", R"("\u00e9")", R"("\u20AC")", R"("\ud83d\ude00")", R"("\uD83D")", R"("\uDE00\uD83D")", R"("\ud83dx")",
        R"("\ud83d\n")", R"("\u00")", R"("\x41")", R"("\b\f\n\r\t\/\\\"")", "\"\xC3\xA9\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"", "\"\n\"", "\"a", "tru", "true", "nulll", "[1,]", "[,1]", "{}", R"({"a":1,})",
        R"({"a" 1})", R"({1:2})", "[1 2]", "[]]"}) {
    const std::string wrapped = std::string("{\"a\": ") + value + "}";
    SCOPED_TRACE(wrapped);
    expect_agreement(wrapped);
    expect_agreement("\xEF\xBB\xBF \t\r\n" + wrapped + " \n");
  }
}

TEST(SpecJsonPeer, EveryPlaneOfUnicode) {
  for (const uint32_t code : {0x1u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFDu, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    char text[64];
    if (code < 0x10000)
      std::snprintf(text, sizeof text, R"({"a": "\u%04x"})", code);
    else
      std::snprintf(text, sizeof text, R"({"a": "\u%04x\u%04x"})", 0xD7C0u + (code >> 10), 0xDC00u + (code & 0x3FF));
    ASSERT_TRUE(parse(text)) << text;
    expect_agreement(text);
  }
}

// Documents of ours with some bytes replaced, taken away, doubled, or words of the grammar put in.
TEST(SpecJsonPeer, DamagedDocuments) {
  const std::vector<std::string> whole = {
      R"({"ociVersion": "1.2.0", "process": {"args": ["sh", "-c", "exit 3"], "cwd": "/", "user": {"uid": 0, "umask": -18}},
          "mounts": [{"destination": "/proc", "type": "proc"}, {}], "n": [1e3, -2.5, 18446744073709551615, null, true]})",
      R"({"a":{"b":{"c":[[],[[]],{"d":"\u20ac\ud83d\ude00\\"}]}},"":"","\n":false})"};
  const std::vector<std::string> words = {"{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "d83d", "null", "-", "0", "1", ".",
                                          "e", "E+", "\xC3\xA9", "\xF0\x9F\x98\x80", "\x80", "\xFF", " ", "\n", "/", "99999999999"};
  std::mt19937 random(20241128);
  const auto below = [&random](size_t end) { return static_cast<size_t>(random() % end); };
  size_t taken = 0;
  for (int round = 0; round < 20'000 && !HasFailure(); ++round) {
    std::string text = whole[below(whole.size())];
    for (size_t change = below(4) + 1; change > 0; --change) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, below(3) + 1);
          break;
        case 2:
          text.insert(at, text.substr(below(text.size()), below(12)));
          break;
        default:
          text.insert(at, words[below(words.size())]);
      }
    }
    taken += parse(text) ? 1 : 0;
    expect_agreement(text);
  }
  EXPECT_GT(taken, 1000u);  // not all damage is fatal
}

}  // namespace
}  // namespace plimsoll::spec::json
