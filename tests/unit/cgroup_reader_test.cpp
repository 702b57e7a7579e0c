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

// A machine with everything, of each version.
enum class Version : uint8_t { kV1, kHybrid, kV2 };
void write_all(const TempTree& tree, Version version, const std::string& path, uint64_t seed) {
  if (version == Version::kV2) return test::write_v2_group(tree, ".", path, seed);
  test::write_v1_group(tree, ".", path, seed);
  test::write_v1_extras(tree, ".", path, seed);
  if (version == Version::kHybrid) test::write_hybrid_group(tree, ".", path, seed);
}

// What of `stats` is there, a word each.
std::string present(const Stats& stats) {
  const auto& [counters, gauges, limits] = stats;
  const std::pair<const char*, bool> parts[] = {
      {"usage", counters.cpu_usage_ns.has_value()},
      {"percpu", !counters.cpu_usage_percpu_ns.empty()},
      {"times", counters.cpu_user_ns && counters.cpu_system_ns},
      {"cfs", counters.cfs_periods.has_value()},
      {"shares", limits.cpu_shares && limits.cpu_quota_us},
      {"memory", gauges.memory_usage_bytes && gauges.memory_rss_bytes && gauges.memory_peak_bytes},
      {"events", counters.memory_failures || counters.memory_max_events},
      {"limit", limits.memory_bytes && limits.memory_swap_bytes && limits.memory_reservation_bytes},
      {"oom", counters.oom_kills.has_value()},
      {"io", !counters.io.empty()},
      {"threads", gauges.threads && limits.pids},
      {"pressure", counters.cpu_pressure.some_ns && counters.memory_pressure.full_ns && counters.io_pressure.full_ns},
      {"irq", counters.irq_pressure.full_ns.has_value()},
      {"procs", gauges.processes.has_value()},
      {"huge", !gauges.huge_pages.empty()},
      {"numa", !gauges.numa.empty()},
      {"migrate", gauges.memory_migrate.has_value()}};
  std::string words;
  for (const auto& [word, there] : parts) words += there ? std::string(words.empty() ? "" : " ") + word : "";
  return words;
}

struct OptionCase {
  const char* name;
  bool ReadOptions::*member;
  const char *v1, *hybrid, *v2;
};

constexpr ReadOptions kNothing = {.cpu = false,
                                  .percpu = false,
                                  .memory = false,
                                  .oom = false,
                                  .block_io = false,
                                  .pids = false,
                                  .pressure = false,
                                  .procs = false};

TEST(CgroupReader, EachOptionBringsItsOwnFieldsAndNoOthers) {
  const OptionCase cases[] = {
      {"cpu", &ReadOptions::cpu, "usage times cfs shares", "usage times cfs shares", "usage times cfs shares"},
      {"percpu", &ReadOptions::percpu, "", "", ""},
      {"memory", &ReadOptions::memory, "memory events limit", "memory events limit", "memory events limit"},
      {"oom", &ReadOptions::oom, "oom", "oom", "oom"},
      {"block_io", &ReadOptions::block_io, "io", "io", "io"},
      {"pids", &ReadOptions::pids, "threads", "threads", "threads"},
      {"pressure", &ReadOptions::pressure, "", "pressure", "pressure irq"},
      {"procs", &ReadOptions::procs, "procs", "procs", "procs"},
      {"hugetlb", &ReadOptions::hugetlb, "huge", "huge", "huge"},
      {"numa", &ReadOptions::numa, "numa", "numa", "numa"},
      {"cpuset", &ReadOptions::cpuset, "migrate", "migrate", ""},
  };
  for (const Version version : {Version::kV1, Version::kHybrid, Version::kV2}) {
    const TempTree tree;
    for (const char* path : {"", "/a"}) write_all(tree, version, path, 3);
    const bool v2 = version == Version::kV2;
    const std::string io = v2 ? "a/io.stat" : "blkio/a/blkio.throttle.io_service_bytes_recursive";
    tree.write(io, v2 ? "8:0 rbytes=1 wbytes=0 rios=1 wios=0\n" : "8:0 Read 1\nTotal 1\n");
    EXPECT_EQ(present(Reading(tree, "/a", FdBudget(100), kNothing).stats), "");
    for (const OptionCase& test : cases) {
      ReadOptions options = kNothing;
      options.*test.member = true;
      Reading reading(tree, "/a", FdBudget(100), options);
      EXPECT_TRUE(reading.result) << test.name;
      const char* expected = v2 ? test.v2 : version == Version::kHybrid ? test.hybrid : test.v1;
      EXPECT_EQ(present(reading.stats), expected) << test.name << " in version " << static_cast<int>(version);
    }
  }
}

