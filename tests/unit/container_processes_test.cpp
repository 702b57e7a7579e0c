// SPDX-License-Identifier: Apache-2.0
// Sums over the processes of a group, from trees that stand in for /proc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>

#include <cmath>
#include <cstddef>
#include <cstring>

#include "collectors/container/process_files.h"
#include "collectors/container/processes.h"
#include "collectors/container/taskstats.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

using namespace collectors::container;

std::string stat_text(pid_t pid, char state, uint64_t start) {
  return std::to_string(pid) + " (a) (b) " + state + " 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 " +
         std::to_string(start) + " 4096 100\n";
}

const char* const kLimits =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max open files            1024                 524288               files     \n";

class ProcTree {
 public:
  // A process of one thread with three files, one of them a socket.
  void process(pid_t pid, uint64_t start, const std::string& schedstat, char state = 'S') const {
    const std::string base = "proc/" + std::to_string(pid);
    tree.write(base + "/stat", stat_text(pid, state, start));
    tree.write(base + "/limits", kLimits);
    tree.write(base + "/smaps_rollup",
               "00400000-7ff (rollup)\nRss: 9 kB\nReferenced:           12 kB\nAnonymous: 1 kB\n");
    thread(pid, pid, start, schedstat);
    tree.make_dir(base + "/fd");
    link(pid, "0", "/dev/null");
    link(pid, "1", "socket:[4711]");
    link(pid, "2", "/tmp/socket:[1]");
  }
  void thread(pid_t pid, pid_t tid, uint64_t start, const std::string& schedstat) const {
    const std::string base = "proc/" + std::to_string(pid) + "/task/" + std::to_string(tid);
    tree.write(base + "/stat", stat_text(tid, 'S', start));
    tree.write(base + "/schedstat", schedstat);
  }
  void link(pid_t pid, const std::string& name, const std::string& target) const {
    ASSERT_EQ(::symlink(target.c_str(), tree.at("proc/" + std::to_string(pid) + "/fd/" + name).c_str()), 0);
  }
  void remove(pid_t pid) const { ASSERT_TRUE(remove_tree(tree.at("proc/" + std::to_string(pid)))); }

  bool read(Processes& processes, const std::vector<pid_t>& pids, int64_t deadline_ns = INT64_MAX) {
    return processes.read(pids, -1, deadline_ns, buffer, history, sums);
  }

  TempTree tree;
  ReadBuffer buffer;
  ProcessHistory history;
  ProcessSums sums;
};

KindSet only(std::initializer_list<Kind> kinds) {
  KindSet set = KindSet::none();
  for (const Kind kind : kinds) set.set(kind, true);
  return set;
}

class ContainerProcesses : public testing::Test, protected ProcTree {
 protected:
  ContainerProcesses() {
    process(10, 100, "1000 200 3\n");
    process(11, 110, "50 60 7\n");
  }
  Processes with(std::initializer_list<Kind> kinds) { return Processes(tree.at("proc"), only(kinds)); }
};

TEST_F(ContainerProcesses, FilesSocketsZombiesAndTheLimit) {
  process(12, 120, "0 0 0\n", 'Z');
  Processes processes = with({Kind::kProcess});
  ASSERT_TRUE(read(processes, {10, 11, 12}));
  EXPECT_EQ(sums.file_descriptors, 6U);
  EXPECT_EQ(sums.sockets, 2U);
  EXPECT_EQ(sums.zombies, 1U);
  EXPECT_EQ(sums.open_files_soft_limit, 1024U);
  EXPECT_EQ(sums.run_ns, std::nullopt) << "not asked for";
  EXPECT_EQ(sums.referenced_bytes, std::nullopt);
}

TEST_F(ContainerProcesses, NothingIsWantedWithoutAKind) {
  EXPECT_FALSE(with({Kind::kCpu, Kind::kMemory, Kind::kPids}).wanted());
  for (const Kind kind : {Kind::kProcess, Kind::kSched, Kind::kReferencedMemory, Kind::kDelays, Kind::kCpuLoad})
    EXPECT_TRUE(with({kind}).wanted());
}

