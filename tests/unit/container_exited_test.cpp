// SPDX-License-Identifier: Apache-2.0
// Live, frozen, counted: in every scrape a container is exactly one of the three.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/container_machine.h"

namespace plimsoll::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kMinute = 60'000'000'000;
const std::string kLabels = "{id=\"" + kPath + "\",image=\"rootfs:busybox\",name=\"web\"";

enum class Shown { kNowhere, kLive, kFrozen, kCounted, kSeveral };

// Where the container's CPU time is in this page; it has to be in one place only.
Shown where(const std::string& text) {
  const bool live = text.find("container_last_seen" + kLabels) != std::string::npos;
  const bool usage = text.find("container_cpu_usage_seconds_total" + kLabels) != std::string::npos;
  const bool ended = text.find("plimsoll_container_exit_code" + kLabels) != std::string::npos;
  const bool counted = text.find("plimsoll_exited_containers_total 1\n") != std::string::npos;
  if (live + ended + counted > 1) return Shown::kSeveral;
  if (usage != (live || ended)) return Shown::kSeveral;
  if (live) return Shown::kLive;
  if (ended) return Shown::kFrozen;
  return counted ? Shown::kCounted : Shown::kNowhere;
}

class Exited : public testing::TestWithParam<Machine::Cgroups> {
 protected:
  Exited() : machine(GetParam()) { machine.container(5); }
  Machine machine;
};
INSTANTIATE_TEST_SUITE_P(ContainerCollector, Exited,
                         testing::Values(Machine::Cgroups::kV1, Machine::Cgroups::kHybrid, Machine::Cgroups::kV2));

TEST_P(Exited, LiveThenFrozenThenCounted) {
  Scraper scraper(machine.options());
  EXPECT_EQ(where(scraper.scrape()), Shown::kLive);
  const uint64_t inode = machine.inode(kPath);
  machine.put(machine.record(inode));
  EXPECT_EQ(where(scraper.scrape()), Shown::kFrozen) << "the record is there, the group too";
  machine.remove_group(kPath);
  EXPECT_EQ(where(scraper.scrape()), Shown::kFrozen);

  auto options = machine.options();
  options.exited_retention = std::chrono::nanoseconds(0);
  EXPECT_NE(where(Scraper(options).scrape()), Shown::kCounted) << "the first agent is the consumer";
}

TEST_P(Exited, CountedInTheScrapeInWhichTheFrozenSeriesGo) {
  const uint64_t inode = machine.inode(kPath);
  machine.put(machine.record(inode, wall_clock_ns() - 6 * kMinute));
  machine.remove_group(kPath);
  Scraper scraper(machine.options());
  const std::string text = scraper.scrape();
  EXPECT_EQ(where(text), Shown::kCounted);
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_cpu_usage_seconds_total 7.5\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_failed_total 1\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_oom_kills_total 1\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_fs_writes_bytes_total 8192\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_network_transmit_bytes_total 22\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_memory_page_faults_total 77\n"));
  EXPECT_EQ(where(scraper.scrape()), Shown::kCounted);
}

TEST_P(Exited, CountedContainerWhoseDirectoryStillStandsIsNotLive) {
  machine.put(machine.record(machine.inode(kPath), wall_clock_ns() - 6 * kMinute));
  Scraper scraper(machine.options());
  EXPECT_EQ(where(scraper.scrape()), Shown::kCounted);
  EXPECT_EQ(where(scraper.scrape()), Shown::kCounted);
  machine.remove_group(kPath);
  EXPECT_EQ(where(scraper.scrape()), Shown::kCounted);
}

TEST_P(Exited, AfterARestartTheStateTellsThatAStandingGroupHasEnded) {
  machine.put(machine.record(machine.inode(kPath), wall_clock_ns() - 6 * kMinute));
  { EXPECT_EQ(where(Scraper(machine.options()).scrape()), Shown::kCounted); }
  plimsoll::container::State state;
  state.status = plimsoll::container::Status::kExited;
  state.started_ns = 1;
  state.exit = machine.record(machine.inode(kPath));
  machine.tree.write("root/containers/" + kId + "/state.json", to_json(state));
  EXPECT_EQ(where(Scraper(machine.options()).scrape()), Shown::kCounted);
}

