// SPDX-License-Identifier: Apache-2.0
#include "collectors/runner.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/page_text.h"

namespace plimsoll::collectors {
namespace {

constexpr MetricDesc kBefore = {"before", "Written before the failure.", MetricType::kGauge};
constexpr MetricDesc kAfter = {"after", "Started and left empty.", MetricType::kGauge};

// Writes one sample, starts a second family, and ends as it is told.
class Scripted : public Collector {
 public:
  Scripted(std::string name, Result<void> end, std::chrono::milliseconds pause = {})
      : name_(std::move(name)), end_(std::move(end)), pause_(pause) {}
  std::string_view name() const override { return name_; }
  Result<void> collect(MetricWriter& writer) override {
    std::this_thread::sleep_for(pause_);
    writer.family(kBefore);
    writer.sample(writer.labels(LabelSet{{"by", name_}}), 1);
    writer.family(kAfter);
    return end_;
  }

 private:
  std::string name_;
  Result<void> end_;
  std::chrono::milliseconds pause_;
};

struct Outcome {
  MetricPage page;
  std::vector<std::string> failures;
};

Outcome run(std::vector<std::unique_ptr<Collector>> collectors) {
  Outcome result;
  MetricWriter writer;
  run_collectors(collectors, writer, [&](std::string_view name, const Error& error) {
    result.failures.push_back(std::string(name) + " " + error.message());
  });
  result.page = writer.finish();
  return result;
}

template <typename... C>
std::vector<std::unique_ptr<Collector>> list(C... collectors) {
  std::vector<std::unique_ptr<Collector>> all;
  (all.push_back(std::make_unique<Scripted>(std::move(collectors))), ...);
  return all;
}

TEST(Runner, SaysOfEachCollectorHowItWent) {
  const Outcome result = run(list(Scripted("good", {}), Scripted("bad", fail("broken"))));
  EXPECT_EQ(test::page_text(result.page, "node_scrape_collector_success"),
            "node_scrape_collector_success{collector=\"good\"} 1\n"
            "node_scrape_collector_success{collector=\"bad\"} 0\n");
  EXPECT_EQ(test::type_of(result.page, "node_scrape_collector_success"), "gauge");
  EXPECT_EQ(test::type_of(result.page, "node_scrape_collector_duration_seconds"), "gauge");
}

TEST(Runner, AFailingCollectorKeepsWhatItWroteAndStopsNobody) {
  const Outcome result = run(list(Scripted("bad", fail("broken")), Scripted("good", {})));
  EXPECT_EQ(test::page_text(result.page, "before"), "before{by=\"bad\"} 1\nbefore{by=\"good\"} 1\n");
  EXPECT_EQ(test::type_of(result.page, "after"), "");
  EXPECT_EQ(result.failures, (std::vector<std::string>{"bad broken"}));
}

TEST(Runner, WhatTheMachineDoesNotHaveIsNoFailureToReport) {
  const Outcome result = run(list(Scripted("psi", not_present("pressure"))));
  EXPECT_EQ(test::page_text(result.page, "node_scrape_collector_success"),
            "node_scrape_collector_success{collector=\"psi\"} 0\n");
  EXPECT_TRUE(result.failures.empty());
}

TEST(Runner, MeasuresTheTimeOfEach) {
  const Outcome result = run(list(Scripted("slow", {}, std::chrono::milliseconds(20)), Scripted("quick", {})));
  const auto& families = result.page.families();
  for (size_t i = 0; i < families.size(); ++i) {
    if (families[i].desc.name != "node_scrape_collector_duration_seconds") continue;
    const auto [first, last] = result.page.samples(i);
    ASSERT_EQ(last - first, 2);
    EXPECT_GE(first[0].value().number(), 0.020);
    EXPECT_GE(first[1].value().number(), 0);
    EXPECT_LT(first[1].value().number(), first[0].value().number());
    return;
  }
  FAIL() << "no durations";
}

TEST(Runner, RunsWithoutCollectorsAndWithoutHandler) {
  EXPECT_EQ(test::page_text(run({}).page), "");
  MetricWriter writer;
  const auto collectors = list(Scripted("bad", fail("broken")));
  run_collectors(collectors, writer, nullptr);
  EXPECT_NE(test::page_text(writer.finish()), "");
}

}  // namespace
}  // namespace plimsoll::collectors