TEST_F(ContainerProcesses, AGroupWithoutProcessesHasSumsOfZero) {
  Processes processes = with({Kind::kProcess, Kind::kSched, Kind::kReferencedMemory});
  ASSERT_TRUE(read(processes, {}));
  EXPECT_EQ(sums.file_descriptors, 0U);
  EXPECT_EQ(sums.sockets, 0U);
  EXPECT_EQ(sums.run_ns, 0U);
  EXPECT_EQ(sums.referenced_bytes, 0U);
  EXPECT_EQ(sums.open_files_soft_limit, std::nullopt) << "a limit of nobody";
}

TEST_F(ContainerProcesses, WhoHasEndedMeanwhileIsLeftOut) {
  Processes processes = with({Kind::kProcess, Kind::kSched, Kind::kReferencedMemory});
  remove(10);
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.file_descriptors, 3U);
  EXPECT_EQ(sums.referenced_bytes, 12U * 1024);
  EXPECT_EQ(sums.run_ns, 50U);
  EXPECT_EQ(sums.open_files_soft_limit, 1024U) << "of the first that is there";
}

TEST_F(ContainerProcesses, WhatTheKernelDoesNotHaveIsAbsentAndNotZero) {
  ASSERT_TRUE(remove_tree(tree.at("proc/11/fd")));
  ASSERT_EQ(::unlink(tree.at("proc/11/smaps_rollup").c_str()), 0);
  ASSERT_EQ(::unlink(tree.at("proc/11/task/11/schedstat").c_str()), 0);
  Processes processes = with({Kind::kProcess, Kind::kSched, Kind::kReferencedMemory});
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.file_descriptors, std::nullopt);
  EXPECT_EQ(sums.sockets, std::nullopt);
  EXPECT_EQ(sums.referenced_bytes, std::nullopt);
  EXPECT_EQ(sums.run_ns, std::nullopt);
  EXPECT_EQ(sums.zombies, 0U);
}

TEST_F(ContainerProcesses, GarbageMakesItsSumAbsent) {
  tree.write("proc/11/task/11/schedstat", "50 60\n");
  tree.write("proc/11/smaps_rollup", "Referenced: lots kB\n");
  tree.write("proc/10/limits", "Max open files            many\n");
  Processes processes = with({Kind::kProcess, Kind::kSched, Kind::kReferencedMemory});
  ASSERT_TRUE(read(processes, {10}));
  EXPECT_EQ(sums.run_ns, 1000U);
  EXPECT_EQ(sums.open_files_soft_limit, std::nullopt);
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.run_ns, std::nullopt);
  EXPECT_EQ(sums.referenced_bytes, std::nullopt);
  EXPECT_EQ(sums.file_descriptors, 6U);
  tree.write("proc/11/stat", "11 (no end\n");
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.file_descriptors, std::nullopt);
  EXPECT_EQ(sums.zombies, std::nullopt);
}

TEST_F(ContainerProcesses, AProcessOfAnUnseenNamespaceMakesSumsAbsent) {
  Processes processes = with({Kind::kProcess, Kind::kSched});
  ASSERT_TRUE(read(processes, {10, 0}));
  EXPECT_EQ(sums.file_descriptors, std::nullopt);
  EXPECT_EQ(sums.run_ns, std::nullopt);
}

TEST_F(ContainerProcesses, TimesAreThoseOfAllThreads) {
  thread(10, 15, 105, "7 8 9\n");
  Processes processes = with({Kind::kSched});
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.run_ns, 1000U + 7 + 50);
  EXPECT_EQ(sums.run_queue_ns, 200U + 8 + 60);
  EXPECT_EQ(sums.run_periods, 3U + 9 + 7);
}

TEST_F(ContainerProcesses, TheTimesOfTheDeadStayInTheSum) {
  Processes processes = with({Kind::kSched});
  ASSERT_TRUE(read(processes, {10, 11}));
  remove(10);
  ASSERT_TRUE(read(processes, {11}));
  EXPECT_EQ(sums.run_ns, 1050U);
  ASSERT_TRUE(read(processes, {}));
  EXPECT_EQ(sums.run_ns, 1050U);
  EXPECT_TRUE(history.alive.empty());
  process(12, 120, "5 0 1\n");
  ASSERT_TRUE(read(processes, {12}));
  EXPECT_EQ(sums.run_ns, 1055U);
  EXPECT_EQ(sums.run_periods, 11U);
}

