// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cgroup_trees.h"

namespace plimsoll::cgroup {
namespace {

using test::TempTree;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kNone = std::nullopt;

// A group of a recorded tree, read once.
struct Reading {
  Reading(const TempTree& tree, const std::string& path, FdBudget limit = FdBudget(100), ReadOptions options = {})
      : budget(limit), reader(CgroupReader::open(*detect_layout(tree.path()), path, budget, options)) {
    if (reader) result = reader->read(buffer, stats);
  }
  FdBudget budget;
  ReadBuffer buffer;
  Stats stats;
  Result<CgroupReader> reader;
  Result<void> result;
};

void expect_v1_figures(const Stats& stats) {
  EXPECT_THAT(stats.counters.cpu_usage_percpu_ns, ElementsAre(2'000'000'000u, 4'000'000'000u, 0u, 0u));
  EXPECT_EQ(stats.counters.cpu_usage_ns, 6'000'000'000u);
  EXPECT_EQ(stats.gauges.memory_usage_bytes, 8492u);
  EXPECT_EQ(stats.gauges.memory_working_set_bytes, 8492u - 212u);
  EXPECT_EQ(stats.gauges.memory_swap_bytes, 208u);
  EXPECT_EQ(stats.gauges.memory_kernel_bytes, 1024u);
  EXPECT_EQ(stats.gauges.processes, 2u);
  EXPECT_EQ(stats.gauges.threads, 3u);
  EXPECT_EQ(stats.counters.memory_failures, 2u);
  EXPECT_EQ(stats.counters.oom_kills, 0u);
  EXPECT_EQ(stats.counters.pages_scanned, kNone);
  EXPECT_EQ(stats.counters.memory_max_events, kNone);
  EXPECT_THAT(stats.counters.io, IsEmpty());
  EXPECT_EQ(stats.limits.memory_bytes, kUnlimited);
  EXPECT_EQ(stats.limits.cpu_quota_us, kUnlimited);
  EXPECT_EQ(stats.limits.pids, kUnlimited);
  EXPECT_EQ(stats.limits.cpu_shares, 1024u);
}

TEST(CgroupReader, V1TimesComeFromCpuacctInTicks) {
  const TempTree tree;
  test::write_v1_group(tree, ".", "", 1);
  test::write_v1_group(tree, ".", "/a", 2);
  Reading reading(tree, "/a");
  ASSERT_TRUE(reading.result);
  expect_v1_figures(reading.stats);
  EXPECT_EQ(reading.stats.counters.cpu_user_ns, 4'000'000'000u);
  EXPECT_EQ(reading.stats.counters.cpu_system_ns, 1'800'000'000u);
  EXPECT_EQ(reading.reader->first_pid(), 1002);
}

TEST(CgroupReader, HybridTimesComeFromTheV2Tree) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) {
    test::write_v1_group(tree, ".", path, 2);
    test::write_hybrid_group(tree, ".", path, 2);
  }
  Reading reading(tree, "/a");
  ASSERT_TRUE(reading.result);
  expect_v1_figures(reading.stats);
  EXPECT_EQ(reading.stats.counters.cpu_user_ns, 3'999'996'000u);
  EXPECT_EQ(reading.stats.counters.cpu_system_ns, 2'000'002'000u);
}

TEST(CgroupReader, HybridGroupWhoseProcessesAreNotInTheV2Tree) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) {
    test::write_v1_group(tree, ".", path, 2);
    test::write_hybrid_group(tree, ".", path, 0);
  }
  Reading reading(tree, "/a");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.stats.counters.cpu_user_ns, 4'000'000'000u) << "cpuacct.stat, not the empty group's 0";
}

TEST(CgroupReader, HybridGroupInTheV2TreeAlone) {
  const TempTree tree;
  test::write_v1_group(tree, ".", "", 1);
  test::write_hybrid_group(tree, ".", "", 1);
  test::write_hybrid_group(tree, ".", "/session", 3);
  Reading reading(tree, "/session");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.stats.counters.cpu_usage_ns, 8'999'997'000u);
  EXPECT_THAT(reading.stats.counters.cpu_usage_percpu_ns, IsEmpty());
  EXPECT_EQ(reading.stats.gauges.memory_usage_bytes, kNone);
}

TEST(CgroupReader, V2) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  test::write_v2_group(tree, ".", "/a", 2);
  tree.write("a/cpu.max", "50000 100000\n");
  tree.write("a/memory.max", "67108864\n");
  tree.write("a/io.stat", "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
  Reading reading(tree, "/a");
  ASSERT_TRUE(reading.result);
  const Stats& stats = reading.stats;
  EXPECT_EQ(stats.counters.cpu_usage_ns, 6'000'000'000u);
  EXPECT_THAT(stats.counters.cpu_usage_percpu_ns, IsEmpty());
  EXPECT_EQ(stats.counters.cpu_user_ns, 4'000'000'000u);
  EXPECT_EQ(stats.counters.cfs_periods, 0u);
  EXPECT_EQ(stats.counters.memory_high_events, 2u);
  EXPECT_EQ(stats.counters.memory_max_events, 4u);
  EXPECT_EQ(stats.counters.memory_failures, kNone);
  EXPECT_EQ(stats.gauges.memory_usage_bytes, 8192u);
  EXPECT_EQ(stats.gauges.memory_swap_bytes, 32u);
  EXPECT_EQ(stats.gauges.memory_kernel_bytes, 203u);
  EXPECT_EQ(stats.limits.memory_bytes, 67108864u);
  EXPECT_EQ(stats.limits.cpu_quota_us, 50000u);
  EXPECT_EQ(stats.limits.cpu_shares, 2597u);
  EXPECT_EQ(stats.limits.memory_reservation_bytes, 0u);
  ASSERT_EQ(stats.counters.io.size(), 1u);
  EXPECT_EQ(stats.counters.io[0].writes, 4u);
}

TEST(CgroupReader, V2RootUsesAnonAndFileForItsMemory) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  Reading reading(tree, "/");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.stats.gauges.memory_usage_bytes, 101u + 102u);
  EXPECT_EQ(reading.stats.gauges.memory_working_set_bytes, 203u - 107u);
  EXPECT_EQ(reading.stats.limits.memory_bytes, kNone);
  EXPECT_EQ(reading.stats.gauges.threads, kNone);
}

TEST(CgroupReader, WithoutPercpuOnlyTheTotalIsRead) {
  const TempTree tree;
  test::write_v1_group(tree, ".", "", 1);
  Reading reading(tree, "/", FdBudget(100), ReadOptions{.percpu = false});
  ASSERT_TRUE(reading.result);
  EXPECT_THAT(reading.stats.counters.cpu_usage_percpu_ns, IsEmpty());
  EXPECT_EQ(reading.stats.counters.cpu_usage_ns, 3'000'000'000u);
}

TEST(CgroupReader, WorkingSetNeverGoesBelowZero) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  test::write_v2_group(tree, ".", "/a", 2);
  tree.write("a/memory.current", "100\n");
  Reading reading(tree, "/a");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.stats.gauges.memory_working_set_bytes, 0u);
}

TEST(CgroupReader, AMalformedFileCostsOnlyItsOwnFields) {
  const TempTree tree;
  test::write_v1_group(tree, ".", "", 1);
  tree.write("memory/memory.usage_in_bytes", "not a number\n");
  tree.write("memory/memory.stat", std::string("\0\xff garbage\n\n", 12));
  tree.write("cpuacct/cpuacct.usage_percpu", "1 2 x\n");
  Reading reading(tree, "/");
  ASSERT_TRUE(reading.result);
  EXPECT_EQ(reading.stats.gauges.memory_usage_bytes, kNone);
  EXPECT_EQ(reading.stats.gauges.memory_rss_bytes, kNone);
  EXPECT_EQ(reading.stats.gauges.memory_working_set_bytes, kNone);
  EXPECT_EQ(reading.stats.counters.cpu_usage_ns, kNone);
  EXPECT_EQ(reading.stats.gauges.memory_peak_bytes, 8192u);
}

TEST(CgroupReader, MissingGroupIsENOENT) {
  const TempTree tree;
  test::write_v1_group(tree, ".", "", 1);
  Reading reading(tree, "/nowhere");
  ASSERT_FALSE(reading.reader);
  EXPECT_EQ(reading.reader.error().code, ENOENT);
}

TEST(CgroupReader, ReadsTheSameWithoutAnyKeptDescriptor) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) {
    test::write_v1_group(tree, ".", path, 2);
    test::write_hybrid_group(tree, ".", path, 2);
  }
  for (const size_t limit : {0u, 3u, 9u}) {
    Reading reading(tree, "/a", FdBudget(limit));
    ASSERT_TRUE(reading.result) << limit;
    expect_v1_figures(reading.stats);
    EXPECT_EQ(reading.budget.left(), 0u);
  }
}

