// SPDX-License-Identifier: Apache-2.0
// What the spool promises: each ended container is counted exactly once, wherever a process dies.
#include "runtime/container/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/unit/temp_tree.h"

namespace plimsoll::container {
namespace {

using ::testing::HasSubstr;

const auto kAll = [](const ExitRecord&) { return true; };
const auto kNone = [](const ExitRecord&) { return false; };

struct SpoolTest : ::testing::Test {
  ExitRecord record(const std::string& id, uint64_t cpu_ns = 10) const {
    ExitRecord result;
    result.id = id;
    result.finished_ns = static_cast<int64_t>(cpu_ns);
    result.counters.cpu_usage_ns = cpu_ns;
    return result;
  }
  bool exists(const std::string& id) const { return ::access((roots.exited_dir() + "/" + id).c_str(), F_OK) == 0; }
  std::string totals_text() const { return read_file(roots.root + "/totals.json").value_or(""); }

  // Containers and CPU of the totals and the visible records together: what must never change.
  std::pair<uint64_t, uint64_t> sum() const {
    auto view = Spool(roots).read();
    EXPECT_TRUE(view) << view.error().message();
    Totals all = view->totals;
    for (const auto& visible : view->records) all.add(visible);
    return {all.containers, all.cpu_usage_ns};
  }

  test::TempTree tree;
  StateRoots roots{tree.at("root"), tree.at("run")};
  Spool spool{roots};
};

TEST_F(SpoolTest, NothingYetIsAnEmptyView) {
  const auto view = spool.read();
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_TRUE(view->records.empty());
  EXPECT_EQ(view->totals.containers, 0u);
  const auto consumed = spool.consume(kAll);
  ASSERT_TRUE(consumed);
  EXPECT_EQ(totals_text(), "") << "nothing to count, nothing to write";
}

TEST_F(SpoolTest, ARecordIsVisibleUntilItIsFolded) {
  ASSERT_TRUE(spool.put(record("a", 7)));
  auto view = spool.read();
  ASSERT_TRUE(view);
  ASSERT_EQ(view->records.size(), 1u);
  EXPECT_EQ(view->records[0].id, "a");

  view = spool.consume(kNone);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->records.size(), 1u);
  EXPECT_TRUE(view->folded.empty());

  view = spool.consume(kAll);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->records.empty());
  ASSERT_EQ(view->folded.size(), 1u);
  EXPECT_EQ(view->folded[0].id, "a");
  EXPECT_EQ(view->totals.containers, 1u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 7u);
  EXPECT_FALSE(exists("a"));

  view = spool.consume(kAll);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->folded.empty());
  EXPECT_EQ(view->totals.containers, 1u);
}

TEST_F(SpoolTest, OnlyTheExpiredAreFolded) {
  for (const uint64_t end : {1, 2, 3}) ASSERT_TRUE(spool.put(record("c" + std::to_string(end), end)));
  const auto view = spool.consume([](const ExitRecord& r) { return r.finished_ns < 3; });
  ASSERT_TRUE(view);
  EXPECT_EQ(view->totals.cpu_usage_ns, 3u);
  ASSERT_EQ(view->records.size(), 1u);
  EXPECT_EQ(view->records[0].id, "c3");
}

TEST_F(SpoolTest, TotalsAddEverythingThatIsCounted) {
  ExitRecord full = record("a");
  full.exit_code = 3;
  full.counters.oom_kills = 2;
  full.counters.cpu_user_ns = 4;
  full.counters.cpu_system_ns = 6;
  full.counters.cfs_throttled_ns = 5;
  full.counters.page_faults = 8;
  full.counters.major_page_faults = 1;
  full.counters.io = {{1, 0, 10, 20, 1, 2}, {2, 0, 100, std::nullopt, std::nullopt, 3}};
  full.counters.network = {{"eth0", 1, 2, 3, 4, 5, 6, 7, 8}, {"eth1", 10, 20, 0, 0, 50, 60, 0, 0}};
  Totals totals;
  totals.add(full);
  totals.add(full);
  EXPECT_EQ(totals.containers, 2u);
  EXPECT_EQ(totals.failed, 2u);
  EXPECT_EQ(totals.oom_kills, 4u);
  EXPECT_EQ(totals.cpu_usage_ns, 20u);
  EXPECT_EQ(totals.cpu_user_ns, 8u);
  EXPECT_EQ(totals.cpu_system_ns, 12u);
  EXPECT_EQ(totals.cfs_throttled_ns, 10u);
  EXPECT_EQ(totals.page_faults, 16u);
  EXPECT_EQ(totals.major_page_faults, 2u);
  EXPECT_EQ(totals.read_bytes, 220u);
  EXPECT_EQ(totals.written_bytes, 40u);
  EXPECT_EQ(totals.reads, 2u);
  EXPECT_EQ(totals.writes, 10u);
  EXPECT_EQ(totals.receive_bytes, 22u);
  EXPECT_EQ(totals.receive_packets, 44u);
  EXPECT_EQ(totals.transmit_bytes, 110u);
  EXPECT_EQ(totals.transmit_packets, 132u);
}

