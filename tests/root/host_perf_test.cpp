// SPDX-License-Identifier: Apache-2.0
// The perf collector against the kernel that runs the test, and processes of this machine. Virtual machines often have
// no counters of the hardware: only those of the kernel's own events are expected.
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "base/text.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::Collected;
using test::FlagValues;
using test::setup_of;

class HostPerf : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: counts events of all processes";
  }
};

std::unique_ptr<Collector> perf_of(FlagValues values) {
  return kPerfCollector.make(setup_of(kPerfCollector, HostRoots{}, values));
}

// Values by what stands before them: name{labels}.
std::map<std::string, double> values_of(const Collected& collected) {
  std::map<std::string, double> values;
  const std::string text = collected.text();
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = take(rest, '\n');
    const size_t blank = line.rfind(' ');
    values[std::string(line.substr(0, blank))] = parse_double(line.substr(blank + 1)).value_or(-1);
  }
  return values;
}

// Makes as many page faults as pages.
void touch_pages(size_t pages) {
  const size_t size = pages * 4096;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(::madvise(memory, size, MADV_NOHUGEPAGE), 0);
  for (size_t i = 0; i < pages; ++i) static_cast<volatile char*>(memory)[i * 4096] = 1;
  ::munmap(memory, size);
}

TEST_F(HostPerf, CountsPageFaultsOnTheCpuWhereTheyHappen) {
  cpu_set_t before, first;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  ASSERT_EQ(::sched_setaffinity(0, sizeof first, &first), 0);
  const auto collector = perf_of({});
  const auto start = collect(*collector);
  ASSERT_TRUE(start.result) << start.error();
  auto values = values_of(start);
  touch_pages(10'000);
  const auto later = values_of(collect(*collector));
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(later.at("node_perf_page_faults_total{cpu=\"0\"}"),
            values["node_perf_page_faults_total{cpu=\"0\"}"] + 10'000);
  EXPECT_GE(later.at("node_perf_minor_faults_total{cpu=\"0\"}"),
            values["node_perf_minor_faults_total{cpu=\"0\"}"] + 10'000);
  for (const char* family : {"context_switches", "cpu_migrations", "major_faults"})
    EXPECT_GE(later.at("node_perf_" + std::string(family) + "_total{cpu=\"0\"}"), 0) << family;
  EXPECT_EQ(test::type_of(start.page, "node_perf_page_faults_total"), "counter");
}

TEST_F(HostPerf, CountsWhatTheFlagsChoose) {
  const auto collected = collect(*perf_of({{"perf.cpus", "0"},
                                           {"perf.disable-hardware-profilers", "true"},
                                           {"perf.disable-cache-profilers", "true"},
                                           {"perf.software-profilers", "MajorFault"},
                                           {"perf.software-profilers", "ContextSwitch"}}));
  ASSERT_TRUE(collected.result) << collected.error();
  std::string names;
  for (const auto& [name, value] : values_of(collected)) names += name + "\n";
  EXPECT_EQ(names, "node_perf_context_switches_total{cpu=\"0\"}\nnode_perf_major_faults_total{cpu=\"0\"}\n");
}

TEST_F(HostPerf, NothingToCountIsNotPresent) {
  const auto collected = collect(*perf_of({{"perf.disable-hardware-profilers", "true"},
                                           {"perf.disable-software-profilers", "true"},
                                           {"perf.disable-cache-profilers", "true"}}));
  ASSERT_FALSE(collected.result);
  EXPECT_TRUE(is_not_present(collected.result.error())) << collected.error();
}

TEST_F(HostPerf, CountsTracepoints) {
  if (::access("/sys/kernel/tracing/events/sched/sched_process_fork/id", R_OK) != 0)
    GTEST_SKIP() << "no tracepoints below /sys/kernel/tracing";
  const auto collector = perf_of({{"perf.tracepoint", "sched:sched_process_fork"}});
  const auto sum = [&] {
    double forks = 0;
    for (const auto& [name, value] : values_of(collect(*collector)))
      forks += name.starts_with("node_perf_sched_sched_process_fork{cpu=") ? value : 0;
    return forks;
  };
  const double before = sum();
  for (int i = 0; i < 3; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);
  }
  EXPECT_GE(sum(), before + 3);
}

TEST_F(HostPerf, AnUnknownTracepointIsAnErrorAndTheRestStays) {
  const auto collected = collect(*perf_of({{"perf.tracepoint", "sched:no_such_thing"}}));
  EXPECT_NE(collected.error().find("sched/no_such_thing"), std::string::npos) << collected.error();
  EXPECT_TRUE(values_of(collected).contains("node_perf_page_faults_total{cpu=\"0\"}"));
}

TEST(HostProcesses, CountsThisMachine) {
  const auto collector = kProcessesCollector.make(HostRoots{});
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto collected = collect(*collector);
  ASSERT_TRUE(collected.result) << collected.error();
  auto values = values_of(collected);
  EXPECT_GE(values["node_processes_pids"], 2);
  EXPECT_GE(values["node_processes_state{state=\"Z\"}"], 1) << "the child that nobody waited for";
  EXPECT_GE(values["node_processes_threads_state{thread_state=\"R\"}"], 1) << "this thread";
  EXPECT_GE(values["node_processes_threads"], values["node_processes_pids"]);
  EXPECT_GT(values["node_processes_max_threads"], 0);
  EXPECT_GT(values["node_processes_max_processes"], 0);
  ::waitpid(child, nullptr, 0);
  const auto later = collect(*collector);
  EXPECT_TRUE(later.result) << "the child's file was open when it went: " << later.error();
}

}  // namespace
}  // namespace plimsoll::collectors::host
