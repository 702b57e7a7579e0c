// SPDX-License-Identifier: Apache-2.0
// What a receiver of remote write gets of a page: series, labels in their order, batches, and the end of series.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "exporter/encoding/wire.h"
#include "exporter/remote_write/series_history.h"
#include "exporter/remote_write/write_request.h"
#include "write_request_reader.h"

namespace plimsoll::exporter {
namespace {

using test::ReadSeries;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr MetricDesc kA = {"a_total", "A.", MetricType::kCounter};
constexpr MetricDesc kB = {"b_bytes", "B.", MetricType::kGauge};
constexpr int64_t kTime = 1'700'000'000'123;

TEST(Wire, VarintsTakeAsManyBytesAsTheyNeed) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, uint64_t{16383}, uint64_t{16384},
                               uint64_t{1} << 32, std::numeric_limits<uint64_t>::max()}) {
    std::string out;
    wire::append_varint(out, value);
    EXPECT_EQ(out.size(), wire::varint_size(value)) << value;
    EXPECT_EQ(test::WireReader(out).varint(), value);
  }
}

class Requests : public testing::Test {
 protected:
  std::vector<ReadSeries> series;
  std::vector<uint32_t> counts;
  WriteRequests::Options options;

  WriteRequests::Sink sink() {
    return [this](WriteBatch batch) {
      const auto read = test::read_write_request(batch.body);
      EXPECT_EQ(read.size(), batch.samples);
      counts.push_back(batch.samples);
      series.insert(series.end(), read.begin(), read.end());
    };
  }
  SeriesIds add(const MetricPage& page) {
    WriteRequests requests(options, sink());
    auto ids = requests.add(page, kTime);
    requests.finish();
    return ids;
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const ReadSeries& each : series) all.push_back(each.text());
    return all;
  }
};

TEST_F(Requests, ABackslashBeforeAnNIsNoLineEnd) {
  MetricWriter writer;
  writer.family(kB);
  writer.sample(writer.labels(LabelSet{{"path", "C:\\new"}}), 1);
  add(writer.finish());
  ASSERT_THAT(series, SizeIs(1));
  EXPECT_EQ(series[0].label("path"), "C:\\new");
}

TEST_F(Requests, ASampleIsASeriesWithTheTimeOfTheCollection) {
  MetricWriter writer;
  writer.single(kA, uint64_t{7});
  writer.family(kB);
  writer.sample(writer.labels({{"z", "1"}, {"B", "2"}}), writer.labels({{"m", "x\"y\\z\n"}}), 1.5);
  add(writer.finish());
  ASSERT_THAT(series, SizeIs(2));
  EXPECT_EQ(series[0].text(), "a_total{}");
  EXPECT_EQ(series[0].value(), 7);
  EXPECT_EQ(series[0].timestamp_ms, kTime);
  EXPECT_EQ(series[1].value(), 1.5);
  std::vector<std::string> names;
  for (const auto& [name, value] : series[1].labels) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("B", "__name__", "m", "z")) << "sorted by their bytes";
  EXPECT_EQ(series[1].label("m"), "x\"y\\z\n") << "unescaped";
}

TEST_F(Requests, ValuesStayAsTheyAre) {
  MetricWriter writer;
  writer.family(kB);
  const double values[] = {0.0, -1.5, std::numeric_limits<double>::infinity(), std::nan("7"), 5e-324};
  int number = 0;
  for (const double value : values) writer.sample(writer.labels({{"n", std::to_string(++number)}}), value);
  writer.sample(writer.labels({{"n", "stale"}}), std::bit_cast<double>(kStaleBits));
  add(writer.finish());
  ASSERT_THAT(series, SizeIs(6));
  for (size_t i : {0, 1, 2, 4}) EXPECT_EQ(series[i].value(), values[i]);
  EXPECT_TRUE(std::isnan(series[3].value()));
  EXPECT_TRUE(std::isnan(series[5].value()));
  EXPECT_NE(series[5].bits, kStaleBits) << "a value is never a stale marker";
}