TEST(CgroupReader, WhatIsOffIsNotKeptOpen) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV2, path, 3);
  Reading nothing(tree, "/a", FdBudget(100), kNothing);
  EXPECT_EQ(nothing.budget.left(), 99u) << "only the directory";
  ReadOptions pids = kNothing;
  pids.pids = true;
  EXPECT_EQ(Reading(tree, "/a", FdBudget(100), pids).budget.left(), 98u) << "and pids.current, but not the limit";
}

TEST(CgroupReader, AGroupThatIsGoneIsSeenAlsoWhenNothingIsReadOfIt) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV2, path, 3);
  Reading reading(tree, "/a", FdBudget(1), kNothing);
  ASSERT_TRUE(reading.result);
  ASSERT_TRUE(remove_tree(tree.at("a")));
  EXPECT_FALSE(reading.reader->read(reading.buffer, reading.stats));
}

TEST(CgroupReader, LimitsAreReadAgainOnlyWhenToldSo) {
  for (const size_t limit : {0u, 100u}) {
    const TempTree tree;
    for (const char* path : {"", "/a"}) write_all(tree, Version::kV1, path, 3);
    Reading reading(tree, "/a", FdBudget(limit));
    const auto again = [&] { EXPECT_TRUE(reading.reader->read(reading.buffer, reading.stats)); };
    tree.write("memory/a/memory.limit_in_bytes", "4096\n");
    tree.write("cpu/a/cpu.cfs_quota_us", "50000\n");
    again();
    EXPECT_EQ(reading.stats.limits.memory_bytes, kUnlimited);
    EXPECT_EQ(reading.stats.limits.cpu_quota_us, kUnlimited);
    EXPECT_EQ(reading.stats.limits.pids, kUnlimited) << "kept, though another reading has cleared the rest";
    reading.reader->forget_limits();
    again();
    EXPECT_EQ(reading.stats.limits.memory_bytes, 4096u);
    EXPECT_EQ(reading.stats.limits.cpu_quota_us, 50000u);
    for (int i = 0; i < 5; ++i) {  // without events: at every scrape
      tree.write("pids/a/pids.max", test::num(40 + i) + "\n");
      reading.reader->forget_limits();
      again();
      EXPECT_EQ(reading.stats.limits.pids, 40u + i);
    }
  }
}

