// SPDX-License-Identifier: Apache-2.0
// runtime/spec/json.h: typed members, the place of a problem, and documents made to do harm.
#include "runtime/spec/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::spec::json {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string parse_problem(std::string_view text) {
  const auto value = parse(text);
  return value ? "" : value.error().message();
}

// The problem after `read(Object&)` of `text`.
template <typename Read>
std::string problem(std::string_view text, Read read) {
  auto value = parse(text);
  if (!value) return value.error().message();
  Problem found;
  Object object(*value, found);
  read(object);
  return found.text;
}

template <typename T>
std::string problem_of_member(std::string_view value, T& target) {
  return problem("{\"a\": " + std::string(value) + "}", [&](Object& object) { object.get("a", target); });
}

TEST(SpecJson, MembersAreTakenByType) {
  bool flag = false;
  int64_t number = 0;
  uint16_t small = 0;
  std::string text;
  std::vector<std::string> texts;
  std::vector<uint32_t> ids;
  std::map<std::string, std::string> map;
  std::optional<int> there, absent;
  EXPECT_EQ(problem(R"({"flag": true, "number": -7, "small": 65535, "text": "x\u0041", "texts": ["a", ""],
                        "ids": [0, 4294967295], "map": {"k": "v"}, "there": 0})",
                    [&](Object& object) {
                      object.get("flag", flag);
                      object.get("number", number);
                      object.get("small", small);
                      object.get("text", text);
                      object.get("texts", texts);
                      object.get("ids", ids);
                      object.get("map", map);
                      object.get("there", there);
                      object.get("absent", absent);
                    }),
            "");
  EXPECT_TRUE(flag);
  EXPECT_EQ(number, -7);
  EXPECT_EQ(small, 65535);
  EXPECT_EQ(text, "xA");
  EXPECT_THAT(texts, ElementsAre("a", ""));
  EXPECT_THAT(ids, ElementsAre(0u, 4294967295u));
  EXPECT_THAT(map, ElementsAre(Pair("k", "v")));
  EXPECT_EQ(there, 0);
  EXPECT_EQ(absent, std::nullopt);
}

TEST(SpecJson, NullIsAbsent) {
  std::vector<std::string> texts = {"kept"};
  std::optional<uint64_t> number;
  bool called = false;
  EXPECT_EQ(problem(R"({"texts": null, "number": null, "object": null, "list": null})",
                    [&](Object& object) {
                      object.get("texts", texts);
                      object.get("number", number);
                      object.object("object", [&](Object&) { called = true; });
                      object.each("list", [&](Object&) { called = true; });
                    }),
            "");
  EXPECT_THAT(texts, ElementsAre("kept"));
  EXPECT_FALSE(number || called);
  EXPECT_EQ(problem(R"({"a": null})", [](Object& object) { object.need("a", *std::make_unique<bool>()); }),
            "a: missing");
}

TEST(SpecJson, NumbersThatAreNotWholeOrDoNotFit) {
  uint64_t wide = 1;
  int64_t with_sign = 1;
  uint16_t small = 1;
  for (const char* value : {"1.0", "1e3", "0.5", "18446744073709551616", "1e300", "1e400", "-9223372036854775809",
                            "\"1\"", "true", "[1]", "{}"})
    EXPECT_EQ(problem_of_member(value, wide), "a: must be a whole number") << value;
  EXPECT_EQ(problem_of_member("18446744073709551615", wide), "");
  EXPECT_EQ(wide, UINT64_MAX);
  EXPECT_THAT(problem_of_member("-1", wide), HasSubstr("from 0 to 18446744073709551615"));
  EXPECT_THAT(problem_of_member("9223372036854775808", with_sign), HasSubstr("to 9223372036854775807"));
  EXPECT_EQ(problem_of_member("-9223372036854775808", with_sign), "");
  EXPECT_EQ(with_sign, INT64_MIN);
  EXPECT_THAT(problem_of_member("65536", small), HasSubstr("from 0 to 65535"));
  EXPECT_EQ(problem_of_member("-0", small), "");
  EXPECT_EQ(small, 0);
}

