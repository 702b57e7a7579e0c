// SPDX-License-Identifier: Apache-2.0
// How the agent collects: one collection for concurrent requests, failures said once, own metrics.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include "agent/failure_log.h"
#include "agent/scraper.h"
#include "agent/self_metrics.h"
#include "agent/single_flight.h"
#include "exporter/encoding/text.h"
#include "temp_tree.h"

namespace plimsoll::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr MetricDesc kNumber = {"number", "A number.", MetricType::kGauge};

MetricPage page_of(int number) {
  MetricWriter writer;
  writer.single(kNumber, number);
  return writer.finish();
}

double number_in(const SharedPage& page) { return page->samples(0).first->value().number(); }

TEST(SingleFlight, RequestsDuringACollectionShareIt) {
  std::atomic<int> started = 0;
  std::latch go(1);
  SingleFlight flight([&](int64_t) {
    const int number = ++started;
    if (number == 1) go.wait();
    return page_of(number);
  });
  std::vector<SharedPage> pages(8);
  std::vector<std::thread> clients;
  for (SharedPage& page : pages) clients.emplace_back([&] { page = flight.get(); });
  while (started == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // lets the others arrive
  go.count_down();
  for (std::thread& client : clients) client.join();
  for (const SharedPage& page : pages) EXPECT_EQ(page, pages[0]);
  EXPECT_EQ(started, 1);
}

TEST(SingleFlight, ALaterRequestGetsANewCollection) {
  int started = 0;
  SingleFlight flight([&](int64_t) { return page_of(++started); });
  const SharedPage first = flight.get();
  EXPECT_EQ(number_in(first), 1);
  EXPECT_EQ(number_in(flight.get()), 2);
  EXPECT_EQ(number_in(first), 1) << "a page in use stays as it was";
}

TEST(SingleFlight, KeepsNothingBetweenRequests) {
  SingleFlight flight([](int64_t) { return page_of(1); });
  std::weak_ptr<const MetricPage> seen = flight.get();
  EXPECT_TRUE(seen.expired());
}

TEST(SingleFlight, NeverCollectsTwiceAtOnce) {
  std::atomic<int> running = 0, most = 0, total = 0;
  SingleFlight flight([&](int64_t) {
    most = std::max(most.load(), ++running);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --running;
    return page_of(++total);
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      double last = 0;
      for (int k = 0; k < 50; ++k) {
        const double now = number_in(flight.get());
        EXPECT_GE(now, last) << "a page older than the last one";
        last = now;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(most, 1);
  EXPECT_LT(total, 400);
}

// A flight that lasts until `second` has joined it, and that `second`'s get() was given `deadline_ns`: the deadlines
// of the collections that this made.
std::vector<int64_t> deadlines_with(int64_t first_ns, int64_t second_ns) {
  std::mutex mutex;
  std::vector<int64_t> held;
  std::latch go(1), running(1);
  SingleFlight flight([&](int64_t deadline_ns) {
    {
      const std::lock_guard lock(mutex);
      held.push_back(deadline_ns);
    }
    if (deadline_ns == first_ns) {
      running.count_down();
      go.wait();
    }
    return page_of(1);
  });
  std::thread first([&] { flight.get(first_ns); });
  running.wait();
  std::thread second([&] { flight.get(second_ns); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // lets it join
  go.count_down();
  first.join();
  second.join();
  return held;
}

TEST(SingleFlight, TheFirstOnesDeadlineHolds) {
  constexpr int64_t kHour = 3'600'000'000'000;
  const int64_t now = monotonic_ns();
  EXPECT_THAT(deadlines_with(now + kHour, now + 2 * kHour), testing::ElementsAre(now + kHour));
}

TEST(SingleFlight, WhatRanOutOfTimeIsNotForWhoHasMore) {
  const int64_t now = monotonic_ns();
  EXPECT_THAT(deadlines_with(now, INT64_MAX), testing::ElementsAre(now, INT64_MAX));
  EXPECT_THAT(deadlines_with(now, now - 1), testing::ElementsAre(now)) << "who has less shares it";
}

class FailureLogTest : public testing::Test {
 protected:
  std::vector<std::string> warnings, notes;
  FailureLog log{[this](const std::string& text) { warnings.push_back(text); },
                 [this](const std::string& text) { notes.push_back(text); }};
};

TEST_F(FailureLogTest, SaysTheSameFailureOnce) {
  for (int i = 0; i < 3; ++i) {
    log.failed("cpu", Error{EIO, "stat"});
    log.end_round();
  }
  EXPECT_THAT(warnings, ElementsAre("collector cpu failed: stat: Input/output error"));
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(FailureLogTest, SaysAnotherFailureAgain) {
  log.failed("cpu", Error{EIO, "stat"});
  log.end_round();
  log.failed("cpu", Error{EACCES, "stat"});
  log.failed("meminfo", Error{EIO, "meminfo"});
  log.end_round();
  EXPECT_EQ(warnings.size(), 3u);
}

TEST_F(FailureLogTest, SaysRecoveryOnceAndTheNextFailureAgain) {
  log.failed("cpu", invalid("broken"));
  log.end_round();
  log.end_round();
  log.end_round();
  EXPECT_THAT(notes, ElementsAre("collector cpu works again"));
  log.failed("cpu", invalid("broken"));
  EXPECT_EQ(warnings.size(), 2u);
}

class FakeCollector : public collectors::Collector {
 public:
  FakeCollector(std::string name, const std::atomic<int>& error) : name_(std::move(name)), error_(error) {}
  std::string_view name() const override { return name_; }
  Result<void> collect(MetricWriter& writer) override {
    writer.family("fake_" + name_, "Fake.", MetricType::kGauge);
    writer.sample(1);
    if (error_ != 0) return unexpected(Error{error_, "source"});
    return {};
  }

 private:
  std::string name_;
  const std::atomic<int>& error_;  // errno to fail with, 0 = none
};

class ScraperTest : public testing::Test {
 protected:
  static Collectors one(const char* name, const std::atomic<int>& error) {
    Collectors list;
    list.push_back(std::make_unique<FakeCollector>(name, error));
    return list;
  }
  std::string all() { return exporter::to_text(*scraper.all()); }

  std::atomic<int> node_error = 0, container_error = 0;
  const std::vector<std::string> routes = {"/metrics"};
  const std::vector<std::string> names = {"disk", "container"};
  SelfMetrics self{HostRoots{}, routes, names};
  std::vector<std::string> warnings, notes;
  Scraper scraper{one("disk", node_error), one("container", container_error), self,
                  [this](const std::string& text) { warnings.push_back(text); },
                  [this](const std::string& text) { notes.push_back(text); }};
};

TEST_F(ScraperTest, PagesHoldTheirHalves) {
  EXPECT_THAT(all(), testing::AllOf(HasSubstr("\nfake_disk 1"), HasSubstr("\nfake_container 1"),
                                    HasSubstr("node_scrape_collector_success{collector=\"disk\"} 1"),
                                    HasSubstr("plimsoll_build_info{compiler=")));
  const std::string node = exporter::to_text(*scraper.node());
  EXPECT_THAT(node, testing::AllOf(HasSubstr("fake_disk 1"), Not(HasSubstr("container")), Not(HasSubstr("plimsoll_"))));
  const std::string container = exporter::to_text(*scraper.container());
  EXPECT_THAT(container,
              testing::AllOf(HasSubstr("fake_container 1"), Not(HasSubstr("node_")), Not(HasSubstr("plimsoll_"))));
}

TEST_F(ScraperTest, OneFailingCollectorCostsNothingElse) {
  node_error = EIO;
  container_error = EACCES;
  const std::string text = all();
  EXPECT_THAT(text, testing::AllOf(HasSubstr("\nfake_disk 1"), HasSubstr("\nfake_container 1"),
                                   HasSubstr("node_scrape_collector_success{collector=\"disk\"} 0"),
                                   HasSubstr("plimsoll_collection_failures_total{collector=\"disk\"} 1"),
                                   HasSubstr("plimsoll_collection_failures_total{collector=\"container\"} 1")));
  all();
  EXPECT_EQ(warnings.size(), 2u) << "said once";
  node_error = container_error = 0;
  EXPECT_THAT(all(), HasSubstr("plimsoll_collection_failures_total{collector=\"container\"} 2\n"));
  EXPECT_EQ(notes.size(), 2u);
}

TEST_F(ScraperTest, WhatTheMachineDoesNotHaveIsNoFailure) {
  node_error = container_error = ENODATA;
  EXPECT_THAT(all(), testing::AllOf(HasSubstr("plimsoll_collection_failures_total{collector=\"disk\"} 0"),
                                    HasSubstr("plimsoll_collection_failures_total{collector=\"container\"} 0")));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ScraperTest, IsReadyAfterAGoodCollection) {
  EXPECT_FALSE(scraper.ready());
  container_error = EIO;
  all();
  EXPECT_FALSE(scraper.ready());
  container_error = 0;
  scraper.container();
  EXPECT_TRUE(scraper.ready());
  container_error = EIO;
  all();
  EXPECT_TRUE(scraper.ready()) << "a later failure is for container_scrape_error";
}

TEST_F(ScraperTest, CountsCollections) {
  scraper.node();
  scraper.node();
  EXPECT_THAT(all(), testing::AllOf(HasSubstr("plimsoll_collections_total{half=\"node\"} 3"),
                                    HasSubstr("plimsoll_collections_total{half=\"container\"} 1")));
}

std::shared_ptr<const Rules> rules_of(const RuleWords& words) {
  auto rules = Rules::parse(words);
  EXPECT_TRUE(rules);
  return std::shared_ptr<const Rules>(std::move(*rules));
}

TEST_F(ScraperTest, RulesHoldFromTheNextCollectionOn) {
  scraper.set_rules(rules_of({.deny = {"fake_disk", "plimsoll_build_info"}}));
  EXPECT_THAT(all(), testing::AllOf(Not(HasSubstr("fake_disk")), HasSubstr("fake_container 1"),
                                    Not(HasSubstr("plimsoll_build_info")), HasSubstr("plimsoll_collections_total"),
                                    HasSubstr("node_scrape_collector_success{collector=\"disk\"} 1")));
  scraper.set_rules(rules_of({}));
  EXPECT_THAT(all(), HasSubstr("fake_disk 1"));
}

TEST_F(ScraperTest, DroppedSeriesAreCounted) {
  EXPECT_THAT(all(), HasSubstr("plimsoll_series_dropped_total{reason=\"rule\"} 0\n"));
  scraper.set_rules(rules_of({.drop = {"fake_.*"}}));
  scraper.node();
  scraper.container();
  EXPECT_THAT(all(), testing::AllOf(HasSubstr("plimsoll_series_dropped_total{reason=\"rule\"} 2\n"),
                                    HasSubstr("plimsoll_series_dropped_total{reason=\"budget\"} 0\n"),
                                    Not(HasSubstr("fake_"))));
}

TEST_F(ScraperTest, OneRequestsNames) {
  const auto selection = Selection::parse("name[]=fake_d.*", scraper.selectable());
  ASSERT_TRUE(selection);
  const std::string text = exporter::to_text(*scraper.all(INT64_MAX, *selection));
  EXPECT_THAT(text, testing::AllOf(HasSubstr("fake_disk 1"), Not(HasSubstr("fake_container")),
                                   Not(HasSubstr("plimsoll_")), HasSubstr("node_scrape_collector_success")));
  scraper.set_rules(rules_of({.deny = {"fake_disk"}}));
  EXPECT_THAT(exporter::to_text(*scraper.all(INT64_MAX, *selection)), Not(HasSubstr("fake_disk")));
  EXPECT_TRUE(scraper.ready());
}

TEST_F(ScraperTest, HostCollectorsCanBeReplaced) {
  node_error = EIO;
  all();
  scraper.replace_node(one("cpu", container_error));
  EXPECT_THAT(all(), testing::AllOf(HasSubstr("fake_cpu 1"), Not(HasSubstr("fake_disk")),
                                    HasSubstr("plimsoll_collection_failures_total{collector=\"cpu\"} 0")));
  EXPECT_THAT(notes, IsEmpty()) << "the disk does not work again, it is gone";
  EXPECT_TRUE(scraper.selectable().contains("cpu"));
  EXPECT_FALSE(scraper.selectable().contains("disk"));
}

TEST_F(ScraperTest, ReplacingWaitsForNoPageAndBreaksNone) {
  std::atomic<bool> done = false;
  std::thread client([&] {
    while (!done) EXPECT_THAT(exporter::to_text(*scraper.node()), HasSubstr("node_scrape_collector_success"));
  });
  for (int i = 0; i < 200; ++i) {
    scraper.replace_node(one(i % 2 ? "cpu" : "disk", node_error));
    scraper.set_rules(rules_of({.drop = {i % 2 ? "{collector=\"another\"}" : "nothing"}}));
    scraper.change_container([] {});
  }
  scraper.replace_node(one("disk", node_error));
  scraper.set_rules(rules_of({}));
  done = true;
  client.join();
}

}  // namespace
}  // namespace plimsoll::agent
