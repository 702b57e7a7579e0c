// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/cgroup_trees.h"

namespace plimsoll::cgroup {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kNone = std::nullopt;

struct NumberCase {
  std::string text;
  Count expected;
};

TEST(CgroupParse, Count) {
  const NumberCase cases[] = {
      {"0\n", 0},         {"42\n", 42},     {"42", 42},        {"18446744073709551615\n", UINT64_MAX},
      {"", kNone},        {"\n", kNone},    {"-1\n", kNone},   {"max\n", kNone},
      {"4x\n", kNone},    {"1 2\n", kNone}, {"0x10\n", kNone}, {"18446744073709551616\n", kNone},
      {"\0 42\n", kNone}, {"1e3\n", kNone}, {"+5\n", kNone},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_count(text), expected) << text;
}

TEST(CgroupParse, Limit) {
  const NumberCase cases[] = {
      {"max\n", kUnlimited},
      {"-1\n", kUnlimited},
      {"9223372036854771712\n", kUnlimited},
      {"67108864\n", 67108864},
      {"0\n", 0},
      {"4611686018427387904\n", 4611686018427387904u},
      {"", kNone},
      {"maximum\n", kNone},
      {"-2\n", kNone},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_limit(text), expected) << text;
}

TEST(CgroupParse, WeightOnTheScaleOfShares) {
  const NumberCase cases[] = {
      {"1\n", 2},         {"100\n", 2597},      {"10000\n", 262144}, {"0\n", kNone},
      {"10001\n", kNone}, {"default\n", kNone}, {"", kNone},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_weight_as_shares(text), expected) << text;
}

TEST(CgroupParse, CpuStatV1) {
  const CpuStat stat =
      parse_cpu_stat("nr_periods 7\nnr_throttled 3\nthrottled_time 123456789\nnr_bursts 2\nburst_time 99\n");
  EXPECT_EQ(stat.periods, 7u);
  EXPECT_EQ(stat.throttled_periods, 3u);
  EXPECT_EQ(stat.throttled_ns, 123456789u);
  EXPECT_EQ(stat.burst_periods, 2u);
  EXPECT_EQ(stat.burst_ns, 99u);
  EXPECT_EQ(stat.usage_ns, kNone);
}

TEST(CgroupParse, CpuStatV2IsInMicroseconds) {
  const CpuStat stat = parse_cpu_stat(
      "usage_usec 10\nuser_usec 7\nsystem_usec 3\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 5\n"
      "nr_throttled 1\nthrottled_usec 8\nnr_bursts 0\nburst_usec 4\n");
  EXPECT_EQ(stat.usage_ns, 10'000u);
  EXPECT_EQ(stat.user_ns, 7'000u);
  EXPECT_EQ(stat.system_ns, 3'000u);
  EXPECT_EQ(stat.throttled_ns, 8'000u);
  EXPECT_EQ(stat.burst_ns, 4'000u);
}

TEST(CgroupParse, CpuStatOfAnOldKernelHasNoBursts) {
  const CpuStat stat = parse_cpu_stat("nr_periods 7\nnr_throttled 3\nthrottled_time 1\n");
  EXPECT_EQ(stat.burst_periods, kNone);
  EXPECT_EQ(stat.burst_ns, kNone);
}

TEST(CgroupParse, FlatKeysInAnyOrderAndAmongGarbage) {
  const CpuStat stat =
      parse_cpu_stat("burst_time x\n\n \nnr_bursts\nthrottled_time 5\nno value here\nnr_periods 2\nnr_thr");
  EXPECT_EQ(stat.periods, 2u);
  EXPECT_EQ(stat.throttled_ns, 5u);
  EXPECT_EQ(stat.burst_ns, kNone);
  EXPECT_EQ(stat.burst_periods, kNone);
  EXPECT_EQ(stat.throttled_periods, kNone);
}

TEST(CgroupParse, CpuStatThatWouldOverflowIsAbsent) {
  EXPECT_EQ(parse_cpu_stat("usage_usec 18446744073709551615\n").usage_ns, kNone);
}

TEST(CgroupParse, CpuacctStatScalesTicks) {
  const CpuTimes times = parse_cpuacct_stat("user 150\nsystem 50\n", 100);
  EXPECT_EQ(times.user_ns, 1'500'000'000u);
  EXPECT_EQ(times.system_ns, 500'000'000u);
  EXPECT_EQ(parse_cpuacct_stat("user 150\n", 100).system_ns, kNone);
  EXPECT_EQ(parse_cpuacct_stat("", 100).user_ns, kNone);
  EXPECT_EQ(parse_cpuacct_stat("user 150\n", 0).user_ns, kNone);
  EXPECT_EQ(parse_cpuacct_stat("user -4\n", 100).user_ns, kNone);
}

TEST(CgroupParse, Percpu) {
  std::vector<uint64_t> usage = {9, 9, 9};
  EXPECT_TRUE(parse_percpu("43725771114 69039011901 0 \n", usage));
  EXPECT_THAT(usage, ElementsAre(43725771114u, 69039011901u, 0u));
  for (const char* bad : {"", "\n", "1 x 3\n", "1 -2\n", "max\n"}) {
    EXPECT_FALSE(parse_percpu(bad, usage)) << bad;
    EXPECT_THAT(usage, IsEmpty()) << bad;
  }
}

TEST(CgroupParse, CpuMax) {
  EXPECT_EQ(parse_cpu_max("50000 100000\n").quota_us, 50000u);
  EXPECT_EQ(parse_cpu_max("50000 100000\n").period_us, 100000u);
  EXPECT_EQ(parse_cpu_max("max 100000\n").quota_us, kUnlimited);
  for (const char* bad : {"", "max\n", "50000\n", "x 100000\n", "50000 x\n", "1 2 3\n"}) {
    EXPECT_EQ(parse_cpu_max(bad).quota_us, kNone) << bad;
    EXPECT_EQ(parse_cpu_max(bad).period_us, kNone) << bad;
  }
}

TEST(CgroupParse, MemoryStatV1TakesTheHierarchy) {
  const MemoryStat stat =
      parse_memory_stat_v1("cache 1\nrss 2\npgfault 3\ntotal_cache 10\ntotal_rss 20\ntotal_pgfault 30\n");
  EXPECT_EQ(stat.cache, 10u);
  EXPECT_EQ(stat.rss, 20u);
  EXPECT_EQ(stat.page_faults, 30u);
  EXPECT_EQ(stat.swap, kNone);
}

TEST(CgroupParse, MemoryStatV2) {
  const MemoryStat stat = parse_memory_stat_v2(test::v2_memory_stat(7));
  EXPECT_EQ(stat.rss, 701u);
  EXPECT_EQ(stat.cache, 702u);
  EXPECT_EQ(stat.kernel, 703u);
  EXPECT_EQ(stat.mapped_file, 704u);
  EXPECT_EQ(stat.dirty, 705u);
  EXPECT_EQ(stat.writeback, 706u);
  EXPECT_EQ(stat.inactive_file, 707u);
  EXPECT_EQ(stat.active_file, 708u);
  EXPECT_EQ(stat.refaults_anon, 709u);
  EXPECT_EQ(stat.refaults_file, 710u);
  EXPECT_EQ(stat.pages_scanned, 711u);
  EXPECT_EQ(stat.pages_stolen, 712u);
  EXPECT_EQ(stat.page_faults, 713u);
  EXPECT_EQ(stat.major_page_faults, 714u);
}

TEST(CgroupParse, MemoryStatCutOffInTheMiddle) {
  const std::string whole = test::v2_memory_stat(7);
  const MemoryStat stat = parse_memory_stat_v2(whole.substr(0, whole.find("file_mapped") + 4));
  EXPECT_EQ(stat.kernel, 703u);
  EXPECT_EQ(stat.mapped_file, kNone);
  EXPECT_EQ(stat.page_faults, kNone);
}

TEST(CgroupParse, MemoryEvents) {
  const MemoryEvents events = parse_memory_events("low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\n");
  EXPECT_EQ(events.high, 1u);
  EXPECT_EQ(events.max, 2u);
  EXPECT_EQ(events.oom_kill, 4u);
  EXPECT_EQ(parse_memory_events("oom_kill_disable 0\nunder_oom 0\noom_kill 6\n").oom_kill, 6u);
  EXPECT_EQ(parse_memory_events("oom_kill_disable 0\nunder_oom 0\n").oom_kill, kNone);  // before Linux 4.13
}

TEST(CgroupParse, BlkioWithoutADeviceLineIsNotMeasured) {
  std::vector<IoDevice> devices;
  parse_blkio("Total 0\n", BlkioUnit::kBytes, devices);
  parse_blkio("", BlkioUnit::kBytes, devices);
  EXPECT_THAT(devices, IsEmpty());
}

TEST(CgroupParse, BlkioBytesAndOperationsMeetInOneDevice) {
  std::vector<IoDevice> devices;
  parse_blkio(
      "254:0 Read 4096\n254:0 Write 10485760\n254:0 Sync 1\n254:0 Async 2\n254:0 Discard 0\n254:0 Total 3\n"
      "8:16 Read 1\n8:16 Write 2\nTotal 7\n",
      BlkioUnit::kBytes, devices);
  parse_blkio("254:0 Read 1\n254:0 Write 10\nTotal 11\n", BlkioUnit::kOperations, devices);
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].major, 254u);
  EXPECT_EQ(devices[0].read_bytes, 4096u);
  EXPECT_EQ(devices[0].written_bytes, 10485760u);
  EXPECT_EQ(devices[0].reads, 1u);
  EXPECT_EQ(devices[0].writes, 10u);
  EXPECT_EQ(devices[1].minor, 16u);
  EXPECT_EQ(devices[1].reads, kNone);
}

TEST(CgroupParse, BlkioGarbage) {
  std::vector<IoDevice> devices;
  parse_blkio("254 Read 1\n:0 Read 1\n254:0 Read\n254:0 Read x\n99999999999:0 Read 1\n254:0 read 1\n\n",
              BlkioUnit::kBytes, devices);
  EXPECT_THAT(devices, IsEmpty());
}

TEST(CgroupParse, IoStat) {
  std::vector<IoDevice> devices;
  parse_io_stat(
      "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:0 rbytes=1 wbytes=2 rios=3 wios=4 cost.usage=9\n",
      devices);
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].read_bytes, 4096u);
  EXPECT_EQ(devices[0].written_bytes, 8192u);
  EXPECT_EQ(devices[0].reads, 1u);
  EXPECT_EQ(devices[0].writes, 2u);
  EXPECT_EQ(devices[1].writes, 4u);
}

TEST(CgroupParse, IoStatDevicesWithoutFiguresOnOneLine) {
  std::vector<IoDevice> devices;
  parse_io_stat("7:7 7:6 254:0 rbytes=1 wbytes=2 rios=3 wios=4\n7:5 \n", devices);
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].major, 254u);
}

TEST(CgroupParse, IoStatGarbage) {
  std::vector<IoDevice> devices;
  parse_io_stat("", devices);
  parse_io_stat("rbytes=1\nx:y rbytes=1\n1:2 rbytes=\n1:2 =5\n1:2 rbytes=-1\n", devices);
  EXPECT_THAT(devices, IsEmpty());
}

TEST(CgroupParse, FieldsAreFoundByTheirWholeNameInAnyOrder) {
  const MemoryStat stat = parse_memory_stat_v1("total_active_file 4\ntotal_cachX 9\ntotal_cache 1\ntotal_rss_huge 9\n");
  EXPECT_EQ(stat.cache, 1u);
  EXPECT_EQ(stat.active_file, 4u);
  EXPECT_EQ(stat.rss, kNone);
  EXPECT_EQ(parse_memory_stat_v2("file\nfile \nfile x\n" + std::string(40, 'k') + " 1\n").cache, kNone);
}

TEST(CgroupParse, BlkioKindsOfRequests) {
  std::vector<IoDevice> devices;
  parse_blkio("8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Async 4\n8:0 Discard 5\n8:0 Total 6\nTotal 6\n",
              BlkioUnit::kBytes, devices);
  parse_blkio("8:0 Read 7\n8:0 Sync 8\n8:0 Total 9\n", BlkioUnit::kOperations, devices);
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].sync_bytes, 3u);
  EXPECT_EQ(devices[0].async_bytes, 4u);
  EXPECT_EQ(devices[0].discarded_bytes, 5u);
  EXPECT_EQ(devices[0].total_bytes, 6u);
  EXPECT_EQ(devices[0].reads, 7u);
}