TEST_F(Requests, LabelsOfTheTargetWinAndExternalOnesYield) {
  options.target_labels = {{"job", "plimsoll"}, {"instance", "node7"}};
  options.external_labels = {{"zone", "b"}, {"Area", "c"}, {"nothing", ""}};
  MetricWriter writer;
  writer.family(kA);
  writer.sample(writer.labels({{"job", "own"}, {"zone", "own"}}), 1);
  writer.sample(1);
  add(writer.finish());
  EXPECT_THAT(texts(), ElementsAre(R"(a_total{Area="c",exported_job="own",instance="node7",job="plimsoll",zone="own"})",
                                   R"(a_total{Area="c",instance="node7",job="plimsoll",zone="b"})"));
}

TEST_F(Requests, ALabelThatIsExportedAlreadyStandsBesideOurs) {
  options.target_labels = {{"job", "plimsoll"}};
  MetricWriter writer;
  writer.family(kA);
  writer.sample(writer.labels({{"exported_job", "first"}, {"job", "own"}}), 1);
  writer.sample(writer.labels({{"exported_job", "second"}, {"job", "own"}}), 2);
  writer.sample(writer.labels({{"job", "own"}, {"exported_job", "a"}, {"exported_exported_job", "b"}}), 3);
  writer.sample(writer.labels({{"job", "own"}, {"exported_job", ""}}), 4);
  EXPECT_THAT(add(writer.finish()), SizeIs(4)) << "four series";
  EXPECT_THAT(texts(),
              ElementsAre(R"(a_total{exported_exported_job="own",exported_job="first",job="plimsoll"})",
                          R"(a_total{exported_exported_job="own",exported_job="second",job="plimsoll"})",
                          R"(a_total{exported_exported_exported_job="own",exported_exported_job="b",exported_job="a",)"
                          R"(job="plimsoll"})",
                          R"(a_total{exported_job="own",job="plimsoll"})"));
}

TEST_F(Requests, EmptyLabelsAreNone) {
  MetricWriter writer;
  writer.family(kA);
  writer.sample(writer.labels({{"image", ""}, {"id", "/"}}), 1);
  add(writer.finish());
  EXPECT_THAT(texts(), ElementsAre(R"(a_total{id="/"})"));
}

TEST_F(Requests, ANameTwiceIsSentOnce) {
  MetricWriter writer;
  writer.family(kA);
  writer.sample(writer.labels({{"a", "1"}, {"a", "2"}}), writer.labels({{"a", "3"}, {"b", "4"}}), 1);
  add(writer.finish());
  EXPECT_THAT(texts(), ElementsAre(R"(a_total{a="1",b="4"})"));
}

TEST_F(Requests, ASeriesTwiceIsSentOnce) {
  MetricWriter writer;
  writer.family(kA);
  writer.sample(writer.labels({{"a", "1"}, {"b", "2"}}), 1);
  writer.sample(writer.labels({{"b", "2"}, {"a", "1"}, {"c", ""}}), 2);
  writer.sample(writer.labels({{"a", "2"}, {"b", "1"}}), 3);
  const SeriesIds ids = add(writer.finish());
  ASSERT_THAT(series, SizeIs(2));
  EXPECT_EQ(series[0].value(), 1);
  EXPECT_THAT(ids, SizeIs(2));
}

TEST_F(Requests, PartsOfAHistogramHaveTheirNames) {
  MetricWriter writer;
  writer.family("h_seconds", "H.", MetricType::kHistogram);
  writer.part("_bucket");
  writer.sample(writer.labels({{"le", "+Inf"}}), 3);
  writer.part("_sum");
  writer.sample(0.5);
  add(writer.finish());
  EXPECT_THAT(texts(), ElementsAre(R"(h_seconds_bucket{le="+Inf"})", "h_seconds_sum{}"));
}