TEST(CgroupReader, CountersThatNeedALimitAreReadWhileThereIsOneOrWas) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV1, path, 3);
  tree.write("memory/a/memory.failcnt", "0\n");
  Reading reading(tree, "/a");
  const auto again = [&] { EXPECT_TRUE(reading.reader->read(reading.buffer, reading.stats)); };
  EXPECT_EQ(reading.stats.counters.memory_failures, 0u);
  EXPECT_EQ(reading.stats.counters.cfs_periods, 0u);
  again();
  EXPECT_EQ(reading.stats.counters.memory_failures, 0u) << "there, though not read";
  EXPECT_EQ(reading.stats.counters.cfs_throttled_ns, 0u);
  tree.write("memory/a/memory.limit_in_bytes", "4096\n");
  tree.write("cpu/a/cpu.cfs_quota_us", "50000\n");
  reading.reader->forget_limits();
  again();
  for (const uint64_t count : {5u, 6u}) {
    tree.write("memory/a/memory.failcnt", test::num(count) + "\n");
    tree.write("cpu/a/cpu.stat", "nr_periods " + test::num(count) + "\nnr_throttled 1\nthrottled_time 2\n");
    again();
    EXPECT_EQ(reading.stats.counters.memory_failures, count);
    EXPECT_EQ(reading.stats.counters.cfs_periods, count);
  }
  tree.write("memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  tree.write("cpu/a/cpu.cfs_quota_us", "-1\n");
  reading.reader->forget_limits();
  again();
  tree.write("memory/a/memory.failcnt", "7\n");
  again();
  EXPECT_EQ(reading.stats.counters.memory_failures, 7u) << "it has been hit, so it is watched";
  EXPECT_EQ(reading.stats.counters.cfs_periods, 6u);
}