TEST(CgroupParse, IoStatOfIocostIsInMicroseconds) {
  std::vector<IoDevice> devices;
  parse_io_stat("8:0 rbytes=1 dbytes=5 cost.vrate=100.00 cost.usage=17 cost.wait=2 cost.indebt=3 cost.indelay=4\n",
                devices);
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].discarded_bytes, 5u);
  EXPECT_EQ(devices[0].cost_usage_ns, 17'000u);
  EXPECT_EQ(devices[0].cost_wait_ns, 2'000u);
  EXPECT_EQ(devices[0].cost_indebt_ns, 3'000u);
  EXPECT_EQ(devices[0].cost_indelay_ns, 4'000u);
  EXPECT_EQ(devices[0].total_bytes, kNone);
}

TEST(CgroupParse, PressureTotals) {
  const Pressure both = parse_pressure(test::pressure_text(12345, 67));
  EXPECT_EQ(both.some_ns, 12'345'000u);
  EXPECT_EQ(both.full_ns, 67'000u);
  const Pressure some = parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  EXPECT_EQ(some.some_ns, 0u);
  EXPECT_EQ(some.full_ns, kNone) << "before 5.13 a CPU is never said to stall a whole group";
  EXPECT_EQ(parse_pressure("full avg10=0.00 avg60=0.00 avg300=0.00 total=9\n").full_ns, 9'000u) << "irq.pressure";
}

TEST(CgroupParse, PressureGarbage) {
  for (const char* text :
       {"", "\n", "some", "some total", "some avg10=0 total=", "some avg10=0 total=-1\n", "some avg10=0 total=1x\n",
        "most avg10=0 total=1\n", "sometotal=1\n", "some avg10=0 total=18446744073709551615\n"})
    EXPECT_EQ(parse_pressure(text), Pressure{}) << text;
}

std::string numa_text(const std::vector<NumaPages>& numa) {
  std::string text;
  for (const NumaPages& one : numa)
    text += std::to_string(static_cast<int>(one.kind)) + (one.hierarchy ? "h" : "c") + std::to_string(one.node) + "=" +
            std::to_string(one.pages) + " ";
  return text;
}

TEST(CgroupParse, NumaV1) {
  std::vector<NumaPages> numa;
  parse_numa_v1(
      "total=9 N0=4 N1=5\nfile=1 N0=1 N1=0\nanon=8 N0=3 N1=5\nunevictable=2 N0=2\nhierarchical_total=1 N0=1\n"
      "hierarchical_anon=7 N0=7 N12=1\n",
      numa);
  EXPECT_EQ(numa_text(numa), "0c0=1 0c1=0 1c0=3 1c1=5 2c0=2 1h0=7 1h12=1 ");
}

TEST(CgroupParse, NumaV2IsInBytes) {
  std::vector<NumaPages> numa;
  parse_numa_v2("anon N0=4096 N1=8191\nfile N0=0\nkernel_stack N0=5\nunevictable N1=40960\n", 4096, numa);
  EXPECT_EQ(numa_text(numa), "1h0=1 1h1=1 0h0=0 2h1=10 ");
  parse_numa_v2("anon N0=4096\n", 0, numa);
  EXPECT_EQ(numa.size(), 4u) << "without a page size there are no pages";
}

TEST(CgroupParse, NumaGarbage) {
  std::vector<NumaPages> numa;
  for (const char* text :
       {"", "\n\n", "anon=", "anon=1 N=1 Nx=1 N0= N0=x 0=1\n", "anon=1 N99999999999=1\n", "Anon=1 N0=1"}) {
    parse_numa_v1(text, numa);
    parse_numa_v2(text, 4096, numa);
    EXPECT_EQ(numa.size(), 0u) << text;
  }
}

TEST(CgroupParse, ListOfProcessesLeavesOutThoseOfOtherNamespaces) {
  std::vector<pid_t> pids = {1, 2};
  EXPECT_EQ(parse_procs("0\n7\nx\n0\n9\n", &pids).count, 4u);
  EXPECT_THAT(pids, ElementsAre(7, 9));
  (void)parse_procs("", &pids);
  EXPECT_THAT(pids, IsEmpty());
}

TEST(CgroupParse, Procs) {
  EXPECT_EQ(parse_procs("").count, 0u);
  EXPECT_EQ(parse_procs("").first, 0);
  EXPECT_EQ(parse_procs("12\n345\n").count, 2u);
  EXPECT_EQ(parse_procs("12\n345\n").first, 12);
  EXPECT_EQ(parse_procs("0\n0\n7\n").count, 3u) << "processes outside of the pid namespace count";
  EXPECT_EQ(parse_procs("0\n0\n7\n").first, 7);
  EXPECT_EQ(parse_procs("x\n-1\n99999999999\n\n").count, 0u);
}

}  // namespace
}  // namespace plimsoll::cgroup
