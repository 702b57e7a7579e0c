// SPDX-License-Identifier: Apache-2.0
#include "base/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace plimsoll {
namespace {

constexpr MetricDesc kOne = {"one", "One.", MetricType::kGauge};
constexpr MetricDesc kTwo = {"two", "Two.", MetricType::kCounter};
constexpr const char* kReplaced = "\xEF\xBF\xBD";

std::string rendered(std::string_view value) { return std::string(LabelSet{{"n", value}}.rendered()); }
std::string as_label(const std::string& text) { return "n=\"" + text + "\""; }

TEST(LabelSet, IsEmptyWithoutPairs) {
  EXPECT_TRUE(LabelSet().empty());
  LabelSet set{{"a", "1"}};
  EXPECT_FALSE(set.empty());
  set.clear();
  EXPECT_TRUE(set.empty());
}

TEST(LabelSet, KeepsOrderAndEmptyValues) { EXPECT_EQ((LabelSet{{"b", "2"}, {"a", ""}}).rendered(), "b=\"2\",a=\"\""); }

TEST(LabelSet, EscapesWhatTheFormatEscapes) {
  EXPECT_EQ(rendered("a\"b"), as_label("a\\\"b"));
  EXPECT_EQ(rendered("a\\b"), as_label("a\\\\b"));
  EXPECT_EQ(rendered("a\nb"), as_label("a\\nb"));
  EXPECT_EQ(rendered("a\tb\r"), as_label("a\tb\r"));
}

TEST(LabelSet, KeepsWellFormedUtf8) {
  for (const char* text :
       {"\xC2\x80", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x9F\x9A\xA2", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(rendered(text), as_label(text));
}

struct BadBytes {
  std::string_view text;
  int replaced;  // how many bytes become U+FFFD
};

TEST(LabelSet, ReplacesWhatIsNotUtf8) {
  using namespace std::string_view_literals;
  const BadBytes cases[] = {
      {"\x80"sv, 1},              // a continuation alone
      {"\xC2"sv, 1},              // truncated
      {"\xE2\x82"sv, 2},          // truncated
      {"\xF0\x9F\x9A"sv, 3},      // truncated
      {"\xC0\xAF"sv, 2},          // overlong
      {"\xE0\x80\xAF"sv, 3},      // overlong
      {"\xF0\x80\x80\xAF"sv, 4},  // overlong
      {"\xED\xA0\x80"sv, 3},      // surrogate
      {"\xF4\x90\x80\x80"sv, 4},  // above U+10FFFF
      {"\xFF\xFE"sv, 2},          // never in UTF-8
      {"\0"sv, 1},                // NUL
  };
  for (const BadBytes& bad : cases) {
    std::string expected;
    for (int i = 0; i < bad.replaced; ++i) expected += kReplaced;
    EXPECT_EQ(rendered(bad.text), as_label(expected)) << bad.text;
    EXPECT_EQ(rendered(std::string(bad.text) + "z"), as_label(expected + "z"));
  }
}

TEST(LabelName, TurnsWhatIsNotAllowedIntoUnderscores) {
  EXPECT_EQ(label_name_from("com.docker.compose-service"), "com_docker_compose_service");
  EXPECT_EQ(label_name_from("Az_09"), "Az_09");
  EXPECT_EQ(label_name_from("9lives"), "_9lives");
  EXPECT_EQ(label_name_from(""), "_");
  EXPECT_EQ(label_name_from("\xC3\xA4\n\""), "____");
}

TEST(BoundText, IsThatOfOpenMetrics) {
  const std::pair<double, const char*> bounds[] = {{0, "0.0"},
                                                   {1, "1.0"},
                                                   {-1, "-1.0"},
                                                   {0.5, "0.5"},
                                                   {100000, "100000.0"},
                                                   {1e6, "1e+06"},
                                                   {1234567.5, "1.2345675e+06"},
                                                   {0.0001, "0.0001"},
                                                   {0.00001, "1e-05"},
                                                   {-2.5, "-2.5"},
                                                   {1e300, "1e+300"}};
  for (const auto& [bound, text] : bounds) EXPECT_EQ(bound_text(bound), text);
  EXPECT_EQ(bound_text(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(bound_text(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(bound_text(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(Value, KnowsIntegersFromDoubles) {
  EXPECT_TRUE(Value(uint64_t{5}).is_integer());
  EXPECT_EQ(Value(uint64_t{5}).number(), 5.0);
  EXPECT_FALSE(Value(5.0).is_integer());
  EXPECT_EQ(Value(-3).number(), -3.0);
  EXPECT_EQ(Value(true).integer(), 1u);
}

TEST(Sample, IsSixteenBytesAndKeepsItsValue) {
  static_assert(sizeof(Sample) == 16);
  EXPECT_EQ(Sample::of(1, 2, -0.5).value().number(), -0.5);
  EXPECT_EQ(Sample::of(1, 2, UINT64_MAX).value().integer(), UINT64_MAX);
  EXPECT_EQ(Sample::of(3, 4, 1).base, 3u);
  EXPECT_EQ(Sample::of(3, 4, 1).extra, 4u);
}

TEST(MetricWriter, GroupsSamplesByFamily) {
  MetricWriter writer;
  writer.family(kOne);
  const LabelRef x = writer.labels(LabelSet{{"x", "1"}});
  writer.sample(x, 1);
  writer.sample(2);
  writer.single(kTwo, 3);
  const MetricPage page = writer.finish();
  ASSERT_EQ(page.families().size(), 2u);
  EXPECT_EQ(page.sample_count(), 3u);
  const auto [first, last] = page.samples(0);
  ASSERT_EQ(last - first, 2);
  EXPECT_EQ(page.labels(first[0].base), "x=\"1\"");
  EXPECT_EQ(page.labels(first[1].base), "");
  EXPECT_EQ(page.samples(1).first->value().number(), 3.0);
}

TEST(MetricWriter, CopiesNamesMadeAtRunTime) {
  MetricWriter writer;
  for (int i = 0; i < 100; ++i) {
    writer.family("name_" + std::to_string(i), "Help " + std::to_string(i) + ".", MetricType::kUntyped);
    writer.sample(i);
  }
  const MetricPage page = writer.finish();
  ASSERT_EQ(page.families().size(), 100u);
  EXPECT_EQ(page.families()[0].desc.name, "name_0");
  EXPECT_EQ(page.families()[99].desc.help, "Help 99.");
}

TEST(MetricWriter, NamesSurviveTheMoveOfThePage) {
  MetricWriter writer;
  writer.family(std::string("short"), "h", MetricType::kGauge);  // short enough to live inside the string object
  writer.sample(1);
  MetricPage page = writer.finish();
  const MetricPage moved = std::move(page);
  EXPECT_EQ(moved.families()[0].desc.name, "short");
}

TEST(MetricWriter, DropsFamiliesWithoutSamples) {
  MetricWriter writer;
  writer.family(kOne);
  writer.family(kTwo);
  const MetricPage page = writer.finish();
  EXPECT_TRUE(page.families().empty());
}

TEST(MetricWriter, NoLabelsAreReferenceZero) {
  MetricWriter writer;
  EXPECT_EQ(writer.labels(LabelSet()), 0u);
  EXPECT_NE(writer.labels(LabelSet{{"a", "1"}}), 0u);
}

TEST(MetricWriter, KeepsTheStartOfALabelSet) {
  MetricWriter writer;
  writer.family(kTwo);
  const LabelRef with = writer.labels(LabelSet{{"a", "1"}}, 1'700'000'000'000'000'005);
  const LabelRef without = writer.labels(LabelSet{{"a", "2"}});
  writer.sample(with, 1);
  const MetricPage page = writer.finish();
  EXPECT_EQ(page.start_ns(with), 1'700'000'000'000'000'005);
  EXPECT_EQ(page.start_ns(without), 0);
  EXPECT_EQ(page.start_ns(0), 0);
  EXPECT_EQ(page.label_count(), 3u);
}

TEST(MetricWriter, IsEmptyAfterFinish) {
  MetricWriter writer;
  writer.single(kOne, 1);
  EXPECT_EQ(writer.finish().sample_count(), 1u);
  writer.single(kTwo, 2);
  const MetricPage second = writer.finish();
  ASSERT_EQ(second.families().size(), 1u);
  EXPECT_EQ(second.families()[0].desc.name, "two");
}

TEST(MetricWriter, PartsAreOfOneFamily) {
  MetricWriter writer;
  writer.family("wait_seconds", "Wait.", MetricType::kHistogram);
  writer.part("_bucket");
  writer.sample(1);
  writer.sample(2);
  writer.part("_sum");
  writer.part("_count");
  writer.sample(2);
  EXPECT_TRUE(writer.has_family("wait_seconds"));
  EXPECT_FALSE(writer.has_family("wait_seconds_bucket"));
  const MetricPage page = writer.finish();
  ASSERT_EQ(page.families().size(), 2u) << "a part without samples is none";
  EXPECT_EQ(page.families()[0].sample_name, "wait_seconds_bucket");
  EXPECT_TRUE(page.families()[0].starts);
  EXPECT_EQ(page.families()[1].desc.name, "wait_seconds");
  EXPECT_EQ(page.families()[1].sample_name, "wait_seconds_count");
  EXPECT_FALSE(page.families()[1].starts);
}

TEST(MetricWriter, KnowsItsFamilies) {
  MetricWriter writer;
  EXPECT_FALSE(writer.has_family("one"));
  writer.family(kOne);
  EXPECT_FALSE(writer.has_family("one")) << "it has no sample yet";
  writer.sample(1);
  EXPECT_TRUE(writer.has_family("one"));
  writer.family(kTwo);
  EXPECT_TRUE(writer.has_family("one"));
}

TEST(MetricWriter, KnowsWhatIsWanted) {
  EXPECT_TRUE(MetricWriter().wants("anything"));
  EXPECT_TRUE(MetricWriter().wants_everything());
  const MetricWriter writer(0, [](std::string_view name) { return name == "cpu"; });
  EXPECT_TRUE(writer.wants("cpu"));
  EXPECT_FALSE(writer.wants("time"));
  EXPECT_FALSE(writer.wants_everything());
}

}  // namespace
}  // namespace plimsoll
