// SPDX-License-Identifier: Apache-2.0
// The agent's own metrics, and how prometheus-cpp's model becomes families of ours.
#include "agent/self_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/metric_family.h>
#include <unistd.h>

#include <clocale>
#include <cmath>
#include <locale>

#include "agent/process_metrics.h"
#include "exporter/encoding/text.h"
#include "temp_tree.h"

namespace plimsoll::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string own_text(SelfMetrics& self) {
  MetricWriter writer;
  self.write(writer);
  return exporter::to_text(writer.finish());
}

const char kStat[] = "42 (a) b) (c) S 1 42 42 0 -1 4194560 1520 0 0 0 150 50 0 0 20 0 9 0 1000 223641600 10 0 0\n";

TEST(SelfMetrics, CountersExistBeforeTheirFirstEvent) {
  const std::vector<std::string> routes = {"/metrics"}, names = {"cpu"};
  SelfMetrics self(HostRoots{}, routes, names);
  const std::string text = own_text(self);
  EXPECT_THAT(text, HasSubstr("plimsoll_http_requests_total{code=\"200\",path=\"/metrics\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_collection_failures_total{collector=\"cpu\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_collection_seconds_total{half=\"container\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE plimsoll_collections_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# HELP plimsoll_series_dropped_total Series left out of pages: "));
  EXPECT_THAT(text, HasSubstr("# TYPE plimsoll_build_info gauge\n"));
}

TEST(SelfMetrics, CountsRequestsByRouteAndCode) {
  SelfMetrics self(HostRoots{}, {}, {});
  self.count_request("/metrics", 200);
  self.count_request("/metrics", 200);
  self.count_request("", 404);
  const std::string text = own_text(self);
  EXPECT_THAT(text, HasSubstr("plimsoll_http_requests_total{code=\"200\",path=\"/metrics\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_http_requests_total{code=\"404\",path=\"other\"} 1\n"));
}

TEST(SelfMetrics, ReadsItsProcess) {
  const test::TempTree tree({{"self/stat", kStat}, {"stat", "cpu 1 2\nbtime 1700000000\n"}, {"self/fd/0", ""}});
  HostRoots roots;
  roots.proc = tree.path();
  SelfMetrics self(roots, {}, {});
  const std::string text = own_text(self);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  MetricWriter expected;
  expected.single(
      {"process_cpu_seconds_total", "CPU time of this process, user and system, in seconds.", MetricType::kCounter},
      200 / ticks);
  EXPECT_THAT(text, HasSubstr(exporter::to_text(expected.finish())));
  EXPECT_THAT(text, HasSubstr("process_virtual_memory_bytes 223641600\n"));
  EXPECT_THAT(text, HasSubstr("process_start_time_seconds 1700000010\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds "));
  EXPECT_THAT(text, HasSubstr("process_max_fds "));
  EXPECT_THAT(text, HasSubstr("process_virtual_memory_max_bytes "));
}

TEST(SelfMetrics, LeavesOutWhatItCannotRead) {
  const test::TempTree tree;
  HostRoots roots;
  roots.proc = tree.path();
  SelfMetrics self(roots, {}, {});
  const std::string text = own_text(self);
  for (const char* name : {"process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"})
    EXPECT_THAT(text, Not(HasSubstr(name)));
  EXPECT_THAT(text, HasSubstr("plimsoll_build_info"));
}

TEST(SelfMetrics, SaysWhatWasBuilt) {
  SelfMetrics self(HostRoots{}, {}, {});
  EXPECT_THAT(own_text(self), testing::ContainsRegex(
                                  "plimsoll_build_info\\{compiler=\"(gcc|clang) "
                                  "[0-9][^\"]*\",(revision=\"[0-9a-f]+\",)?version=\"" PLIMSOLL_VERSION "\"\\} 1\n"));
}