TEST_F(SpoolTest, TotalsDoNotWrapAndCountAnOomKillWithoutACounter) {
  Totals totals;
  totals.add(record("a", UINT64_MAX));
  totals.add(record("b", 5));
  EXPECT_EQ(totals.cpu_usage_ns, UINT64_MAX);
  ExitRecord killed = record("c");
  killed.oom_killed = true;
  totals.add(killed);
  EXPECT_EQ(totals.oom_kills, 1u);
  EXPECT_EQ(totals.failed, 0u);
}

TEST_F(SpoolTest, TotalsSurviveTheProcessAndGoOn) {
  ASSERT_TRUE(spool.put(record("a", 1)));
  ASSERT_TRUE(spool.consume(kAll));
  Spool next(roots);
  ASSERT_TRUE(next.put(record("b", 2)));
  const auto view = next.consume(kAll);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->totals.containers, 2u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 3u);
  EXPECT_EQ(view->totals.generation, 2u);
}

// ---- death at each step ----

TEST_F(SpoolTest, DeathWhileARecordIsWrittenLeavesNoRecord) {
  tree.write("run/exited/a.tmp", "{\"format\": 1, \"id\": ");
  const auto view = spool.read();
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->records.empty());
  EXPECT_EQ(view->unreadable, 0u) << "a file being written is not a broken one";
  EXPECT_TRUE(exists("a.tmp")) << "its writer may be alive";
  ASSERT_TRUE(spool.put(record("a")));
  EXPECT_EQ(sum().first, 1u);
}

TEST_F(SpoolTest, AStaleTemporaryFileIsRemoved) {
  tree.write("run/exited/a.tmp", "{");
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, tree.at("run/exited/a.tmp").c_str(), old, 0), 0);
  ASSERT_TRUE(spool.read());
  EXPECT_FALSE(exists("a.tmp"));
}

TEST_F(SpoolTest, DeathBetweenTotalsAndDeletionCountsOnce) {
  ASSERT_TRUE(spool.put(record("a", 5)));
  ASSERT_TRUE(spool.consume(kAll));
  ASSERT_TRUE(spool.put(record("a", 5)));  // as if the unlink had not happened
  Spool next(roots);
  auto view = next.read();
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->records.empty()) << "counted already, so no longer shown";
  EXPECT_EQ(view->totals.containers, 1u);
  view = next.consume(kAll);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->totals.containers, 1u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 5u);
  ASSERT_EQ(view->folded.size(), 1u) << "its cgroup may still be there";
  EXPECT_FALSE(exists("a"));
}

TEST_F(SpoolTest, ACountedIdIsForgottenWithTheNextChange) {
  ASSERT_TRUE(spool.put(record("a")));
  ASSERT_TRUE(spool.consume(kAll));
  ASSERT_TRUE(spool.put(record("b")));
  const auto view = spool.consume(kAll);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->totals.counted_ids, std::vector<std::string>{"b"});
}

TEST_F(SpoolTest, DeathOfTheMonitorAfterItsRecordDoesNotCountTwice) {
  // The monitor wrote the record and died before state.json said "exited"; the record is consumed;
  // much later somebody ends the container on the monitor's behalf and writes the record again.
  State running;
  running.status = Status::kRunning;
  tree.write("root/containers/a/state.json", to_json(running));
  ASSERT_TRUE(spool.put(record("a", 5)));
  ASSERT_TRUE(spool.consume(kAll));
  ASSERT_TRUE(spool.put(record("b", 1)));
  ASSERT_TRUE(spool.consume(kAll));
  ASSERT_TRUE(spool.put(record("a", 5)));
  EXPECT_EQ(sum(), (std::pair<uint64_t, uint64_t>{2, 6}));
  ASSERT_TRUE(spool.consume(kAll));
  EXPECT_EQ(sum(), (std::pair<uint64_t, uint64_t>{2, 6}));
}

