// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/openmetrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/encoding_page.h"

namespace plimsoll::exporter {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string encoded(MetricWriter& writer, bool created = false) {
  return encode(Format::kOpenMetrics, writer.finish(), {.created = created});
}

void add(MetricWriter& writer, const std::string& name, MetricType type, Value value = 1) {
  writer.family(name, "Help.", type);
  writer.sample(value);
}

std::string encoded(const std::string& name, MetricType type, Value value = 1) {
  MetricWriter writer;
  add(writer, name, type, value);
  return encoded(writer);
}

TEST(OpenMetrics, AnEmptyPageHasItsEnd) {
  MetricWriter writer;
  EXPECT_EQ(encoded(writer), "# EOF\n");
}

TEST(OpenMetrics, ACountersFamilyIsCalledWithoutTotal) {
  EXPECT_EQ(encoded("jobs_total", MetricType::kCounter),
            "# HELP jobs Help.\n# TYPE jobs counter\njobs_total 1\n# EOF\n");
}

TEST(OpenMetrics, ACounterWithoutTotalIsUnknownUnderItsName) {
  EXPECT_EQ(encoded("jobs", MetricType::kCounter), "# HELP jobs Help.\n# TYPE jobs unknown\njobs 1\n# EOF\n");
  EXPECT_THAT(encoded("_total", MetricType::kCounter), HasSubstr("# TYPE _total unknown\n_total 1\n"));
  EXPECT_THAT(encoded("u", MetricType::kUntyped), HasSubstr("# TYPE u unknown\nu 1\n"));
}

TEST(OpenMetrics, HasAUnitWhereTheNameEndsInIt) {
  EXPECT_THAT(encoded("x_seconds_total", MetricType::kCounter),
              HasSubstr("# TYPE x_seconds counter\n# UNIT x_seconds seconds\nx_seconds_total 1\n"));
  EXPECT_THAT(encoded("x_bytes", MetricType::kGauge), HasSubstr("# UNIT x_bytes bytes\n"));
  for (const char* name : {"seconds", "_seconds", "xseconds", "x_seconds_old", "x_apples", "x_"})
    EXPECT_THAT(encoded(name, MetricType::kGauge), Not(HasSubstr("# UNIT"))) << name;
  EXPECT_THAT(encoded("x_seconds_total", MetricType::kGauge), Not(HasSubstr("# UNIT")));
}

TEST(OpenMetrics, HelpEscapesQuotesToo) {
  MetricWriter writer;
  writer.family("a", "\"b\" c\\\nd", MetricType::kGauge);
  writer.sample(1);
  EXPECT_THAT(encoded(writer), HasSubstr("# HELP a \\\"b\\\" c\\\\\\nd\n"));
}

// Pairs of families of which the second cannot be a counter: its own names are in use.
TEST(OpenMetrics, FamiliesDoNotClash) {
  const std::vector<std::pair<std::string, MetricType>> others = {
      {"jobs", MetricType::kGauge}, {"jobs", MetricType::kCounter}, {"jobs_created", MetricType::kGauge}};
  for (const auto& [name, type] : others) {
    for (const bool first : {true, false}) {
      MetricWriter writer;
      if (first) add(writer, name, type);
      add(writer, "jobs_total", MetricType::kCounter);
      if (!first) add(writer, name, type);
      const std::string text = encoded(writer);
      EXPECT_THAT(text, HasSubstr("# TYPE jobs_total unknown\njobs_total 1\n")) << name;
      EXPECT_THAT(text, HasSubstr("\n" + name + " 1\n"));
    }
  }
}

TEST(OpenMetrics, NamesThatNoSampleHasDoNotClashEither) {
  MetricWriter writer;
  add(writer, "a_created_total", MetricType::kCounter);
  add(writer, "a_total", MetricType::kCounter);
  EXPECT_THAT(encoded(writer), HasSubstr("# TYPE a_total unknown\n"));
  add(writer, "a_total", MetricType::kCounter);
  add(writer, "a_created_total", MetricType::kCounter);
  EXPECT_THAT(encoded(writer), HasSubstr("# TYPE a_created_total unknown\n"));
}

TEST(OpenMetrics, ReservedSuffixesOfGaugesStay) {
  for (const char* name : {"a_total", "a_count", "a_sum", "a_bucket", "a_created", "a_info"})
    EXPECT_THAT(encoded(name, MetricType::kGauge),
                HasSubstr("# TYPE " + std::string(name) + " gauge\n" + name + " 1\n"));
}

TEST(OpenMetrics, ACounterThatCannotBeOneIsUnknown) {
  for (const double value : {-1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THAT(encoded("jobs_total", MetricType::kCounter, value), HasSubstr("# TYPE jobs_total unknown\n"));
  EXPECT_THAT(encoded("jobs_total", MetricType::kCounter, -0.0), HasSubstr("# TYPE jobs counter\n"));
}

TEST(OpenMetrics, CreatedIsShownWhereTheStartIsKnown) {
  MetricWriter writer;
  writer.family("cpu_seconds_total", "Help.", MetricType::kCounter);
  writer.sample(writer.labels(LabelSet{{"id", "/a"}}, test::kStarted), writer.labels(LabelSet{{"cpu", "0"}}), 5);
  writer.sample(writer.labels(LabelSet{{"id", "/b"}}), 6);
  writer.family("g", "Help.", MetricType::kGauge);
  writer.sample(writer.labels(LabelSet{{"id", "/a"}}, test::kStarted), 7);
  const MetricPage page = writer.finish();
  EXPECT_THAT(encode(Format::kOpenMetrics, page, {.created = true}),
              HasSubstr("cpu_seconds_total{id=\"/a\",cpu=\"0\"} 5\n"
                        "cpu_seconds_created{id=\"/a\",cpu=\"0\"} 1700000000.25\n"
                        "cpu_seconds_total{id=\"/b\"} 6\n"
                        "# HELP g Help.\n# TYPE g gauge\ng{id=\"/a\"} 7\n# EOF\n"));
  EXPECT_THAT(encode(Format::kOpenMetrics, page), Not(HasSubstr("created")));
}

TEST(OpenMetrics, PointsAreWrittenOneAfterTheOther) {
  MetricWriter writer;
  test::write_points(writer);
  const std::string text = encoded(writer, true);
  EXPECT_THAT(text, HasSubstr("# TYPE wait_seconds histogram\n# UNIT wait_seconds seconds\n"
                              "wait_seconds_bucket{disk=\"a\",le=\"1.0\"} 2\n"
                              "wait_seconds_bucket{disk=\"a\",le=\"+Inf\"} 3\n"
                              "wait_seconds_count{disk=\"a\"} 3\nwait_seconds_sum{disk=\"a\"} 4.5\n"
                              "wait_seconds_created{disk=\"a\"} 1700000000.25\n"
                              "wait_seconds_bucket{disk=\"b\",le=\"1.0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("call_seconds{disk=\"a\",quantile=\"0.5\"} 0.25\n"));
}

// What text shows of it is still there, by the same names.
TEST(OpenMetrics, WhatIsNoHistogramIsItsParts) {
  using Break = void (*)(MetricWriter&, LabelRef bound);
  const Break breaks[] = {
      [](MetricWriter& w, LabelRef) { w.part("_bucket"), w.sample(1); },  // no bound
      [](MetricWriter& w, LabelRef bound) { w.part("_bucket"), w.sample(bound, 1); },
      [](MetricWriter& w, LabelRef bound) { w.part("_bucket"), w.sample(bound, 1), w.part("_sum"), w.sample(1); },
      [](MetricWriter& w, LabelRef) { w.part("_sum"), w.sample(1), w.part("_count"), w.sample(1); },
      [](MetricWriter& w, LabelRef bound) {
        w.part("_bucket"), w.sample(bound, 1), w.part("_sum"), w.sample(1), w.part("_count"), w.sample(2);
      },
      [](MetricWriter& w, LabelRef bound) {
        w.part("_bucket"), w.sample(bound, 1.5), w.part("_sum"), w.sample(1), w.part("_count"), w.sample(1.5);
      },
      [](MetricWriter& w, LabelRef bound) {
        w.part("_bucket"), w.sample(bound, 1), w.part("_sum"), w.sample(-1), w.part("_count"), w.sample(1);
      },
      [](MetricWriter& w, LabelRef bound) {
        w.part("_bucket"), w.sample(bound, 1), w.sample(bound, 1), w.part("_sum"), w.sample(1), w.part("_count"),
            w.sample(1);
      },
      [](MetricWriter& w, LabelRef bound) {
        w.part("_bucket"), w.sample(bound, 1), w.part("_other"), w.sample(1), w.part("_sum"), w.sample(1),
            w.part("_count"), w.sample(1);
      }};
  for (const Break& broken : breaks) {
    MetricWriter writer;
    writer.family("h", "Help.", MetricType::kHistogram);
    broken(writer, writer.labels(LabelSet{{"le", "+Inf"}}));
    const MetricPage page = writer.finish();
    const std::string text = encode(Format::kOpenMetrics, page);
    EXPECT_THAT(text, Not(HasSubstr("histogram"))) << text;
    for (const auto& family : page.families())
      EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(family.sample_name) + " unknown\n"));
  }
}

TEST(OpenMetrics, HeadingsLongerThanAChunkFit) {
  MetricWriter writer;
  test::write_points(writer);
  const MetricPage page = writer.finish();
  std::string text, chunk;
  for (OpenMetricsEncoder encoder(page, {}); encoder.next(chunk, 1);) {
    ASSERT_EQ(chunk.back(), '\n');
    text += chunk;
  }
  EXPECT_EQ(text, encode(Format::kOpenMetrics, page));
}

}  // namespace
}  // namespace plimsoll::exporter