TEST(SelfMetrics, CountsPagesByFormat) {
  SelfMetrics self(HostRoots{}, {}, {});
  EXPECT_THAT(own_text(self), HasSubstr("plimsoll_scrape_bytes_total{format=\"text\"} 0\n"));
  EXPECT_THAT(own_text(self), HasSubstr("plimsoll_scrape_samples_total{format=\"openmetrics\"} 0\n"));
  self.count_served({"/metrics", "text", 10, 1000, 0.004});
  self.count_served({"/metrics", "text", 1, 24, 99});
  self.count_served({"/metrics/node", "protobuf", 7, 8, 0.3});
  const std::string text = own_text(self);
  EXPECT_THAT(text, HasSubstr("plimsoll_scrape_bytes_total{format=\"text\"} 1024\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_scrape_samples_total{format=\"text\"} 11\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_scrape_samples_total{format=\"protobuf\"} 7\n"));
  const std::string durations = "plimsoll_scrape_duration_seconds";
  EXPECT_THAT(text, HasSubstr("# TYPE " + durations + " histogram\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_bucket{page=\"/metrics\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_bucket{page=\"/metrics\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_bucket{page=\"/metrics\",le=\"10.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_bucket{page=\"/metrics\",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_count{page=\"/metrics\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(durations + "_sum{page=\"/metrics/node\"} 0.3\n"));
}

TEST(SelfMetrics, TellsOfReloads) {
  SelfMetrics self(HostRoots{}, {}, {});
  self.count_reload(true);
  const std::string good = own_text(self);
  EXPECT_THAT(good, HasSubstr("plimsoll_config_last_reload_successful 1\n"));
  const size_t at = good.find("\nplimsoll_config_last_reload_success_timestamp_seconds ");
  ASSERT_NE(at, std::string::npos);
  const std::string line = good.substr(at, good.find('\n', at + 1) - at);
  EXPECT_NEAR(std::stod(line.substr(line.rfind(' '))), static_cast<double>(wall_clock_ns()) / 1e9, 60);
  self.count_reload(false);
  EXPECT_THAT(own_text(self),
              testing::AllOf(HasSubstr("plimsoll_config_last_reload_successful 0\n"), HasSubstr(line + "\n")));
}

TEST(SelfMetrics, WritesWhatOthersTell) {
  SelfMetrics self(HostRoots{}, {}, {});
  self.add_source([](MetricWriter& writer) { writer.single({"refused_total", "Refused.", MetricType::kCounter}, 3); });
  EXPECT_THAT(own_text(self), HasSubstr("refused_total 3\n"));
}

std::string text_of(const prometheus::MetricFamily& family) {
  MetricWriter writer;
  write_family(writer, family);
  return exporter::to_text(writer.finish());
}

prometheus::ClientMetric with_value(double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return metric;
}

// What prometheus-cpp's own serializer is known to get wrong.
TEST(WriteFamily, EscapesHelpAndLabels) {
  prometheus::ClientMetric metric = with_value(1);
  metric.label = {{"path", "a\"b\\c\nd\xff"}};
  EXPECT_EQ(text_of({"up", "One\nline, a \\ too.", prometheus::MetricType::Gauge, {metric}}),
            "# HELP up One\\nline, a \\\\ too.\n# TYPE up gauge\nup{path=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} 1\n");
}

TEST(WriteFamily, SpecialValues) {
  for (const auto& [value, text] :
       {std::pair(std::nan(""), "NaN"), std::pair(-std::nan(""), "NaN"), std::pair(1.0 / 0.0, "+Inf"),
        std::pair(-1.0 / 0.0, "-Inf"), std::pair(0.1, "0.1"), std::pair(1e300, "1e+300")})
    EXPECT_THAT(text_of({"up", "Up.", prometheus::MetricType::Gauge, {with_value(value)}}),
                testing::EndsWith("\nup " + std::string(text) + "\n"));
}

struct Commas : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(WriteFamily, TheLocaleIsNoMatter) {
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"}) (void)std::setlocale(LC_ALL, name);  // where there are
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Commas));
  prometheus::MetricFamily family = {"w", "W.", prometheus::MetricType::Histogram, {with_value(0)}};
  family.metric[0].histogram = {2, 0.75, {{1, 0.5}, {2, 1.0 / 0.0}}};
  const std::string text = text_of(family);
  std::locale::global(before);
  std::setlocale(LC_ALL, "C");
  EXPECT_EQ(
      text,
      "# HELP w W.\n# TYPE w histogram\nw_bucket{le=\"0.5\"} 1\nw_bucket{le=\"+Inf\"} 2\nw_sum 0.75\nw_count 2\n");
}

TEST(WriteFamily, AHistogramWithoutInfinityGetsIt) {
  prometheus::MetricFamily family = {"w", "W.", prometheus::MetricType::Histogram, {with_value(0)}};
  family.metric[0].histogram = {3, 9, {{1, 0.5}}};
  EXPECT_THAT(text_of(family), HasSubstr("w_bucket{le=\"0.5\"} 1\nw_bucket{le=\"+Inf\"} 3\n"));
}

TEST(WriteFamily, ASummary) {
  prometheus::MetricFamily family = {"s", "S.", prometheus::MetricType::Summary, {with_value(0)}};
  family.metric[0].label = {{"a", "b"}};
  family.metric[0].summary = {4, 10.5, {{0.5, 2}, {0.99, std::nan("")}}};
  EXPECT_EQ(text_of(family),
            "# HELP s S.\n# TYPE s summary\ns{a=\"b\",quantile=\"0.5\"} 2\ns{a=\"b\",quantile=\"0.99\"} NaN\n"
            "s_sum{a=\"b\"} 10.5\ns_count{a=\"b\"} 4\n");
}

TEST(WriteFamily, OtherTypes) {
  prometheus::ClientMetric metric;
  metric.counter.value = 5;
  metric.untyped.value = 6;
  EXPECT_THAT(text_of({"c_total", "C.", prometheus::MetricType::Counter, {metric}}),
              HasSubstr("# TYPE c_total counter\nc_total 5\n"));
  EXPECT_THAT(text_of({"u", "U.", prometheus::MetricType::Untyped, {metric}}), HasSubstr("# TYPE u untyped\nu 6\n"));
}

TEST(ProcessStat, SurvivesBracketsInTheName) {
  const auto stat = parse_process_stat(kStat);
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->user_ticks, 150u);
  EXPECT_EQ(stat->system_ticks, 50u);
  EXPECT_EQ(stat->start_ticks, 1000u);
  EXPECT_EQ(stat->resident_pages, 10u);
}

TEST(ProcessStat, RefusesTruncatedAndGarbage) {
  const std::string whole(kStat);
  EXPECT_FALSE(parse_process_stat(""));
  EXPECT_FALSE(parse_process_stat("42 (a"));
  EXPECT_FALSE(parse_process_stat("42 (a) S 1 2 3"));
  EXPECT_FALSE(parse_process_stat(whole.substr(0, whole.find("223641600"))));
  std::string garbage = whole;
  garbage.replace(garbage.find("150"), 3, "max");
  EXPECT_THAT(parse_process_stat(garbage).error().message(), HasSubstr("field 14"));
}

}  // namespace
}  // namespace plimsoll::agent
