// SPDX-License-Identifier: Apache-2.0
// linux.resources: what is written to which file, in which order, and what is refused before anything is.
#include "runtime/limits/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/limits_tree.h"

namespace plimsoll::limits {
namespace {

using spec::Resources;
using test::kNoFiles;
using test::LimitsTree;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kOffered = "cpuset cpu io memory hugetlb pids rdma";

std::string error_of(const LimitsTree& tree, const Resources& resources) {
  auto applied = apply(tree.group(), resources);
  return applied ? "" : applied.error().message();
}

void expect_applied(const LimitsTree& tree, const Resources& resources) { EXPECT_EQ(error_of(tree, resources), ""); }

Resources memory(spec::Memory memory) {
  Resources resources;
  resources.memory = std::move(memory);
  return resources;
}
Resources cpu(spec::Cpu cpu) {
  Resources resources;
  resources.cpu = std::move(cpu);
  return resources;
}
Resources block_io(spec::BlockIo block_io) {
  Resources resources;
  resources.block_io = std::move(block_io);
  return resources;
}

LimitsTree memory_v1(const std::string& limit) {
  return LimitsTree({{"memory",
                      {{"memory.limit_in_bytes", limit},
                       {"memory.memsw.limit_in_bytes", ""},
                       {"memory.soft_limit_in_bytes", ""},
                       {"memory.oom_control", ""},
                       {"memory.swappiness", ""}}}});
}

TEST(MemoryV1, RaisingWritesTheSumFirstAndLoweringLast) {
  LimitsTree raised = memory_v1("100");
  expect_applied(raised, memory({.limit = 200, .swap = 400}));
  EXPECT_THAT(raised.written(), ElementsAre("memory.memsw.limit_in_bytes", "memory.limit_in_bytes"));
  EXPECT_EQ(raised.text("memory", "memory.limit_in_bytes"), "200");
  EXPECT_EQ(raised.text("memory", "memory.memsw.limit_in_bytes"), "400");
  LimitsTree lowered = memory_v1("1000");
  expect_applied(lowered, memory({.limit = 200, .swap = 400}));
  EXPECT_THAT(lowered.written(), ElementsAre("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"));
}

TEST(MemoryV1, UnlimitedTakesTheSumAlong) {
  LimitsTree tree = memory_v1("10");
  expect_applied(tree, memory({.limit = -1}));
  EXPECT_THAT(tree.written(), ElementsAre("memory.memsw.limit_in_bytes", "memory.limit_in_bytes"));
  EXPECT_EQ(tree.text("memory", "memory.memsw.limit_in_bytes"), "-1");
}

TEST(MemoryV1, OnlyWhatIsPresentIsWritten) {
  LimitsTree tree = memory_v1("10");
  expect_applied(tree, memory({.reservation = 7}));
  EXPECT_THAT(tree.written(), ElementsAre("memory.soft_limit_in_bytes"));
  expect_applied(tree, memory({.swappiness = 0, .disable_oom_killer = true}));
  EXPECT_THAT(tree.written(), ElementsAre("memory.oom_control", "memory.swappiness"));
  expect_applied(
      tree, memory({.limit = 0, .kernel = 5, .kernel_tcp = 5, .disable_oom_killer = false, .use_hierarchy = true}));
  EXPECT_THAT(tree.written(), IsEmpty());
}

TEST(MemoryV1, BuffersOfTcpHaveALimitWhereTheKernelHasIt) {
  LimitsTree tree({{"memory", {{"memory.kmem.tcp.limit_in_bytes", "0"}}}});
  expect_applied(tree, memory({.kernel_tcp = 0}));
  EXPECT_THAT(tree.written(), IsEmpty());
  expect_applied(tree, memory({.kernel_tcp = 8192}));
  EXPECT_EQ(tree.text("memory", "memory.kmem.tcp.limit_in_bytes"), "8192");
}

TEST(MemoryV1, KernelWithoutSwapAccountingIsNoError) {
  LimitsTree tree({{"memory", {{"memory.limit_in_bytes", "1"}}}});
  expect_applied(tree, memory({.limit = 200, .swap = 400}));
  EXPECT_EQ(tree.text("memory", "memory.limit_in_bytes"), "200");
}

TEST(Memory, NonsenseIsRefusedBeforeAnythingIsWritten) {
  LimitsTree tree = memory_v1("10");
  Resources resources = memory({.limit = 200, .swap = 100});
  EXPECT_THAT(error_of(tree, resources), HasSubstr("memory.swap 100"));
  EXPECT_THAT(error_of(tree, memory({.limit = 200, .swappiness = 101})), HasSubstr("swappiness 101"));
  EXPECT_THAT(error_of(tree, memory({.limit = -2})), HasSubstr("-1"));
  resources = memory({.limit = 200});
  resources.pids_limit = 5;
  EXPECT_THAT(error_of(tree, resources), HasSubstr("controller pids"));
  EXPECT_THAT(tree.written(), IsEmpty());
}

LimitsTree memory_v2(const std::string& usage = "0") {
  return LimitsTree(
      {{"", {{"memory.max", "max"}, {"memory.swap.max", ""}, {"memory.low", ""}, {"memory.current", usage}}}},
      kOffered);
}

TEST(MemoryV2, SwapIsTheSumWithoutMemory) {
  LimitsTree tree = memory_v2();
  expect_applied(tree, memory({.limit = 300, .reservation = 100, .swap = 500}));
  EXPECT_THAT(tree.written(), ElementsAre("memory.swap.max", "memory.max", "memory.low"));
  EXPECT_EQ(tree.text("", "memory.swap.max"), "200");
  EXPECT_EQ(tree.text("", "memory.max"), "300");
  EXPECT_EQ(tree.text("", "memory.low"), "100");
}

TEST(MemoryV2, SwapAloneCountsFromTheLimitInForce) {
  LimitsTree limited({{"", {{"memory.max", "300\n"}, {"memory.swap.max", ""}}}}, kOffered);
  expect_applied(limited, memory({.swap = 300}));
  EXPECT_EQ(limited.text("", "memory.swap.max"), "0");
  EXPECT_THAT(error_of(limited, memory({.swap = 299})), HasSubstr("memory.max 300"));
  LimitsTree unlimited = memory_v2();
  expect_applied(unlimited, memory({.swap = 299}));
  EXPECT_EQ(unlimited.text("", "memory.swap.max"), "299");
}

TEST(MemoryV2, MinusOneIsMax) {
  for (const auto& [wanted, swap] : {std::pair<spec::Memory, const char*>{{.limit = -1}, "max"},
                                     {{.limit = -1, .swap = 7}, "7"},
                                     {{.limit = 9, .swap = -1}, "max"},
                                     {{.limit = 9}, ""}}) {
    LimitsTree tree = memory_v2();
    expect_applied(tree, memory(wanted));
    EXPECT_EQ(tree.text("", "memory.swap.max"), swap);
    EXPECT_EQ(tree.text("", "memory.max").substr(0, 1), *wanted.limit < 0 ? "m" : "9");
  }
}

TEST(MemoryV2, CheckBeforeUpdateRefusesLessThanIsUsed) {
  LimitsTree tree = memory_v2("4096\n");
  EXPECT_THAT(error_of(tree, memory({.limit = 4096, .check_before_update = true})), HasSubstr("in use are 4096"));
  EXPECT_THAT(tree.written(), IsEmpty());
  expect_applied(tree, memory({.limit = 4097, .check_before_update = true}));
  expect_applied(tree, memory({.limit = 1}));
}

TEST(CpuShares, WeightsFitBothEndsAndTheDefault) {
  for (const auto& [shares, weight] : {std::pair{0u, 1u},
                                       {1u, 1u},
                                       {2u, 1u},
                                       {1024u, 100u},
                                       {512u, 59u},
                                       {2048u, 174u},
                                       {262'144u, 10'000u},
                                       {300'000u, 10'000u}}) {
    EXPECT_EQ(weight_of_shares(shares), weight) << shares;
  }
}

TEST(CpuV1, QuotaPeriodBurstAndRealtime) {
  LimitsTree tree({{"cpu",
                    {{"cpu.shares", ""},
                     {"cpu.cfs_period_us", ""},
                     {"cpu.cfs_quota_us", ""},
                     {"cpu.cfs_burst_us", ""},
                     {"cpu.idle", ""},
                     {"cpu.rt_period_us", ""},
                     {"cpu.rt_runtime_us", ""}}}});
  expect_applied(tree, cpu({.shares = 512,
                            .burst = 5,
                            .period = 1000,
                            .realtime_period = 9,
                            .quota = -1,
                            .realtime_runtime = 8,
                            .idle = 1}));
  EXPECT_THAT(tree.written(), ElementsAre("cpu.shares", "cpu.idle", "cpu.cfs_period_us", "cpu.cfs_burst_us",
                                          "cpu.cfs_quota_us", "cpu.rt_period_us", "cpu.rt_runtime_us"));
  EXPECT_EQ(tree.text("cpu", "cpu.cfs_quota_us"), "-1");
  EXPECT_EQ(tree.text("cpu", "cpu.rt_runtime_us"), "8");
}

TEST(CpuV1, KernelWithoutBurstIsNoErrorAndSharesAreReadBack) {
  LimitsTree tree({{"cpu", {{"cpu.shares", "262144"}, {"cpu.cfs_quota_us", ""}}}});
  expect_applied(tree, cpu({.burst = 5, .quota = 7000}));
  EXPECT_EQ(tree.text("cpu", "cpu.cfs_quota_us"), "7000");
  // "99" over "262144" leaves "992144": the kernel took something else.
  EXPECT_THAT(error_of(tree, cpu({.shares = 99})), HasSubstr("minimum allowed cpu-shares is 992144"));
}

LimitsTree cpu_v2(const std::string& max = "") {
  return LimitsTree({{"",
                      {{"cpu.max", max},
                       {"cpu.weight", ""},
                       {"cpu.idle", ""},
                       {"cpu.max.burst", ""},
                       {"cpuset.cpus", ""},
                       {"cpuset.mems", ""}}}},
                    kOffered);
}

TEST(CpuV2, QuotaAndPeriodKeepEachOther) {
  LimitsTree both = cpu_v2(), quota = cpu_v2(), period = cpu_v2("70000 100000\n"), none = cpu_v2();
  expect_applied(both, cpu({.period = 50'000, .quota = 20'000}));
  EXPECT_EQ(both.text("", "cpu.max"), "20000 50000");
  expect_applied(quota, cpu({.quota = 20'000}));
  EXPECT_EQ(quota.text("", "cpu.max"), "20000");
  expect_applied(period, cpu({.period = 200'000}));
  EXPECT_EQ(period.text("", "cpu.max").substr(0, 12), "70000 200000");
  expect_applied(none, cpu({.period = 50'000, .quota = -1}));
  EXPECT_EQ(none.text("", "cpu.max"), "max 50000");
}

TEST(CpuV2, WeightIdleBurstAndCpuset) {
  LimitsTree tree = cpu_v2();
  expect_applied(tree, cpu({.shares = 1024, .burst = 10, .idle = 1, .cpus = "0-1", .mems = "0"}));
  EXPECT_THAT(tree.written(), ElementsAre("cpu.weight", "cpu.idle", "cpu.max.burst", "cpuset.cpus", "cpuset.mems"));
  EXPECT_EQ(tree.text("", "cpu.weight"), "100");
  EXPECT_EQ(tree.text("", "cpuset.cpus"), "0-1");
  expect_applied(tree, cpu({.shares = 1024, .realtime_period = 5, .idle = 0}));
  EXPECT_THAT(tree.written(), ElementsAre("cpu.idle", "cpu.weight")) << "an idle group takes no weight";
}

TEST(Pids, ZeroIsOneAndNegativeIsMax) {
  for (const auto& [limit, written] : {std::pair{33, "33"}, {0, "1"}, {-1, "max"}, {-7, "max"}}) {
    LimitsTree tree({{"pids", {{"pids.max", ""}}}});
    Resources resources;
    resources.pids_limit = limit;
    expect_applied(tree, resources);
    EXPECT_EQ(tree.text("pids", "pids.max"), written);
  }
}

spec::BlockIo throttled() {
  spec::BlockIo io;
  io.read_bps = {{{8, 0}, 100}, {{8, 16}, 200}};
  io.write_bps = {{{8, 0}, 0}};
  io.write_iops = {{{8, 0}, 300}};
  return io;
}

TEST(BlockIoV1, WeightsAndThrottles) {
  LimitsTree tree({{"blkio",
                    {{"blkio.bfq.weight", ""},
                     {"blkio.bfq.weight_device", ""},
                     {"blkio.leaf_weight_device", ""},
                     {"blkio.throttle.read_bps_device", ""},
                     {"blkio.throttle.write_bps_device", ""},
                     {"blkio.throttle.write_iops_device", ""}}}});
  spec::BlockIo io = throttled();
  io.weight = 500;
  io.weight_devices = {{{8, 0}, 200, 300}};
  expect_applied(tree, block_io(io));
  EXPECT_EQ(tree.text("blkio", "blkio.bfq.weight"), "500");
  EXPECT_EQ(tree.text("blkio", "blkio.bfq.weight_device"), "8:0 200");
  EXPECT_EQ(tree.text("blkio", "blkio.leaf_weight_device"), "8:0 300");
  EXPECT_EQ(tree.text("blkio", "blkio.throttle.read_bps_device"), "8:16 200") << "the last of two writes";
  EXPECT_EQ(tree.text("blkio", "blkio.throttle.write_bps_device"), "8:0 0");
  EXPECT_EQ(tree.text("blkio", "blkio.throttle.write_iops_device"), "8:0 300");
  io.leaf_weight = 10;
  EXPECT_THAT(error_of(tree, block_io(io)), HasSubstr("write \"10\" to blkio.leaf_weight: No such file"));
}

TEST(BlockIoV2, ThrottlesOfADeviceAreOneLine) {
  LimitsTree tree({{"", {{"io.max", ""}}}}, kOffered);
  spec::BlockIo io = throttled();
  io.read_bps.pop_back();
  expect_applied(tree, block_io(io));
  EXPECT_THAT(tree.written(), ElementsAre("io.max"));
  EXPECT_EQ(tree.text("", "io.max"), "8:0 rbps=100 wbps=max wiops=300");
}

TEST(BlockIoV2, WeightsAreBfqsOrConverted) {
  EXPECT_EQ(io_weight_of(10), 1u);
  EXPECT_EQ(io_weight_of(1000), 10'000u);
  EXPECT_EQ(io_weight_of(500), 4950u);
  EXPECT_EQ(io_weight_of(1), 1u);
  LimitsTree bfq({{"", {{"io.bfq.weight", ""}, {"io.weight", ""}}}}, kOffered),
      cost({{"", {{"io.weight", ""}}}}, kOffered);
  expect_applied(bfq, block_io({.weight = 500}));
  EXPECT_EQ(bfq.text("", "io.bfq.weight"), "500");
  expect_applied(cost, block_io({.weight = 500}));
  EXPECT_EQ(cost.text("", "io.weight"), "4950");
  expect_applied(cost, block_io({.weight_devices = {{{8, 0}, 10, 7}}}));
  EXPECT_EQ(cost.text("", "io.weight").substr(0, 5), "8:0 1");
}

TEST(HugePages, ReservedOnesToo) {
  Resources resources;
  resources.hugepage_limits = {{"2MB", 4096}};
  LimitsTree v1({{"hugetlb", {{"hugetlb.2MB.limit_in_bytes", ""}, {"hugetlb.2MB.rsvd.limit_in_bytes", ""}}}});
  expect_applied(v1, resources);
  EXPECT_EQ(v1.text("hugetlb", "hugetlb.2MB.limit_in_bytes"), "4096");
  EXPECT_EQ(v1.text("hugetlb", "hugetlb.2MB.rsvd.limit_in_bytes"), "4096");
  LimitsTree old({{"", {{"hugetlb.2MB.max", ""}}}}, kOffered);
  expect_applied(old, resources);
  EXPECT_EQ(old.text("", "hugetlb.2MB.max"), "4096");
  resources.hugepage_limits = {{"3MB", 4096}};
  EXPECT_THAT(error_of(old, resources), HasSubstr("hugetlb.3MB.max: No such file"));
  resources.hugepage_limits = {{"../2MB", 4096}};
  EXPECT_NE(error_of(old, resources), "");
}

TEST(NetworkAndRdma, AreWrittenWhereTheyAre) {
  Resources resources;
  resources.network_class_id = 0x10001;
  resources.network_priorities = {{"eth0", 5}};
  LimitsTree tree({{"net_cls", {{"net_cls.classid", ""}}},
                   {"net_prio", {{"net_prio.ifpriomap", ""}}},
                   {"unified", {{"rdma.max", ""}}}},
                  "rdma");
  resources.rdma = {{"mlx4_0", 2, 2000}};
  expect_applied(tree, resources);
  EXPECT_EQ(tree.text("net_cls", "net_cls.classid"), "65537");
  EXPECT_EQ(tree.text("net_prio", "net_prio.ifpriomap"), "eth0 5");
  EXPECT_EQ(tree.text("unified", "rdma.max"), "mlx4_0 hca_handle=2 hca_object=2000");
  LimitsTree v2({{"", {{"rdma.max", ""}}}}, kOffered);
  expect_applied(v2, resources);
  LimitsTree without({{"cpu", kNoFiles}, {"unified", {{"rdma.max", ""}}}}, "rdma");
  EXPECT_THAT(error_of(without, resources), HasSubstr("controller net_cls"));
}

TEST(Unified, IsWrittenLineByLineAlsoOnHybridMachines) {
  Resources resources;
  resources.unified = {{"hugetlb.1GB.max", "0"}, {"cgroup.max.depth", "5\n"}};
  LimitsTree tree({{"memory", kNoFiles}, {"unified", {{"hugetlb.1GB.max", ""}, {"cgroup.max.depth", ""}}}}, "hugetlb");
  expect_applied(tree, resources);
  EXPECT_EQ(tree.text("unified", "hugetlb.1GB.max"), "0");
  EXPECT_EQ(tree.text("unified", "cgroup.max.depth"), "5");
}

TEST(Unified, IsRefusedOnV1AndWithOtherNames) {
  LimitsTree v1({{"memory", kNoFiles}}), v2({{"", {{"memory.high", ""}}}}, kOffered);
  Resources resources;
  resources.unified = {{"memory.high", "5"}};
  EXPECT_THAT(error_of(v1, resources), HasSubstr("needs a cgroup v2 tree"));
  for (const char* key : {"../memory.high", "memory/high", "high", ".high"}) {
    resources.unified = {{"memory.high", "5"}, {key, "5"}};
    EXPECT_THAT(error_of(v2, resources), HasSubstr(key)) << key;
  }
  EXPECT_THAT(v2.written(), IsEmpty());
}

TEST(Controllers, AreEnabledOnlyWhenTheirFileIsMissing) {
  LimitsTree tree({{"", {{"pids.max", ""}}}}, kOffered);
  Resources resources;
  resources.pids_limit = 5;
  expect_applied(tree, resources);
  EXPECT_EQ(tree.root_text("", "cgroup.subtree_control"), "");
  EXPECT_THAT(error_of(tree, memory({.limit = 5})), HasSubstr("write \"5\" to memory.max: No such file"));
  EXPECT_EQ(tree.root_text("", "cgroup.subtree_control"), "+memory");
  EXPECT_EQ(tree.root_text("", "parent/cgroup.subtree_control"), "+memory");
}

}  // namespace
}  // namespace plimsoll::limits
