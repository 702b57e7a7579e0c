// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

namespace plimsoll::exporter {
namespace {

constexpr MetricDesc kGauge = {"a_gauge", "Help.", MetricType::kGauge};
constexpr MetricDesc kCounter = {"b_total", "Help.", MetricType::kCounter};

// What stands behind the name in the sample line of one value.
std::string written(Value value) {
  MetricWriter writer;
  writer.single(kGauge, value);
  const std::string text = to_text(writer.finish());
  const size_t at = text.rfind("\na_gauge ");
  return text.substr(at + 9, text.size() - at - 10);
}

TEST(Text, EmptyPageIsEmpty) {
  MetricWriter writer;
  EXPECT_EQ(to_text(writer.finish()), "");
}

TEST(Text, FamilyHasHelpThenTypeThenSamples) {
  MetricWriter writer;
  writer.family(kCounter);
  writer.sample(writer.labels(LabelSet{{"x", "1"}}), uint64_t{7});
  writer.sample(uint64_t{8});
  writer.single(kGauge, 1.5);
  EXPECT_EQ(to_text(writer.finish()),
            "# HELP b_total Help.\n# TYPE b_total counter\nb_total{x=\"1\"} 7\nb_total 8\n"
            "# HELP a_gauge Help.\n# TYPE a_gauge gauge\na_gauge 1.5\n");
}

TEST(Text, UntypedIsCalledUntyped) {
  MetricWriter writer;
  writer.single({"u", "Help.", MetricType::kUntyped}, 1);
  EXPECT_EQ(to_text(writer.finish()), "# HELP u Help.\n# TYPE u untyped\nu 1\n");
}

TEST(Text, FamilyWithoutSamplesDoesNotAppear) {
  MetricWriter writer;
  writer.family(kCounter);
  writer.family(kGauge);
  writer.sample(1);
  writer.family(kCounter);
  EXPECT_EQ(to_text(writer.finish()), "# HELP a_gauge Help.\n# TYPE a_gauge gauge\na_gauge 1\n");
}

TEST(Text, HelpIsEscaped) {
  MetricWriter writer;
  writer.single({"a", "back\\slash, \"quote\",\nline", MetricType::kGauge}, 1);
  EXPECT_EQ(to_text(writer.finish()), "# HELP a back\\\\slash, \"quote\",\\nline\n# TYPE a gauge\na 1\n");
}

TEST(Text, TwoLabelGroupsAreJoinedByAComma) {
  MetricWriter writer;
  writer.family(kGauge);
  const LabelRef base = writer.labels(LabelSet{{"id", "/x"}});
  const LabelRef extra = writer.labels(LabelSet{{"cpu", "total"}});
  writer.sample(base, extra, 1);
  writer.sample(base, 2);
  writer.sample(0, extra, 3);
  writer.sample(4);
  const std::string text = to_text(writer.finish());
  EXPECT_NE(
      text.find("a_gauge{id=\"/x\",cpu=\"total\"} 1\na_gauge{id=\"/x\"} 2\na_gauge{cpu=\"total\"} 3\na_gauge 4\n"),
      std::string::npos)
      << text;
}

TEST(Text, HostileLabelValuesStayInTheirQuotes) {
  MetricWriter writer;
  writer.family(kGauge);
  writer.sample(writer.labels(LabelSet{{"name", "a\"} 1\nevil 2\\"}}), 1);
  const std::string text = to_text(writer.finish());
  EXPECT_NE(text.find("a_gauge{name=\"a\\\"} 1\\nevil 2\\\\\"} 1\n"), std::string::npos) << text;
}

TEST(Text, IntegersKeepAllDigits) {
  EXPECT_EQ(written(uint64_t{0}), "0");
  EXPECT_EQ(written(uint64_t{9007199254740993}), "9007199254740993");
  EXPECT_EQ(written(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(written(true), "1");
  EXPECT_EQ(written(false), "0");
}

TEST(Text, DoublesAreShortestAndReadBackTheSame) {
  EXPECT_EQ(written(0.0), "0");
  EXPECT_EQ(written(-0.0), "-0");
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(-2.5), "-2.5");
  for (double number : {1.0 / 3, 5e-324, 1.7976931348623157e308, -2.2250738585072014e-308, 1e21, 123456789.123456789})
    EXPECT_EQ(std::strtod(written(number).c_str(), nullptr), number) << written(number);
}

TEST(Text, SpecialDoublesAreSpelledAsPrometheusReadsThem) {
  EXPECT_EQ(written(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(written(-std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(written(-std::numeric_limits<double>::infinity()), "-Inf");
}

MetricPage large_page(int samples) {
  MetricWriter writer;
  for (const char* name : {"first", "second", "third"}) {
    writer.family(name, "Help.", MetricType::kGauge);
    for (int i = 0; i < samples; ++i) writer.sample(writer.labels(LabelSet{{"i", std::to_string(i)}}), i);
  }
  return writer.finish();
}

TEST(Text, ChunksAreWholeLinesAndAddUpToThePage) {
  const MetricPage page = large_page(1000);
  const std::string whole = to_text(page);
  for (size_t target : {1u, 100u, 4096u, 1u << 20}) {
    TextEncoder encoder(page);
    std::string chunk = "left over from the last request";
    std::string text;
    while (encoder.next(chunk, target)) {
      ASSERT_FALSE(chunk.empty());
      ASSERT_EQ(chunk.back(), '\n');
      ASSERT_LT(chunk.size(), target + 200);
      text += chunk;
    }
    EXPECT_TRUE(chunk.empty());
    EXPECT_FALSE(encoder.next(chunk, target));
    EXPECT_TRUE(text == whole) << "target " << target;
  }
}

TEST(Text, HeadingAppearsOnceHoweverTheFamilyIsCut) {
  const MetricPage page = large_page(1000);
  TextEncoder encoder(page);
  std::string text;
  for (std::string chunk; encoder.next(chunk, 64);) text += chunk;
  size_t headings = 0;
  for (size_t at = text.find("# TYPE"); at != std::string::npos; at = text.find("# TYPE", at + 1)) ++headings;
  EXPECT_EQ(headings, 3u);
}

TEST(Text, NamesAndLabelsLongerThanAChunkFit) {
  MetricWriter writer;
  const std::string value(300'000, 'v');
  writer.family(kGauge);
  writer.sample(writer.labels(LabelSet{{"long", value}}), 1);
  const std::string text = to_text(writer.finish());
  EXPECT_NE(text.find("a_gauge{long=\"" + value + "\"} 1\n"), std::string::npos);
}

TEST(Text, PartsOfAHistogramShareOneHeading) {
  MetricWriter writer;
  writer.family("wait_seconds", "Wait.", MetricType::kHistogram);
  writer.part("_bucket");
  writer.sample(writer.labels(LabelSet{{"le", "0.1"}}), 1);
  writer.sample(writer.labels(LabelSet{{"le", "+Inf"}}), 2);
  writer.part("_sum");
  writer.sample(0.5);
  writer.part("_count");
  writer.sample(2);
  writer.family("call_seconds", "Call.", MetricType::kSummary);
  writer.sample(writer.labels(LabelSet{{"quantile", "0.5"}}), 3);
  writer.part("_sum");
  writer.sample(4);
  const std::string whole =
      "# HELP wait_seconds Wait.\n# TYPE wait_seconds histogram\n"
      "wait_seconds_bucket{le=\"0.1\"} 1\nwait_seconds_bucket{le=\"+Inf\"} 2\nwait_seconds_sum 0.5\nwait_seconds_count "
      "2\n"
      "# HELP call_seconds Call.\n# TYPE call_seconds summary\ncall_seconds{quantile=\"0.5\"} 3\ncall_seconds_sum 4\n";
  const MetricPage page = writer.finish();
  EXPECT_EQ(to_text(page), whole);
  std::string text, chunk;
  for (TextEncoder encoder(page); encoder.next(chunk, 1);) text += chunk;
  EXPECT_EQ(text, whole) << "however it is cut";
}

}  // namespace
}  // namespace plimsoll::exporter
