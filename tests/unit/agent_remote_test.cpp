// SPDX-License-Identifier: Apache-2.0
// Remote write as the agent runs it: rhythm, what reaches the receiver, reload, and what it says about itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "agent/remote_metrics.h"
#include "agent/remote_writer.h"
#include "exporter/encoding/text.h"
#include "exporter/remote_write/write_request.h"
#include "http_receiver.h"
#include "temp_tree.h"
#include "write_request_reader.h"

namespace plimsoll::agent {
namespace {

using exporter::RemoteWriteConfig;
using test::HttpReceiver;
using test::ReadSeries;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using namespace std::chrono_literals;

constexpr int64_t kSecond = 1'000'000'000;

TEST(RemoteRhythm, FallsOnWholeIntervals) {
  const int64_t delay = first_delay_ns(100 * kSecond, 15 * kSecond, "a");
  EXPECT_GE(delay, 0);
  EXPECT_LT(delay, 15 * kSecond);
  for (int64_t later : {int64_t{1}, kSecond, 14 * kSecond, 3600 * kSecond + 7}) {
    const int64_t then = 100 * kSecond + later;
    const int64_t due = then + first_delay_ns(then, 15 * kSecond, "a");
    EXPECT_EQ((due - 100 * kSecond - delay) % (15 * kSecond), 0) << "a restart keeps the rhythm";
  }
  std::set<int64_t> moments;
  for (int i = 0; i < 50; ++i) moments.insert(first_delay_ns(0, 15 * kSecond, "node" + std::to_string(i)) / kSecond);
  EXPECT_GT(moments.size(), 8u) << "agents are spread over the interval";
  EXPECT_GE(first_delay_ns(-5, kSecond, "a"), 0) << "a clock before 1970";
}

TEST(RemoteFailing, IsWhatThePageSays) {
  MetricWriter writer;
  writer.family("node_scrape_collector_success", "S.", MetricType::kGauge);
  writer.sample(writer.labels({{"collector", "cpu"}}), true);
  writer.sample(writer.labels({{"collector", "disk"}}), false);
  writer.family("container_scrape_error", "E.", MetricType::kGauge);
  writer.sample(1);
  writer.family("machine_scrape_error", "E.", MetricType::kGauge);
  writer.sample(0);
  EXPECT_THAT(failing_collectors(writer.finish()), ElementsAre("container_scrape_error",
                                                               "node_scrape_collector_success"
                                                               R"(collector="disk")"));
}

TEST(RemoteMetrics, HaveALabelForEachReceiver) {
  std::vector<RemoteStats> all(2);
  all[0] = {"near", {2, 8192, 1000, 3, 4, 5}, {6, 7, 8, 9, 12'500}, 10, 11};
  all[1].name = "far";
  MetricWriter writer;
  write_remote_metrics(writer, all, 61'000);
  const std::string text = exporter::to_text(writer.finish());
  for (const char* line :
       {"samples_total{remote=\"near\"} 6", "bytes_total{remote=\"near\"} 7",
        "failed_requests_total{remote=\"near\"} 8", "dropped_samples_total{remote=\"near\",reason=\"refused\"} 9",
        "dropped_samples_total{remote=\"near\",reason=\"queue_full\"} 3",
        "dropped_samples_total{remote=\"near\",reason=\"disk\"} 4", "damaged_files_total{remote=\"near\"} 5",
        "collections_total{remote=\"near\"} 10", "skipped_collections_total{remote=\"near\"} 11",
        "pending_bytes{remote=\"near\"} 8192", "last_sent_timestamp_seconds{remote=\"near\"} 12.5",
        "behind_seconds{remote=\"near\"} 60", "samples_total{remote=\"far\"} 0", "behind_seconds{remote=\"far\"} 0"})
    EXPECT_THAT(text, HasSubstr("\nplimsoll_remote_write_" + std::string(line) + "\n"));
  EXPECT_THAT(text, Not(HasSubstr("last_sent_timestamp_seconds{remote=\"far\"}"))) << "never is no time";
  write_remote_metrics(writer, {}, 0);
  EXPECT_EQ(exporter::to_text(writer.finish()), "");
}

// A container that may end, and may not be readable.
class FakeContainers : public collectors::Collector {
 public:
  std::string_view name() const override { return "container"; }
  Result<void> collect(MetricWriter& writer) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(slow_ms));
    const bool broken = fails;
    writer.single({"container_scrape_error", "E.", MetricType::kGauge}, broken);
    writer.family("c_total", "C.", MetricType::kCounter);
    ++count;
    for (const char* name : {"stays", "ends"}) {
      if (!broken && (name[0] == 's' || !ended)) writer.sample(writer.labels({{"name", name}}), Value(count));
    }
    return broken ? Result<void>(unexpected(Error{EIO, "cgroup"})) : Result<void>();
  }
  std::atomic<bool> ended = false, fails = false;
  std::atomic<int> slow_ms = 0;
  uint64_t count = 0;
};

class RemoteWriterTest : public testing::Test {
 protected:
  test::TempTree tree;
  std::mutex mutex;
  std::vector<std::string> warnings, notes;
  FakeContainers* containers = nullptr;
  SelfMetrics self{HostRoots{}, {}, {}};
  Scraper scraper{{}, make(), self, [](const std::string&) {}, [](const std::string&) {}};
  HttpReceiver receiver{[this](size_t) { return HttpReceiver::status(down ? "503 Down" : "204 No Content"); }};
  std::atomic<bool> down = false;
  RemoteWriter writer{scraper, setup()};

  RemoteWriter::Setup setup() {
    return {tree.at("queues"), "node7", [this](const std::string& text) { keep(warnings, text); },
            [this](const std::string& text) { keep(notes, text); }};
  }

  Collectors make() {
    auto collector = std::make_unique<FakeContainers>();
    containers = collector.get();
    Collectors list;
    list.push_back(std::move(collector));
    return list;
  }
  void keep(std::vector<std::string>& list, const std::string& text) {
    const std::lock_guard lock(mutex);
    list.push_back(text);
  }
  RemoteWriteConfig config() const {
    RemoteWriteConfig config;
    config.name = "near";
    config.url = receiver.url();
    config.interval = 1s;
    config.max_backoff = 100ms;
    config.page = exporter::RemoteWritePage::kCadvisor;
    return config;
  }
  // Values of c_total by arrival, "stale" for the end, of the first `count` requests.
  std::vector<std::string> values(const std::vector<HttpReceiver::Got>& got, const std::string& name) const {
    std::vector<std::string> all;
    for (const auto& request : got) {
      for (const ReadSeries& series : test::read_write_request(request.body)) {
        if (series.label("__name__") != "c_total" || series.label("name") != name) continue;
        all.push_back(series.bits == exporter::kStaleBits ? "stale" : std::to_string(static_cast<int>(series.value())));
      }
    }
    return all;
  }
  std::string own_text() const {
    MetricWriter page;
    writer.write(page);
    return exporter::to_text(page.finish());
  }
};

TEST_F(RemoteWriterTest, SendsEachCollectionWithItsTimeAndLabels) {
  ASSERT_TRUE(writer.replace({config()}));
  const auto got = receiver.wait_for(3);
  EXPECT_THAT(values(got, "stays"), ElementsAre("1", "2", "3"));
  const auto first = test::read_write_request(got.at(0).body), second = test::read_write_request(got.at(1).body);
  EXPECT_EQ(first.at(1).text(), R"(c_total{instance="node7",job="plimsoll",name="stays"})");
  EXPECT_NEAR(static_cast<double>(second.at(0).timestamp_ms - first.at(0).timestamp_ms), 1000, 900);
  EXPECT_NEAR(static_cast<double>(second.at(0).timestamp_ms), static_cast<double>(wall_clock_ns()) / 1e6, 30'000);
  EXPECT_THAT(own_text(), HasSubstr("plimsoll_remote_write_collections_total{remote=\"near\"} "));
}

TEST_F(RemoteWriterTest, AnEndedContainersSeriesEnd) {
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(1);
  containers->ended = true;
  const auto got = receiver.wait_for(4);
  const auto ends = values(got, "ends");
  ASSERT_THAT(ends, Not(IsEmpty()));
  EXPECT_EQ(ends.back(), "stale");
  EXPECT_EQ(std::count(ends.begin(), ends.end(), "stale"), 1);
  EXPECT_THAT(values(got, "stays"), Not(testing::Contains("stale")));
}

TEST_F(RemoteWriterTest, AFailedCollectionEndsNothing) {
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(1);
  containers->fails = true;
  receiver.wait_for(2);
  containers->fails = false;
  const auto got = receiver.wait_for(4);
  EXPECT_THAT(values(got, "stays"), Not(testing::Contains("stale")));
  EXPECT_THAT(values(got, "ends"), Not(testing::Contains("stale")));
}

TEST_F(RemoteWriterTest, WhatCouldNotBeSentIsSentLaterByAnother) {
  down = true;
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(3);
  ASSERT_TRUE(writer.replace({}));
  down = false;
  const size_t before = receiver.wait_for(0).size();
  RemoteWriteConfig slow = config();
  slow.interval = 1h;
  ASSERT_TRUE(writer.replace({slow}));
  const auto got = receiver.wait_for(before + 1);
  EXPECT_THAT(values({got.begin() + static_cast<ptrdiff_t>(before), got.end()}, "stays").at(0), "1");
  EXPECT_THAT(warnings, testing::Contains(HasSubstr("remote write near: cannot send")));
}

TEST_F(RemoteWriterTest, ASlowCollectionCostsItsSuccessors) {
  containers->slow_ms = 1300;
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(2);
  EXPECT_THAT(own_text(), Not(HasSubstr("skipped_collections_total{remote=\"near\"} 0\n")));
}

TEST_F(RemoteWriterTest, AReloadKeepsWhatStaysAndUndoesWhatFails) {
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(1);
  ASSERT_TRUE(writer.replace({config()}));
  EXPECT_THAT(own_text(), Not(HasSubstr("\nplimsoll_remote_write_collections_total{remote=\"near\"} 0\n")))
      << "it was not started again";

  tree.write("file", "x");
  RemoteWriteConfig changed = config(), impossible = config();
  changed.job = "other";
  impossible.name = "unwritable";
  impossible.queue_directory = tree.at("file");
  const auto refused = writer.replace({changed, impossible});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("remote_write unwritable"), HasSubstr("queue_directory")));
  EXPECT_THAT(own_text(), AllOf(HasSubstr("remote=\"near\""), Not(HasSubstr("unwritable"))));
  const size_t before = receiver.wait_for(0).size();
  EXPECT_THAT(receiver.wait_for(before + 1).back().body, Not(HasSubstr("other"))) << "as it was";

  ASSERT_TRUE(writer.replace({}));
  EXPECT_EQ(own_text(), "");
}

TEST_F(RemoteWriterTest, AReloadRefusesTwoWithOneQueue) {
  ASSERT_TRUE(writer.replace({config()}));
  RemoteWriteConfig other = config();
  other.name = "far";
  for (const char* spelling : {"queues/near", "queues/near/", "queues//near", "queues/./near"}) {
    other.queue_directory = tree.at(spelling);
    for (const auto& both : {std::vector{config(), other}, std::vector{other, config()}}) {
      const auto refused = writer.replace(both);
      ASSERT_FALSE(refused) << spelling;
      EXPECT_THAT(refused.error().message(), AllOf(HasSubstr("queues/near is the queue of"), HasSubstr("of its own")));
    }
  }
  EXPECT_THAT(own_text(), AllOf(HasSubstr("remote=\"near\""), Not(HasSubstr("far")))) << "as it was";
  EXPECT_TRUE(writer.replace({other})) << "a queue may change its name";
  EXPECT_THAT(own_text(), HasSubstr("remote=\"far\""));
}

TEST_F(RemoteWriterTest, FilesThatAreNotThereRefuseAReload) {
  ASSERT_TRUE(writer.replace({config()}));
  tree.write("there", "x");
  const std::string missing = tree.at("missing"), there = tree.at("there");
  std::vector<std::pair<std::string, RemoteWriteConfig>> cases(5, {"", config()});
  cases[0].first = "tls_config.ca_file", cases[0].second.tls.ca_file = missing;
  cases[1].first = "tls_config.cert_file", cases[1].second.tls = {"", missing, there, "", true, 12, 0};
  cases[2].first = "tls_config.key_file", cases[2].second.tls = {"", there, missing, "", true, 12, 0};
  cases[3].first = "basic_auth.password_file", cases[3].second.password.file = missing;
  cases[4].first = "authorization.credentials_file", cases[4].second.credentials.file = missing;
  for (const auto& [field, changed] : cases) {
    const auto refused = writer.replace({changed});
    ASSERT_FALSE(refused) << field;
    EXPECT_EQ(refused.error().message(),
              "remote_write near: " + field + ": " + missing + ": No such file or directory");
  }
  RemoteWriteConfig directory = config();
  directory.password.file = tree.at("");
  EXPECT_THAT(writer.replace({directory}).error().message(), HasSubstr("is a directory; give a file"));
  directory.password.file = there;
  EXPECT_TRUE(writer.replace({directory}));
}

// What has arrived of c_total with name="stays" and this job: "stale" for its end.
std::vector<std::string> of_job(const std::vector<HttpReceiver::Got>& got, const std::string& job) {
  std::vector<std::string> all;
  for (const auto& request : got) {
    for (const ReadSeries& series : test::read_write_request(request.body)) {
      if (series.label("__name__") != "c_total" || series.label("name") != "stays" || series.label("job") != job)
        continue;
      all.push_back(series.bits == exporter::kStaleBits ? "stale" : "value");
    }
  }
  return all;
}

TEST_F(RemoteWriterTest, SeriesThatAReloadEndsGetMarkers) {
  RemoteWriter::Setup patience = setup();
  patience.farewell = 60s;
  RemoteWriter patient(scraper, patience);
  ASSERT_TRUE(patient.replace({config()}));
  receiver.wait_for(2);
  RemoteWriteConfig changed = config();
  changed.timeout = 7s;
  ASSERT_TRUE(patient.replace({changed}));
  receiver.wait_for(receiver.wait_for(0).size() + 1);
  EXPECT_THAT(of_job(receiver.wait_for(0), "plimsoll"), Not(testing::Contains("stale"))) << "they go on";

  changed.job = "other";
  ASSERT_TRUE(patient.replace({changed}));
  auto before = receiver.wait_for(0);
  EXPECT_EQ(of_job(before, "plimsoll").back(), "stale") << "sent before the reload is over";
  receiver.wait_for(before.size() + 2);
  ASSERT_TRUE(patient.replace({}));
  const auto got = receiver.wait_for(0);
  const auto first = of_job(got, "plimsoll"), second = of_job(got, "other");
  EXPECT_EQ(std::count(first.begin(), first.end(), "stale"), 1);
  EXPECT_EQ(first.back(), "stale");
  EXPECT_EQ(std::count(second.begin(), second.end(), "stale"), 1) << "taken out";
  EXPECT_EQ(second.back(), "stale");
}

TEST_F(RemoteWriterTest, MarkersThatCannotBeSentWaitForTheSuccessor) {
  ASSERT_TRUE(writer.replace({config()}));
  receiver.wait_for(1);
  down = true;
  RemoteWriteConfig changed = config();
  changed.external_labels = {{"job2", "x"}};
  ASSERT_TRUE(writer.replace({changed}));
  const size_t before = receiver.wait_for(0).size();
  down = false;
  const auto got = receiver.wait_for(before + 2);
  EXPECT_THAT(of_job({got.begin() + static_cast<ptrdiff_t>(before), got.end()}, "plimsoll"),
              testing::Contains("stale"));
}

TEST_F(RemoteWriterTest, AnEndOfTheAgentEndsNoSeries) {
  {
    RemoteWriter short_lived(scraper, {tree.at("other"), "node7", [](const auto&) {}, [](const auto&) {}});
    ASSERT_TRUE(short_lived.replace({config()}));
    receiver.wait_for(1);
  }
  EXPECT_THAT(of_job(receiver.wait_for(0), "plimsoll"), Not(testing::Contains("stale")));
}

TEST_F(RemoteWriterTest, ALostDiskIsSaidOnce) {
  RemoteWriteConfig small = config();
  small.max_samples_per_send = 1;
  small.queue_directory = tree.at("lost");
  ASSERT_TRUE(writer.replace({small}));
  receiver.wait_for(3);
  ASSERT_EQ(::rename(tree.at("lost").c_str(), tree.at("aside").c_str()), 0);
  tree.write("lost", "no directory");
  bool removed = false;
  for (int i = 0; i < 500 && !removed; ++i) {  // the writer makes files in it until it notices
    removed = remove_tree(tree.at("aside")).has_value();
    if (!removed) std::this_thread::sleep_for(10ms);
  }
  ASSERT_TRUE(removed);
  std::this_thread::sleep_for(3500ms);
  ASSERT_TRUE(writer.replace({}));
  const auto disk = std::count_if(warnings.begin(), warnings.end(), [](const std::string& text) {
    return text.find("cannot store samples") != std::string::npos;
  });
  EXPECT_EQ(disk, 1);
}

TEST_F(RemoteWriterTest, SelfMetricsWriteThemToo) {
  self.add_source([this](MetricWriter& page) { writer.write(page); });
  ASSERT_TRUE(writer.replace({config()}));
  EXPECT_THAT(exporter::to_text(*scraper.all()), HasSubstr("plimsoll_remote_write_pending_bytes{remote=\"near\"}"));
}

}  // namespace
}  // namespace plimsoll::agent