TEST_F(ContainerProcesses, ANumberThatIsUsedAgainIsAnotherProcess) {
  Processes processes = with({Kind::kSched});
  ASSERT_TRUE(read(processes, {10}));
  remove(10);
  process(10, 999, "3000 0 1\n");
  ASSERT_TRUE(read(processes, {10}));
  EXPECT_EQ(sums.run_ns, 4000U);
  tree.write("proc/10/task/10/schedstat", "2000 0 1\n");
  ASSERT_TRUE(read(processes, {10}));
  EXPECT_EQ(sums.run_ns, 4000U) << "the same process never has less";
}

TEST_F(ContainerProcesses, AfterTheDeadlineThereIsNothing) {
  Processes processes = with({Kind::kProcess, Kind::kSched});
  ASSERT_TRUE(read(processes, {10}));
  EXPECT_FALSE(read(processes, {11}, monotonic_ns() - 1));
  EXPECT_EQ(sums.file_descriptors, std::nullopt);
  EXPECT_EQ(sums.run_ns, std::nullopt);
  EXPECT_EQ(history.alive.count(10), 1U) << "the history is that of the last success";
  EXPECT_EQ(history.alive.count(11), 0U);
  std::vector<pid_t> many(kMaxProcesses, 10);
  EXPECT_FALSE(read(processes, many, monotonic_ns() + 3'000'000)) << "the time is up on the way";
  EXPECT_EQ(sums.zombies, std::nullopt);
}

TEST_F(ContainerProcesses, TooManyProcessesAreNotSummed) {
  Processes processes = with({Kind::kProcess});
  EXPECT_FALSE(read(processes, std::vector<pid_t>(kMaxProcesses + 1, 4711)));
  EXPECT_TRUE(read(processes, std::vector<pid_t>(kMaxProcesses, 4711)));
}

// The numbers in the tree are not those of this system's processes, so taskstats may not be asked about them.
TEST_F(ContainerProcesses, DelaysNeedTaskstats) {
  Processes processes = with({Kind::kDelays, Kind::kCpuLoad});
  ASSERT_TRUE(read(processes, {10, 11}));
  EXPECT_EQ(sums.cpu_delay_ns, std::nullopt);
  EXPECT_EQ(sums.block_io_delay_ns, std::nullopt);
  EXPECT_EQ(sums.running, std::nullopt) << "no directory of a group";
  EXPECT_EQ(sums.load_average, std::nullopt);
}

TEST_F(ContainerProcesses, WithoutProcNothingIsKnown) {
  Processes processes(tree.at("nowhere"), only({Kind::kProcess, Kind::kSched}));
  EXPECT_TRUE(processes.wanted());
  ASSERT_TRUE(read(processes, {10}));
  EXPECT_EQ(sums.file_descriptors, std::nullopt);
  EXPECT_EQ(sums.run_ns, std::nullopt);
}

TEST(ProcessFiles, Stat) {
  const auto stat = parse_process_stat(stat_text(1, 'Z', 77));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->state, 'Z');
  EXPECT_EQ(stat->start_ticks, 77U);
  for (const char* text :
       {"", "1 (a", "1 (a) ", "1 (a) S 1 2 3\n", "1 a S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 4 3\n"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
  EXPECT_FALSE(parse_process_stat("1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77")) << "perhaps cut off";
}

TEST(ProcessFiles, SchedStat) {
  const auto sched = parse_schedstat("18446744073709551615 2 3\n");
  ASSERT_TRUE(sched);
  EXPECT_EQ(sched->run_ns, UINT64_MAX);
  EXPECT_EQ(sched->run_periods, 3U);
  for (const char* text :
       {"", "\n", "1 2 3", "1 2\n", "1 2 -3\n", "1 2 3 4\n", "a b c\n", "18446744073709551616 2 3\n"})
    EXPECT_FALSE(parse_schedstat(text)) << text;
}

TEST(ProcessFiles, OpenFilesLimit) {
  EXPECT_EQ(parse_open_files_limit(kLimits), 1024U);
  EXPECT_EQ(parse_open_files_limit("Max open files   unlimited   unlimited   files\n"), cgroup::kUnlimited);
  for (const char* text :
       {"", "Max open files", "Max open files   10", "Max open filesets 1 2 files\n", "Max cpu time 1 1 s\n"})
    EXPECT_FALSE(parse_open_files_limit(text)) << text;
}

TEST(ProcessFiles, Referenced) {
  EXPECT_EQ(parse_referenced("Rss: 1 kB\nReferenced:        3 kB\n"), 3072U);
  for (const char* text :
       {"", "Referenced:  3", "Rss: 1 kB\n", "Referenced: x kB\n", "Referenced: 18446744073709551615 kB\n"})
    EXPECT_FALSE(parse_referenced(text)) << text;
}

TEST(Load, DecaysOverTenSeconds) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(decayed_load(0, 4, INT64_MAX), 4) << "the first look is all there is";
  EXPECT_EQ(decayed_load(3, 4, 0), 3);
  EXPECT_EQ(decayed_load(3, 4, -5), 3);
  EXPECT_NEAR(decayed_load(4, 0, 10 * kSecond), 4 / std::exp(1), 1e-9);
  double load = 0;
  for (int second = 0; second < 10; ++second) load = decayed_load(load, 2, kSecond);
  EXPECT_NEAR(load, decayed_load(0, 2, 10 * kSecond), 1e-9) << "the number of looks does not matter";
}

