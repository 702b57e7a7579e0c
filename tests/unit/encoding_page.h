// SPDX-License-Identifier: Apache-2.0
// One page with everything in it that the formats treat differently; tests/golden/formats has it in each of them.
#pragma once

#include <limits>
#include <string>

#include "base/metric.h"

namespace plimsoll::test {

inline constexpr int64_t kStarted = 1'700'000'000'250'000'000;

struct Parts {
  MetricWriter& writer;
  std::string name;
  MetricType type;

  void start() { writer.family(name, "Parts of " + name + ".", type); }
  void part(std::string_view suffix) { writer.part(suffix); }
  LabelRef bound(double value) {
    const std::string_view label = type == MetricType::kHistogram ? "le" : "quantile";
    return writer.labels(LabelSet{{label, bound_text(value)}});
  }
};

inline void write_simple(MetricWriter& writer) {
  writer.family("cpu_seconds_total", "CPU time.", MetricType::kCounter);
  const LabelRef web = writer.labels(LabelSet{{"id", "/web"}, {"name", "a \"quoted\"\\ name\nof two lines"}}, kStarted);
  writer.sample(web, writer.labels(LabelSet{{"cpu", "0"}}), 12.5);
  writer.sample(writer.labels(LabelSet{{"id", "/\xE2\x82\xAC"}}), uint64_t{9007199254740993});
  writer.family("restarts", "A counter without the suffix.", MetricType::kCounter);
  writer.sample(web, 3);
  writer.family("memory_bytes", "Help with \"quotes\", a back\\slash and\na second line.", MetricType::kGauge);
  writer.sample(web, uint64_t{std::numeric_limits<uint64_t>::max()});
  writer.sample(-0.25);
  writer.family("extremes", "What no number is.", MetricType::kUntyped);
  writer.sample(writer.labels(LabelSet{{"x", "nan"}}), std::numeric_limits<double>::quiet_NaN());
  writer.sample(writer.labels(LabelSet{{"x", "inf"}}), std::numeric_limits<double>::infinity());
  writer.sample(writer.labels(LabelSet{{"x", ""}}), -std::numeric_limits<double>::infinity());
  writer.family("build_info", "1, with a version.", MetricType::kGauge);
  writer.sample(writer.labels(LabelSet{{"version", "1.2"}}), 1);
}

// Families whose OpenMetrics names would clash, or whose values OpenMetrics does not allow.
inline void write_clashes(MetricWriter& writer) {
  writer.family("jobs", "A gauge.", MetricType::kGauge);
  writer.sample(1);
  writer.family("jobs_total", "A counter beside it.", MetricType::kCounter);
  writer.sample(2);
  writer.family("calls_created", "As client libraries have it in text.", MetricType::kGauge);
  writer.sample(1.7e9);
  writer.family("calls_total", "A counter beside it.", MetricType::kCounter);
  writer.sample(4);
  writer.family("odd_total", "A counter that is none.", MetricType::kCounter);
  writer.sample(-1);
}

inline void write_points(MetricWriter& writer) {
  Parts wait{writer, "wait_seconds", MetricType::kHistogram};
  wait.start();
  const LabelRef a = writer.labels(LabelSet{{"disk", "a"}}, kStarted), b = writer.labels(LabelSet{{"disk", "b"}});
  const LabelRef most = wait.bound(std::numeric_limits<double>::infinity()), one = wait.bound(1);
  wait.part("_bucket");
  writer.sample(a, most, uint64_t{3});
  writer.sample(b, one, uint64_t{0});
  writer.sample(a, one, uint64_t{2});
  writer.sample(b, most, uint64_t{0});
  wait.part("_sum");
  writer.sample(a, 4.5);
  writer.sample(b, 0);
  wait.part("_count");
  writer.sample(a, uint64_t{3});
  writer.sample(b, uint64_t{0});

  Parts call{writer, "call_seconds", MetricType::kSummary};
  call.start();
  writer.sample(a, call.bound(0.5), 0.25);
  writer.sample(a, call.bound(1), std::numeric_limits<double>::quiet_NaN());
  call.part("_sum");
  writer.sample(a, 7.5);
  call.part("_count");
  writer.sample(a, uint64_t{9});

  Parts half{writer, "half_seconds", MetricType::kHistogram};  // as a script may leave it: no sum
  half.start();
  half.part("_bucket");
  writer.sample(half.bound(2), uint64_t{1});
  writer.sample(half.bound(std::numeric_limits<double>::infinity()), uint64_t{1});
  half.part("_count");
  writer.sample(uint64_t{1});
}

inline MetricPage page_of_everything() {
  MetricWriter writer;
  write_simple(writer);
  write_clashes(writer);
  write_points(writer);
  return writer.finish();
}

}  // namespace plimsoll::test