TEST(CgroupReader, TimesAreReadAgainOnceTheUsageGrows) {
  for (const Version version : {Version::kV1, Version::kHybrid}) {
    const TempTree tree;
    for (const char* path : {"", "/a"}) write_all(tree, version, path, 2);
    Reading reading(tree, "/a");
    const auto before = reading.stats.counters.cpu_user_ns;
    const auto set_usage = [&](uint64_t seconds) {
      tree.write("cpuacct/a/cpuacct.usage_percpu", test::num(seconds * 1'000'000'000) + " 0 0 0 \n");
    };
    if (version == Version::kV1) tree.write("cpuacct/a/cpuacct.stat", "user 800\nsystem 1\n");
    if (version == Version::kHybrid)
      tree.write("unified/a/cpu.stat", "usage_usec 8000000\nuser_usec 8000000\nsystem_usec 10000\n");
    ASSERT_TRUE(reading.reader->read(reading.buffer, reading.stats));
    EXPECT_EQ(reading.stats.counters.cpu_user_ns, before);
    EXPECT_TRUE(reading.stats.counters.cpu_system_ns);
    set_usage(8);
    ASSERT_TRUE(reading.reader->read(reading.buffer, reading.stats));
    EXPECT_EQ(reading.stats.counters.cpu_user_ns, 8'000'000'000u);
    EXPECT_EQ(reading.stats.counters.cpu_system_ns, 10'000'000u);
  }
}

TEST(CgroupReader, StallsAreReadAgainOnceTheGroupRuns) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV2, path, 2);
  Reading reading(tree, "/a");
  const auto again = [&] { EXPECT_TRUE(reading.reader->read(reading.buffer, reading.stats)); };
  const auto& counters = reading.stats.counters;
  tree.write("a/io.pressure", test::pressure_text(700, 0));  // a task waits since before the first reading
  again();
  EXPECT_EQ(counters.io_pressure.some_ns, 700'000u);
  tree.write("a/io.pressure", test::pressure_text(800, 0));
  again();
  EXPECT_EQ(counters.io_pressure.some_ns, 800'000u) << "it waits still, though the group uses no CPU";
  again();  // nothing moves any more
  tree.write("a/io.pressure", test::pressure_text(900, 0));
  tree.write("a/cpu.pressure", test::pressure_text(5, 5));
  again();
  EXPECT_EQ(counters.io_pressure.some_ns, 800'000u) << "not read";
  EXPECT_EQ(counters.memory_pressure.some_ns, 4'000'000u) << "kept";
  EXPECT_EQ(counters.cpu_pressure.some_ns, 5'000u) << "always read: to be waiting for a CPU takes none";
  tree.write("a/cpu.stat", "usage_usec 6000001\nuser_usec 4000000\nsystem_usec 2000000\n");
  again();
  EXPECT_EQ(counters.io_pressure.some_ns, 900'000u);
}

TEST(CgroupReader, PressureOfAHybridGroupWhoseProcessesAreElsewhere) {
  for (const bool cpu : {true, false}) {
    const TempTree tree;
    for (const char* path : {"", "/a"}) {
      test::write_v1_group(tree, ".", path, 2);
      test::write_hybrid_group(tree, ".", path, 2);
    }
    ReadOptions options;
    options.cpu = cpu;
    EXPECT_EQ(Reading(tree, "/a", FdBudget(100), options).stats.counters.cpu_pressure.some_ns, 2'000'000'000u);
    test::write_hybrid_group(tree, ".", "/a", 0);
    Reading away(tree, "/a", FdBudget(100), options);
    EXPECT_EQ(away.stats.counters.cpu_pressure, Pressure{}) << "the empty group's 0 is not theirs";
    EXPECT_EQ(away.stats.counters.io_pressure, Pressure{});
    EXPECT_EQ(away.stats.counters.cpu_usage_ns.has_value(), cpu);
  }
}

TEST(CgroupReader, BlockIoFilesOfOtherKernels) {
  struct Case {
    const char *bytes, *operations;
  };
  for (const Case& test : {Case{"blkio.bfq.io_service_bytes_recursive", "blkio.bfq.io_serviced_recursive"},
                           Case{"blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"}}) {
    const TempTree tree;
    for (const char* path : {"", "/a"}) test::write_v1_group(tree, ".", path, 2);
    const std::string dir = "blkio/a/";
    for (const char* name : {"blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_serviced_recursive"})
      ASSERT_EQ(::unlink(tree.at(dir + name).c_str()), 0);
    tree.write(dir + test.bytes, "8:0 Read 5\nTotal 5\n");
    tree.write(dir + test.operations, "8:0 Read 6\nTotal 6\n");
    Reading reading(tree, "/a");
    ASSERT_EQ(reading.stats.counters.io.size(), 1u) << test.bytes;
    EXPECT_EQ(reading.stats.counters.io[0].read_bytes, 5u);
    EXPECT_EQ(reading.stats.counters.io[0].reads, 6u);
  }
}

TEST(CgroupReader, OperationsFollowOnceADeviceIsKnown) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) test::write_v1_group(tree, ".", path, 2);
  Reading reading(tree, "/a");
  EXPECT_THAT(reading.stats.counters.io, IsEmpty());
  tree.write("blkio/a/blkio.throttle.io_service_bytes_recursive", "8:0 Read 5\nTotal 5\n");
  tree.write("blkio/a/blkio.throttle.io_serviced_recursive", "8:0 Read 6\nTotal 6\n");
  ASSERT_TRUE(reading.reader->read(reading.buffer, reading.stats));
  ASSERT_EQ(reading.stats.counters.io.size(), 1u);
  EXPECT_EQ(reading.stats.counters.io[0].reads, 6u);
}

TEST(CgroupReader, HugePagesPreferReservations) {
  const TempTree tree;
  for (const char* path : {"", "/a", "/b"}) write_all(tree, Version::kV1, path, 3);
  for (const char* file : {"usage_in_bytes", "max_usage_in_bytes", "failcnt"}) {
    ASSERT_EQ(::unlink(tree.at(std::string("hugetlb/b/hugetlb.2MB.rsvd.") + file).c_str()), 0);
  }
  tree.write("hugetlb/b/hugetlb.2MB.failcnt", "11\n");
  ReadOptions options = kNothing;
  options.hugetlb = true;
  for (const size_t limit : {0u, 100u}) {
    Reading reading(tree, "/a", FdBudget(limit), options);
    const auto& pages = reading.stats.gauges.huge_pages;
    ASSERT_EQ(pages.size(), 2u);
    EXPECT_EQ(pages[0].size, "1GB");
    EXPECT_EQ(pages[1].size, "2MB");
    EXPECT_EQ(pages[1].usage_bytes, 3u * 2097152);
    EXPECT_EQ(pages[1].max_usage_bytes, 3u * 4194304);
    EXPECT_EQ(pages[1].failures, 3u);
    Reading plain(tree, "/b", FdBudget(limit), options);
    ASSERT_EQ(plain.stats.gauges.huge_pages.size(), 2u);
    EXPECT_EQ(plain.stats.gauges.huge_pages[1].usage_bytes, 1u);
    EXPECT_EQ(plain.stats.gauges.huge_pages[1].max_usage_bytes, kNone);
    EXPECT_EQ(plain.stats.gauges.huge_pages[1].failures, 11u);
  }
}

TEST(CgroupReader, HugePagesV2) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV2, path, 3);
  ReadOptions options = kNothing;
  options.hugetlb = true;
  Reading reading(tree, "/a", FdBudget(100), options);
  ASSERT_EQ(reading.stats.gauges.huge_pages.size(), 1u);
  EXPECT_EQ(reading.stats.gauges.huge_pages[0].usage_bytes, 3u * 2097152);
  EXPECT_EQ(reading.stats.gauges.huge_pages[0].failures, 3u);
  EXPECT_EQ(reading.stats.gauges.huge_pages[0].max_usage_bytes, kNone);
}

TEST(CgroupReader, ProcessesAreListedOnRequest) {
  const TempTree tree;
  for (const char* path : {"", "/a"}) write_all(tree, Version::kV1, path, 3);
  for (const bool procs : {false, true}) {
    tree.write("memory/a/cgroup.procs", "1003\n2003\n");
    ReadOptions options;
    options.procs = procs;
    Reading reading(tree, "/a", FdBudget(100), options);
    EXPECT_EQ(reading.reader->pids().size(), procs ? 2u : 0u);
    EXPECT_EQ(reading.stats.gauges.processes.has_value(), procs);
    tree.write("memory/a/cgroup.procs", "0\n7\n");
    reading.reader->look_up_pids(reading.buffer);
    EXPECT_THAT(reading.reader->pids(), ElementsAre(7));
    EXPECT_EQ(reading.reader->first_pid(), 7);
    ASSERT_TRUE(reading.reader->read(reading.buffer, reading.stats));
    EXPECT_EQ(reading.reader->first_pid(), 7) << "what was looked up stays";
    ASSERT_EQ(::unlink(tree.at("memory/a/cgroup.procs").c_str()), 0);
    reading.reader->look_up_pids(reading.buffer);
    EXPECT_EQ(reading.reader->first_pid(), 0);
  }
}

TEST(CgroupReader, MeasuredPartFollowsTheOptions) {
  const TempTree tree;
  write_all(tree, Version::kHybrid, "", 1);
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(measured_part(*layout, ReadOptions{}).v1("cpuset"), nullptr);
  EXPECT_EQ(measured_part(*layout, ReadOptions{}).hierarchies.size(), measured_part(*layout).hierarchies.size());
  EXPECT_NE(measured_part(*layout, ReadOptions{.cpuset = true}).v1("cpuset"), nullptr);
  EXPECT_NE(measured_part(*layout, ReadOptions{.hugetlb = true}).v1("hugetlb"), nullptr);
}

TEST(FdBudget, FollowsTheLimit) {
  FdBudget budget(2);
  EXPECT_TRUE(budget.take());
  EXPECT_TRUE(budget.take());
  EXPECT_FALSE(budget.take());
  budget.give_back(1);
  EXPECT_TRUE(budget.take());
  const size_t all = FdBudget::from_rlimit().left();
  EXPECT_GT(all, 100u);
  EXPECT_EQ(FdBudget::from_rlimit(40).left(), all - 30);
  EXPECT_EQ(FdBudget::from_rlimit(2'000'000).left(), 0u);
}

}  // namespace
}  // namespace plimsoll::cgroup