TEST(SpecJson, WrongTypes) {
  bool flag = false;
  std::string text;
  std::vector<std::string> texts;
  std::vector<uint32_t> ids;
  std::map<std::string, std::string> map;
  EXPECT_EQ(problem_of_member("1", flag), "a: must be true or false");
  EXPECT_EQ(problem_of_member("1", text), "a: must be a text");
  EXPECT_EQ(problem_of_member("\"x\"", texts), "a: must be a list of texts");
  EXPECT_EQ(problem_of_member("[\"x\", 1]", texts), "a: must be a list of texts");
  EXPECT_EQ(problem_of_member("[1, -1]", ids), "a: must be a whole number from 0 to 4294967295");
  EXPECT_EQ(problem_of_member("{\"k\": 1}", map), "a: must be an object of texts");
}

TEST(SpecJson, TheFirstProblemIsKeptWithItsPlace) {
  const auto read = [](Object& object) {
    object.object("outer", [](Object& outer) {
      outer.each("list", [](Object& element) {
        int number = 0;
        element.get("n", number);
      });
      outer.entries("map", [](std::string&, Object& entry) {
        bool flag = false;
        entry.get("flag", flag);
      });
    });
  };
  EXPECT_EQ(problem(R"({"outer": {"list": [{"n": 1}, {"n": "x"}, {"n": "y"}]}})", read),
            "outer.list[1].n: must be a whole number");
  EXPECT_EQ(problem(R"({"outer": {"map": {"eth0": {"flag": 3}}}})", read),
            "outer.map.eth0.flag: must be true or false");
  EXPECT_EQ(problem(R"({"outer": {"list": [{}, 5]}})", read), "outer.list: must be a list of objects");
  EXPECT_EQ(problem(R"({"outer": {"map": {"x": []}}})", read), "outer.map: must be an object of objects");
  EXPECT_EQ(problem(R"({"outer": 5})", read), "outer: must be an object");
}

TEST(SpecJson, AWordMustBeKnown) {
  int value = 0;
  uint32_t bits = 0;
  const auto word = [&](Object& object) { object.get("class", kIoClasses, value); };
  EXPECT_EQ(problem(R"({"class": "IOPRIO_CLASS_BE"})", word), "");
  EXPECT_EQ(value, 2);
  EXPECT_EQ(problem(R"({"class": "best\neffort"})", word),
            "class: 'best?effort' is none of IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE");
  const auto flags = [&](Object& object) { object.get_bits("flags", kMemoryFlags, bits); };
  EXPECT_EQ(problem(R"({"flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]})", flags), "");
  EXPECT_EQ(bits, 0xc000u);
  EXPECT_THAT(problem(R"({"flags": ["MPOL_F_STATIC_NODES", ""]})", flags), HasSubstr("'' is none of"));
}

TEST(SpecJson, TextsAreTakenApart) {
  std::string text;
  const auto read = [&](Object& object) { object.get("a", text); };
  EXPECT_EQ(problem(R"({"a": "\"\\\/\b\f\n\r\t \u20aC\ud83d\uDE00\u007f"})", read), "");
  EXPECT_EQ(text, "\"\\/\b\f\n\r\t \xe2\x82\xac\xf0\x9f\x98\x80\x7f");
  EXPECT_EQ(problem("\xef\xbb\xbf{\"a\": \"\xc3\xa9 and more than fits into the text itself\"}", read), "");
  EXPECT_EQ(text, "\xc3\xa9 and more than fits into the text itself");
  for (const char* value : {R"("\x")",
                            R"("\u12g4")",
                            R"("\u123")",
                            R"("\ud800\u0041")",
                            R"("\ude00")",
                            "\"\t\"",
                            "\"\xc0\x80\"",
                            "\"\xed\xa0\x80\"",
                            "\"\xf4\x90\x80\x80\"",
                            "\"\xe2\x82\"",
                            "\"",
                            "\"\\",
                            "-",
                            "+1",
                            ".5",
                            "1.",
                            "1e",
                            "1e+",
                            "00",
                            "-01",
                            "0x1",
                            "tru",
                            "[1,]",
                            "[1 2]"})
    EXPECT_THAT(problem("{\"a\": " + std::string(value) + "}", read), HasSubstr("not JSON: ")) << value;
}