TEST(CgroupReader, GivesItsDescriptorsBack) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  FdBudget budget(100);
  {
    auto first = CgroupReader::open(*detect_layout(tree.path()), "/", budget);
    ASSERT_TRUE(first);
    EXPECT_LT(budget.left(), 100u);
    auto moved = std::move(*first);
    EXPECT_LT(budget.left(), 100u);
  }
  EXPECT_EQ(budget.left(), 100u);
}

TEST(CgroupReader, AGroupThatIsGoneIsENODEV) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  test::write_v2_group(tree, ".", "/a", 2);
  Reading reading(tree, "/a", FdBudget(1));  // the directory only: its files are opened at every read
  ASSERT_TRUE(reading.result);
  ASSERT_TRUE(remove_tree(tree.at("a")));
  const auto again = reading.reader->read(reading.buffer, reading.stats);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ENODEV);
}

TEST(CgroupReader, InodeTellsAPathThatWasMadeAgain) {
  const TempTree tree;
  test::write_v2_group(tree, ".", "", 1);
  test::write_v2_group(tree, ".", "/a", 2);
  Reading before(tree, "/a");
  tree.make_dir("other");  // takes the place of a freed inode
  ASSERT_TRUE(remove_tree(tree.at("a")));
  tree.make_dir("another");
  test::write_v2_group(tree, ".", "/a", 3);
  Reading after(tree, "/a");
  EXPECT_NE(before.reader->inode(), after.reader->inode());
  EXPECT_EQ(after.reader->inode_in(0), after.reader->inode());
  EXPECT_GT(after.reader->created_ns(), 1'500'000'000'000'000'000);
}

TEST(CgroupReader, IdentityPrefersV1MemoryThenTheOthers) {
  const Layout layout{
      Mode::kHybrid,
      {{"", {"blkio"}, false}, {"", {"cpu", "cpuacct"}, false}, {"", {"memory"}, false}, {"", {}, true}}};
  EXPECT_EQ(identifying_hierarchy(layout, {true, true, true, true}), 2u);
  EXPECT_EQ(identifying_hierarchy(layout, {true, true, false, true}), 1u);
  EXPECT_EQ(identifying_hierarchy(layout, {true, false, false, true}), 0u);
  EXPECT_EQ(identifying_hierarchy(layout, {false, false, false, true}), 3u);
  EXPECT_EQ(identifying_hierarchy(layout, {false, false, false, false}), 4u);
}

TEST(FdBudget, FollowsTheLimit) {
  FdBudget budget(2);
  EXPECT_TRUE(budget.take());
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
  budget.give_back(1);
  EXPECT_TRUE(budget.take());
  EXPECT_GT(FdBudget::from_rlimit().left(), 100u);
}

}  // namespace
}  // namespace plimsoll::cgroup
