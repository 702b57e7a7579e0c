// SPDX-License-Identifier: Apache-2.0
// What a group's files say about its use, on v1, hybrid and v2.
#include "runtime/limits/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/limits_tree.h"

namespace plimsoll::limits {
namespace {

using test::kNoFiles;
using test::LimitsTree;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST(StatsV1, CpuAndCpuset) {
  LimitsTree tree({{"cpu", {{"cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 77\n"}}},
                   {"cpuacct",
                    {{"cpuacct.usage", "300\n"},
                     {"cpuacct.usage_percpu", "100 200 \n"},
                     {"cpuacct.usage_all", "cpu user system\n0 60 40\n1 150 50\n"},
                     {"cpuacct.stat", "user 2\nsystem 1\n"}}},
                   {"cpuset", {{"cpuset.cpus", "0-1\n"}, {"cpuset.mems", "0\n"}, {"cpuset.cpu_exclusive", "1\n"}}}});
  auto stats = read_stats(tree.group());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->cpu.total_ns, 300u);
  EXPECT_THAT(stats->cpu.percpu_ns, ElementsAre(100, 200));
  EXPECT_THAT(stats->cpu.percpu_user_ns, ElementsAre(60, 150));
  EXPECT_THAT(stats->cpu.percpu_kernel_ns, ElementsAre(40, 50));
  EXPECT_EQ(stats->cpu.user_ns, 20'000'000u);
  EXPECT_EQ(stats->cpu.throttled_periods, 2u);
  EXPECT_EQ(stats->cpu.throttled_ns, 77u);
  EXPECT_FALSE(stats->cpu.stalls);
  EXPECT_EQ(stats->cpuset.cpus, "0-1");
  EXPECT_THAT(stats->cpuset.flags, ElementsAre(Pair("cpu_exclusive", 1)));
}

TEST(StatsV1, MemoryBlockIoPidsAndHugePages) {
  LimitsTree tree(
      {{"memory",
        {{"memory.stat", "cache 10\nrss 20\n"},
         {"memory.usage_in_bytes", "30"},
         {"memory.limit_in_bytes", "9223372036854771712"},
         {"memory.max_usage_in_bytes", "40"},
         {"memory.failcnt", "5"},
         {"memory.memsw.usage_in_bytes", "31"},
         {"memory.kmem.usage_in_bytes", "3"}}},
       {"pids", {{"pids.current", "3"}, {"pids.max", "max"}}},
       {"hugetlb",
        {{"hugetlb.2MB.usage_in_bytes", "7"}, {"hugetlb.2MB.limit_in_bytes", "8"}, {"hugetlb.2MB.failcnt", "9"}}},
       {"blkio",
        {{"blkio.bfq.io_serviced_recursive", "Total 0\n"},
         {"blkio.throttle.io_serviced_recursive", "8:0 Read 4\n8:0 Total 4\nTotal 4\n"}}}});
  auto stats = read_stats(tree.group());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->memory.cache, 10u);
  EXPECT_EQ(stats->memory.memory.usage, 30u);
  EXPECT_EQ(stats->memory.memory.limit, cgroup::kUnlimited);
  EXPECT_EQ(stats->memory.memory.max, 40u);
  EXPECT_EQ(stats->memory.memory.failures, 5u);
  EXPECT_EQ(stats->memory.with_swap.usage, 31u);
  EXPECT_EQ(stats->memory.kernel.usage, 3u);
  EXPECT_EQ(stats->memory.kernel.limit, std::nullopt);
  EXPECT_THAT(stats->memory.stat, ElementsAre(Pair("cache", 10), Pair("rss", 20)));
  EXPECT_EQ(stats->pids.usage, 3u);
  EXPECT_EQ(stats->pids.limit, cgroup::kUnlimited);
  ASSERT_THAT(stats->huge_pages, SizeIs(1));
  EXPECT_EQ(stats->huge_pages[0].page_size, "2MB");
  EXPECT_EQ(stats->huge_pages[0].amount.failures, 9u);
  ASSERT_THAT(stats->block_io.operations, SizeIs(2));
  EXPECT_EQ(stats->block_io.operations[1].operation, "Total");
  EXPECT_THAT(stats->block_io.bytes, IsEmpty());
}

TEST(StatsV2, SwapIsShownWithMemoryAndPressureIsRead) {
  LimitsTree tree({{"",
                    {{"cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 1\n"},
                     {"cpu.pressure",
                      "some avg10=1.50 avg60=0.25 avg300=0.00 total=99\nfull avg10=0.00 avg60=0.00 "
                      "avg300=0.00 total=7\n"},
                     {"memory.stat", "file 10\nanon 4\n"},
                     {"memory.current", "30\n"},
                     {"memory.max", "100\n"},
                     {"memory.swap.current", "5\n"},
                     {"memory.swap.max", "50\n"},
                     {"memory.events", "max 6\n"},
                     {"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"},
                     {"hugetlb.1GB.current", "1"},
                     {"hugetlb.1GB.max", "max"},
                     {"rdma.current", "mlx4_0 hca_handle=1 hca_object=2\n"},
                     {"rdma.max", "mlx4_0 hca_handle=max hca_object=20\n"}}}},
                  "cpu memory io pids hugetlb rdma");
  auto stats = read_stats(tree.group());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->cpu.total_ns, 5000u);
  ASSERT_TRUE(stats->cpu.stalls);
  EXPECT_DOUBLE_EQ(stats->cpu.stalls->some.avg10, 1.5);
  EXPECT_EQ(stats->cpu.stalls->some.total_us, 99u);
  EXPECT_EQ(stats->cpu.stalls->full.total_us, 7u);
  EXPECT_EQ(stats->memory.cache, 10u);
  EXPECT_EQ(stats->memory.with_swap.usage, 35u);
  EXPECT_EQ(stats->memory.with_swap.limit, 150u);
  EXPECT_EQ(stats->memory.memory.failures, 6u);
  ASSERT_THAT(stats->block_io.bytes, SizeIs(2));
  EXPECT_EQ(stats->block_io.bytes[1].operation, "Write");
  EXPECT_EQ(stats->block_io.bytes[1].value, 2u);
  ASSERT_THAT(stats->rdma, SizeIs(1));
  EXPECT_EQ(stats->rdma[0].handles_limit, cgroup::kUnlimited);
  EXPECT_EQ(stats->rdma[0].objects, 2u);
  EXPECT_EQ(stats->pids.usage, std::nullopt);
}

TEST(Stats, HybridTakesTimesOfTheV2TreeWhereV1HasNone) {
  LimitsTree tree({{"memory", kNoFiles}, {"unified", {{"cpu.stat", "usage_usec 5\n"}}}});
  EXPECT_EQ(read_stats(tree.group())->cpu.total_ns, 5000u);
}

TEST(Stats, OfAGroupThatIsGoneIsENOENT) {
  LimitsTree tree({{"memory", kNoFiles}});
  ASSERT_TRUE(remove_tree(tree.directory("memory")));
  auto stats = read_stats(tree.group());
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, ENOENT);
}

}  // namespace
}  // namespace plimsoll::limits