TEST(Taskstats, FieldsAreWhereTheKernelPutsThem) {
  if (TASKSTATS_VERSION == 15) GTEST_SKIP() << "headers of the version that moved the fields";
  taskstats stats = {};
  stats.version = TASKSTATS_VERSION;
  stats.cpu_count = 1;
  stats.cpu_delay_total = 2;
  stats.blkio_delay_total = 3;
  stats.swapin_delay_total = 4;
  stats.cpu_run_virtual_total = 5;
  stats.freepages_delay_total = 6;
  std::string bytes(reinterpret_cast<const char*>(&stats), sizeof(stats));
  const auto times = parse_taskstats(bytes);
  ASSERT_TRUE(times);
  EXPECT_EQ(times->run_periods, 1U);
  EXPECT_EQ(times->cpu_delay_ns, 2U);
  EXPECT_EQ(times->block_io_delay_ns, 3U);
  EXPECT_EQ(times->swap_in_delay_ns, 4U);
  EXPECT_EQ(times->run_ns, 5U);
  EXPECT_EQ(times->reclaim_delay_ns, 6U);
  EXPECT_FALSE(parse_taskstats(bytes.substr(0, offsetof(taskstats, freepages_delay_total) + 7)));
  EXPECT_FALSE(parse_taskstats(""));
  bytes[0] = 15;
  EXPECT_FALSE(parse_taskstats(bytes)) << "has other fields there";
}

TEST(Taskstats, CgroupStates) {
  const uint64_t numbers[] = {1, 2, 3, 4, 5};
  const std::string bytes(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  const auto states = parse_cgroupstats(bytes);
  ASSERT_TRUE(states);
  EXPECT_EQ(states->sleeping, 1U);
  EXPECT_EQ(states->io_waiting, 5U);
  EXPECT_FALSE(parse_cgroupstats(bytes.substr(1)));
}

TEST(Taskstats, Attributes) {
  const auto attribute = [](uint16_t type, const std::string& value, size_t length) {
    const nlattr head = {static_cast<uint16_t>(length), type};
    std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
    bytes += value;
    bytes.resize((bytes.size() + 3) / 4 * 4);
    return bytes;
  };
  const std::string two = attribute(1, "abcde", 9) + attribute(2 | NLA_F_NESTED, "xy", 6);
  EXPECT_EQ(netlink_attribute(two, 1), "abcde");
  EXPECT_EQ(netlink_attribute(two, 2), "xy");
  EXPECT_EQ(netlink_attribute(two, 3), "");
  EXPECT_EQ(netlink_attribute(attribute(1, "ab", 3), 1), "") << "shorter than its own head";
  EXPECT_EQ(netlink_attribute(attribute(1, "ab", 99), 1), "") << "longer than the message";
  EXPECT_EQ(netlink_attribute(two.substr(0, 3), 1), "");
  EXPECT_EQ(netlink_attribute(attribute(1, "a", 5).substr(0, 5), 1), "a") << "the last one needs no padding";
}

}  // namespace
}  // namespace plimsoll::test