MetricPage page_of(int count, const std::string& padding = "") {
  MetricWriter writer;
  writer.family(kA);
  for (int i = 0; i < count; ++i) writer.sample(writer.labels({{"n", std::to_string(i) + padding}}), i);
  return writer.finish();
}

TEST_F(Requests, BatchesAreBoundedInSamplesAndBytes) {
  options.max_samples = 4;
  add(page_of(10));
  EXPECT_THAT(counts, ElementsAre(4, 4, 2));
  counts.clear();
  options.max_bytes = 250;
  add(page_of(3, std::string(100, 'x')));
  EXPECT_THAT(counts, ElementsAre(1, 1, 1));
  counts.clear();
  options.max_bytes = 1;
  add(page_of(2));
  EXPECT_THAT(counts, ElementsAre(1, 1)) << "one series goes whatever its size";
  EXPECT_THAT(series, SizeIs(15));
}

TEST_F(Requests, AnEmptyPageSendsNothing) {
  EXPECT_THAT(add(MetricPage()), IsEmpty());
  EXPECT_THAT(counts, IsEmpty());
}

class History : public Requests {
 protected:
  WriteRequests requests{options, sink()};
  SeriesHistory history;
  int64_t time = kTime;

  // A page with these containers; returns which series are said to have ended.
  std::vector<std::string> page(std::vector<std::string> names, bool complete = true, bool backwards = false) {
    MetricWriter writer;
    writer.family(kA);
    for (const std::string& name : names) {
      LabelSet labels;
      if (backwards) labels.add("name", name);
      labels.add("id", "/" + name);
      if (!backwards) labels.add("name", name);
      writer.sample(writer.labels(labels), 1);
    }
    auto shared = std::make_shared<const MetricPage>(writer.finish());
    auto ids = requests.add(*shared, ++time);
    requests.finish();
    series.clear();
    history.next(std::move(shared), std::move(ids), complete,
                 [this](const MetricPage& before, const SeriesIds& ended) { requests.add_ended(before, ended, time); });
    requests.finish();
    std::vector<std::string> ended;
    for (const ReadSeries& each : series) {
      EXPECT_EQ(each.bits, kStaleBits);
      EXPECT_EQ(each.timestamp_ms, time);
      ended.push_back(each.label("name"));
    }
    return ended;
  }
};

TEST_F(History, WhatIsGoneHasEnded) {
  EXPECT_THAT(page({"a", "b", "c"}), IsEmpty());
  EXPECT_THAT(page({"b"}), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(page({"b"}), IsEmpty()) << "said once";
  EXPECT_THAT(page({"a", "b"}), IsEmpty());
  EXPECT_THAT(page({}), UnorderedElementsAre("a", "b"));
}

TEST_F(History, TheOrderOfLabelsIsNoDifference) {
  page({"a", "b"});
  EXPECT_THAT(page({"b", "a"}, true, true), IsEmpty());
}

TEST_F(History, AnIncompletePageEndsNothing) {
  page({"a", "b", "c"});
  EXPECT_THAT(page({}, false), IsEmpty());
  EXPECT_THAT(page({"a", "b", "c"}), IsEmpty()) << "all was there";
  EXPECT_THAT(page({"a", "x"}, false), IsEmpty());
  EXPECT_THAT(page({"a"}), UnorderedElementsAre("b", "c", "x")) << "said late, but said, each once";
  EXPECT_THAT(page({"a"}), IsEmpty());
}

TEST_F(History, PatienceEnds) {
  page({"a", "b"});
  for (size_t i = 1; i < SeriesHistory::kPatience; ++i) EXPECT_THAT(page({"a"}, false), IsEmpty()) << i;
  EXPECT_THAT(page({"a"}, false), ElementsAre("b"));
  EXPECT_THAT(page({"a"}, false), IsEmpty());
}

}  // namespace
}  // namespace plimsoll::exporter