TEST_P(Exited, FrozenSeriesAreCountersOnly) {
  machine.put(machine.record(machine.inode(kPath)));
  const std::string text = lines_with(Scraper(machine.options()).scrape(), "name=\"web\"");
  EXPECT_THAT(text, HasSubstr("container_cpu_user_seconds_total" + kLabels + "} 5\n"));
  EXPECT_THAT(text, HasSubstr("container_oom_events_total" + kLabels + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("container_fs_reads_bytes_total" + kLabels + ",device=\"/dev/vda\"} 4096\n"));
  EXPECT_THAT(text, HasSubstr("container_network_receive_bytes_total" + kLabels + ",interface=\"eth0\"} 11\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_container_exit_code" + kLabels + "} 137\n"));
  EXPECT_THAT(text, HasSubstr("plimsoll_container_oom_killed" + kLabels + "} 1\n"));
  for (const char* gone : {"container_memory_usage_bytes", "container_last_seen", "container_spec_",
                           "container_threads", "container_start_time_seconds", "container_creation_time_seconds"}) {
    EXPECT_THAT(text, Not(HasSubstr(gone)));
  }
}

TEST_P(Exited, FrozenCountersCountSinceTheStart) {
  const auto record = machine.record(machine.inode(kPath));
  machine.put(record);
  const auto starts = starts_of(Scraper(machine.options()).page(), "container_cpu_user_seconds_total");
  ASSERT_TRUE(starts.contains(kLabels.substr(1)));
  EXPECT_EQ(starts.at(kLabels.substr(1)), record.started_ns);
}

TEST_P(Exited, FrozenSeriesHaveTheLabelsOfTheLiveOnes) {
  machine.tree.write("cgroup/cpuacct" + kPath + "/cpuacct.usage_percpu", "7000000000 0 0 0 \n");
  Scraper scraper(machine.options());
  const auto series = [](const std::string& text) { return text.substr(0, text.rfind(' ')); };
  const std::string live = lines_with(scraper.scrape("container_cpu_usage"), "name=\"web\"");
  machine.put(machine.record(machine.inode(kPath)));
  const std::string frozen = lines_with(scraper.scrape("container_cpu_usage"), "name=\"web\"");
  EXPECT_EQ(series(live.substr(0, live.find('\n'))), series(frozen.substr(0, frozen.find('\n'))));
  EXPECT_EQ(std::count(live.begin(), live.end(), '\n'), std::count(frozen.begin(), frozen.end(), '\n'));
}

TEST_P(Exited, WithoutPercpuFrozenUsageIsTheTotal) {
  machine.put(machine.record(machine.inode(kPath)));
  auto options = machine.options();
  options.kinds.set(collectors::container::Kind::kPercpu, false);
  EXPECT_THAT(Scraper(options).scrape("container_cpu_usage"), HasSubstr(kLabels + ",cpu=\"total\"} 7.5\n"));
}

TEST_P(Exited, ANewLifeOfThePathWinsAndTheOldOneIsCountedAtOnce) {
  machine.put(machine.record(machine.inode(kPath) + 1'000'000));
  const std::string text = Scraper(machine.options()).scrape();
  EXPECT_THAT(text, HasSubstr("container_last_seen" + kLabels));
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_containers_total 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("plimsoll_container_exit_code")));
}

TEST_P(Exited, RemainsOfAGroupAreNotANewLife) {
  if (GetParam() == Machine::Cgroups::kV2) GTEST_SKIP() << "one tree: a group is there or not";
  machine.put(machine.record(machine.inode(kPath)));
  EXPECT_TRUE(remove_tree(machine.tree.at("cgroup/memory" + kPath)));
  EXPECT_EQ(where(Scraper(machine.options()).scrape()), Shown::kFrozen);
}

TEST_P(Exited, AnotherConsumersRecordsAreOnlyShown) {
  auto lock = plimsoll::container::Spool(machine.state_roots()).try_lock();
  ASSERT_TRUE(lock && *lock);
  machine.put(machine.record(machine.inode(kPath), wall_clock_ns() - 6 * kMinute));
  Scraper scraper(machine.options());
  EXPECT_EQ(where(scraper.scrape()), Shown::kFrozen);
  lock->reset();
  EXPECT_EQ(where(scraper.scrape()), Shown::kCounted) << "it becomes the consumer when the other ends";
}

TEST_P(Exited, TwoRecordsOfOnePathDoNotSpoilThePage) {
  machine.put(machine.record(machine.inode(kPath)));
  auto other = machine.record(machine.inode(kPath));
  other.id = std::string(64, 'b');
  machine.put(other);
  const std::string text = Scraper(machine.options()).scrape("plimsoll_container_exit_code");
  EXPECT_EQ(text, "plimsoll_container_exit_code" + kLabels + "} 137\n");
}

TEST_P(Exited, UnreadableRecordsAreCountedAndCostNothingElse) {
  machine.tree.write("run/exited/" + std::string(64, 'c'), "{\"format\":999}");
  machine.tree.write("run/exited/" + std::string(64, 'd'), "\xff");
  Scraper scraper(machine.options());
  const std::string text = scraper.scrape();
  EXPECT_TRUE(scraper.last());
  EXPECT_THAT(text, HasSubstr("plimsoll_exited_records_unreadable 2\n"));
  EXPECT_EQ(where(text), Shown::kLive);
}

TEST_P(Exited, BrokenTotalsAreAnErrorAndLeaveTheLiveOnes) {
  machine.tree.write("root/totals.json", "{");
  Scraper scraper(machine.options());
  const std::string text = scraper.scrape();
  ASSERT_FALSE(scraper.last());
  EXPECT_THAT(scraper.last().error().message(), HasSubstr("totals.json"));
  EXPECT_EQ(where(text), Shown::kLive);
  EXPECT_THAT(text, Not(HasSubstr("plimsoll_exited_containers_total")));
}

}  // namespace
}  // namespace plimsoll::test
