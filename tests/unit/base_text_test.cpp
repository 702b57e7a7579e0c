// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

TEST(ParseU64, TakesWholeDecimalNumbers) {
  EXPECT_EQ(parse_u64("0"), 0u);
  EXPECT_EQ(parse_u64("007"), 7u);
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
}

TEST(ParseU64, RefusesEverythingElse) {
  for (const char* text :
       {"", " ", "-1", "+1", "1 ", " 1", "1\n", "0x10", "1.5", "1e3", "max", "18446744073709551616", "nan"})
    EXPECT_EQ(parse_u64(text), std::nullopt) << "'" << text << "'";
}

TEST(ParseI64, TakesAMinusSign) {
  EXPECT_EQ(parse_i64("-1"), -1);
  EXPECT_EQ(parse_i64("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_i64("9223372036854775807"), INT64_MAX);
  for (const char* text : {"", "-", "--1", "+1", "9223372036854775808", "1-"})
    EXPECT_EQ(parse_i64(text), std::nullopt) << text;
}

TEST(ParseDouble, TakesFractionsExponentsAndSpecials) {
  EXPECT_EQ(parse_double("0.25"), 0.25);
  EXPECT_EQ(parse_double("-1e3"), -1000.0);
  EXPECT_EQ(parse_double("inf"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(parse_double("nan").value_or(0)));
  for (const char* text : {"", ".", "1,5", "1.5x", " 1", "1e999"}) EXPECT_EQ(parse_double(text), std::nullopt) << text;
}

TEST(Trim, TakesBlanksOffBothEnds) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n\t "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("x"), "x");
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) parts.emplace_back(take(text, '\n'));
  return parts;
}

TEST(Take, CutsAtTheSeparator) {
  EXPECT_EQ(split("a\nb\n"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split("a\n\nb"), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("no line end"), (std::vector<std::string>{"no line end"}));
  EXPECT_EQ(split("\n"), (std::vector<std::string>{""}));
  EXPECT_TRUE(split("").empty());
}

TEST(TakeField, SkipsBlanksAndTabs) {
  std::string_view rest = "  one\t two";
  EXPECT_EQ(take_field(rest), "one");
  EXPECT_EQ(take_field(rest), "two");
  EXPECT_EQ(take_field(rest), "");
  EXPECT_EQ(take_field(rest), "");
}

TEST(FindU64, ReadsBothFlatForms) {
  EXPECT_EQ(find_u64("MemTotal:       16384 kB\nMemFree:  5 kB\n", "MemFree"), 5u);
  EXPECT_EQ(find_u64("cache 10\nrss 20\n", "rss"), 20u);
  EXPECT_EQ(find_u64("rss 20", "rss"), 20u);
}

TEST(FindU64, DoesNotTakeALongerKey) {
  EXPECT_EQ(find_u64("rss_huge 1\nrss 2\n", "rss"), 2u);
  EXPECT_EQ(find_u64("total_rss 1\n", "rss"), std::nullopt);
  EXPECT_EQ(find_u64("btimes 5\n", "btime"), std::nullopt);
}

TEST(FindU64, IsAbsentForMissingTruncatedAndGarbage) {
  for (const char* text :
       {"", "rss", "rss ", "rss\n", "rss: \n", "rss max\n", "rss -1\n", "rss 99999999999999999999\n", "\n\n\n"})
    EXPECT_EQ(find_u64(text, "rss"), std::nullopt) << "'" << text << "'";
}

TEST(UnescapeOctal, UndoesTheKernelsEscapes) {
  EXPECT_EQ(unescape_octal("a\\040b\\011c\\012d\\134e"), "a b\tc\nd\\e");
  EXPECT_EQ(unescape_octal("plain"), "plain");
  EXPECT_EQ(unescape_octal(""), "");
}

TEST(UnescapeOctal, LeavesOtherBackslashesAlone) {
  for (const char* text : {"\\", "\\0", "\\04", "\\049", "\\x41", "a\\", "\\9999"})
    EXPECT_EQ(unescape_octal(text), text);
}

TEST(ParseSize, TakesDockersUnits) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("123"), 123u);
  EXPECT_EQ(parse_size("123b"), 123u);
  EXPECT_EQ(parse_size("1k"), 1024u);
  EXPECT_EQ(parse_size("64m"), 64u << 20);
  EXPECT_EQ(parse_size("64MB"), 64u << 20);
  EXPECT_EQ(parse_size("64MiB"), 64u << 20);
  EXPECT_EQ(parse_size("1.5G"), uint64_t{1536} << 20);
  EXPECT_EQ(parse_size("2t"), uint64_t{2} << 40);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "m", "-1", "1 m", "1mm", "1ib", "1bb", "1x", "1.2.3m", ".", "1e3", "99999999t", "0x10",
                           "1m ", "nan", "inf"})
    EXPECT_EQ(parse_size(text), std::nullopt) << "'" << text << "'";
}

TEST(ParseDuration, TakesGosNotation) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("0s"), 0ns);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("100ms"), 100ms);
  EXPECT_EQ(parse_duration("7us8ns"), 7008ns);
  EXPECT_EQ(parse_duration("2\xC2\xB5s"), 2us);
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text :
       {"", "5", "m", "-5m", "+5m", "5 m", "5d", "5mm", "1h30", "1..5s", ".s", "1e3s", "9999999h", "inf", "5M"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

}  // namespace
}  // namespace plimsoll