TEST_F(SpoolTest, KilledConsumersNeitherRepeatNorLose) {
  constexpr uint64_t kRecords = 300;
  for (uint64_t i = 0; i < kRecords; ++i) ASSERT_TRUE(spool.put(record("c" + std::to_string(i), i)));
  for (int round = 0; round < 40; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      Spool own(roots);
      for (uint64_t i = 0;; ++i) {
        (void)own.consume([&](const ExitRecord& r) { return static_cast<uint64_t>(r.finished_ns) % 50 == i % 50; })
            .has_value();
      }
    }
    ::usleep(static_cast<useconds_t>(500 + round * 700));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ASSERT_EQ(sum(), (std::pair<uint64_t, uint64_t>{kRecords, kRecords * (kRecords - 1) / 2})) << "round " << round;
  }
}

TEST_F(SpoolTest, ReadersSeeEveryContainerOnceWhileOneConsumes) {
  constexpr uint64_t kRecords = 60;
  for (uint64_t i = 0; i < kRecords; ++i) ASSERT_TRUE(spool.put(record("c" + std::to_string(i), 1)));
  std::thread consumer([&] {
    Spool own(roots);
    for (uint64_t i = 0; i < kRecords; ++i) {
      EXPECT_TRUE(own.consume([&](const ExitRecord& r) { return r.id == "c" + std::to_string(i); }));
    }
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sum().first, kRecords);
  consumer.join();
  EXPECT_EQ(sum().first, kRecords);
}

// ---- hostile and foreign files ----

TEST_F(SpoolTest, WhatIsNoRecordIsSkippedAndCounted) {
  ASSERT_TRUE(spool.put(record("good", 3)));
  tree.write("run/exited/garbage", "\xFF\x00{{{");
  tree.write("run/exited/empty", "");
  tree.write("run/exited/newer", R"({"format": 2, "id": "newer"})");
  tree.write("run/exited/otherid", to_json(record("good", 3)));
  tree.write("run/exited/huge", std::string(3 << 20, ' ') + to_json(record("huge")));
  tree.make_dir("run/exited/directory");
  ASSERT_EQ(::mkfifo(tree.at("run/exited/fifo").c_str(), 0600), 0);
  tree.write("outside", to_json(record("link")));
  ASSERT_EQ(::symlink(tree.at("outside").c_str(), tree.at("run/exited/link").c_str()), 0);

  auto view = spool.consume(kAll);
  ASSERT_TRUE(view) << view.error().message();
  EXPECT_EQ(view->unreadable, 8u);
  EXPECT_EQ(view->totals.containers, 1u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 3u);
  EXPECT_TRUE(exists("newer")) << "the plimsoll that wrote it will count it";
}

TEST_F(SpoolTest, BrokenTotalsAreAnErrorWithARemedyAndNeverOverwritten) {
  for (const char* text : {"", "[]", "{\"format\": 1, \"containers\": -1}", "{\"format\": 9}"}) {
    tree.write("root/totals.json", text);
    ASSERT_TRUE(spool.put(record("a")));
    const auto view = spool.consume(kAll);
    ASSERT_FALSE(view) << text;
    EXPECT_THAT(view.error().message(), HasSubstr("totals.json"));
    EXPECT_FALSE(spool.read()) << text;
    EXPECT_EQ(totals_text(), text);
    EXPECT_TRUE(exists("a"));
  }
}

TEST_F(SpoolTest, BeyondItsBoundTheOldestAreFoldedEarly) {
  for (size_t i = 0; i < kMaxRecords + 5; ++i) ASSERT_TRUE(spool.put(record("c" + std::to_string(i), i + 1)));
  const auto view = spool.consume(kNone);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->records.size(), kMaxRecords);
  EXPECT_EQ(view->totals.containers, 5u);
  EXPECT_EQ(view->totals.cpu_usage_ns, 1u + 2 + 3 + 4 + 5);
}

TEST_F(SpoolTest, AnUnwritableRootIsAnErrorAndLosesNothing) {
  ASSERT_TRUE(spool.put(record("a")));
  tree.write("root", "a file where the directory should be");
  EXPECT_FALSE(spool.consume(kAll));
  EXPECT_TRUE(exists("a"));
  EXPECT_FALSE(Spool(StateRoots{tree.at("root"), tree.at("root")}).put(record("b")));
}

TEST_F(SpoolTest, OneConsumerAtATime) {
  auto first = spool.try_lock();
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->valid());
  auto second = Spool(roots).try_lock();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->valid());
  first->reset();
  second = Spool(roots).try_lock();
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->valid());
}

}  // namespace
}  // namespace plimsoll::container