TEST(SpecJson, WhereATextStopsBeingJsonIsTold) {
  EXPECT_EQ(parse_problem("{\"a\": 1,\n \"b\" 2}"), "not JSON: line 2: ':' expected before '2}'");
  EXPECT_EQ(parse_problem("{\"a\": [1"), "not JSON: line 1: ']' expected, not the end");
  EXPECT_EQ(parse_problem("{} x"), "not JSON: line 1: nothing more expected before 'x'");
}

TEST(SpecJson, WhatIsNoDocument) {
  for (const char* text :
       {"", " ", "{", "{]", "nul", "{\"a\": 1,}", "{\"a\" 1}", "{} {}", "// no\n{}", "{\"a\": 01}", "{\"a\": \"\x01\"}",
        "{\"a\": \"\xff\"}", "{\"a\": \"\\ud800\"}", "{'a': 1}", "{\"a\": NaN}"})
    EXPECT_THAT(parse_problem(text), HasSubstr("not JSON: ")) << text;
  for (const char* text : {"[]", "null", "1", "\"x\"", "true"})
    EXPECT_EQ(parse_problem(text), "must be a JSON object") << text;
  EXPECT_EQ(parse_problem("{}"), "");
}

TEST(SpecJson, MessagesAreShortAndPrintable) {
  const std::string message = parse_problem("{\"a\": \"" + std::string(100'000, 'x'));
  EXPECT_LT(message.size(), 300u);
  const std::string name = "\\u001b[31m" + std::string(5000, 'y');
  bool flag = false;
  const std::string place = problem("{\"m\": {\"" + name + "\": {\"f\": 1}}}", [&](Object& object) {
    object.entries("m", [&](std::string&, Object& entry) { entry.get("f", flag); });
  });
  EXPECT_LT(place.size(), 300u);
  EXPECT_THAT(place, HasSubstr("m.?[31myyy"));
}

TEST(SpecJson, AMemberThatIsThereTwiceIsRefused) {
  EXPECT_EQ(parse_problem(R"({"a": {"b": 1, "c": 2, "b": 3}})"), "a: has a member twice");
  EXPECT_EQ(parse_problem(R"({"a": [{}, {"b": 1, "\u0062": 3}]})"), "a[1]: has a member twice");
  std::string many = "{";
  for (int at = 0; at < 50; ++at) many += "\"m" + std::to_string(at) + "\": 0, ";
  EXPECT_EQ(parse_problem(many + "\"last\": 0}"), "");
  EXPECT_EQ(parse_problem(many + "\"m7\": 0}"), "has a member twice");
}

TEST(SpecJson, ANulWouldCutAPath) {
  EXPECT_EQ(parse_problem(R"({"mounts": [{"source": "/a\u0000b"}]})"), "mounts[0].source: a text with a NUL in it");
  EXPECT_THAT(parse_problem(R"({"mounts": {"a\u0000b": 1}})"), HasSubstr("a member whose name has a NUL in it"));
}

TEST(SpecJson, DepthIsBounded) {
  const auto nested = [](size_t depth, std::string_view open) {
    std::string text = "{\"a\": ";
    for (size_t at = 0; at < depth; ++at) text += open;
    return text;
  };
  EXPECT_THAT(parse_problem(nested(100'000, "[")), HasSubstr("nested more than 64"));
  EXPECT_THAT(parse_problem(nested(100'000, "{\"a\": ")), HasSubstr("nested more than 64"));
  const std::string most = nested(kDeepest - 1, "[") + std::string(kDeepest - 1, ']') + "}";
  EXPECT_EQ(parse_problem(most), "");
}

TEST(SpecJson, TheNumberOfValuesIsBounded) {
  std::string text = "{\"a\": [0";
  for (size_t at = 0; at < kMostValues; ++at) text += ",0";
  EXPECT_EQ(parse_problem(text + "]}"), "more than 200000 values");
  std::string members = "{\"a\": {\"x\": 0";
  for (size_t at = 0; at < kMostValues - 100; ++at) members += ",\"" + std::to_string(at) + "\":0";
  EXPECT_EQ(parse_problem(members + "}}"), "") << "and looking for a member twice stays quick";
}

}  // namespace
}  // namespace plimsoll::spec::json
