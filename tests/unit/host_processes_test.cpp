// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::Collected;
using test::roots_of;
using test::TempTree;
using ::testing::HasSubstr;

// /proc/PID/stat with the fields up to the number of threads, and some behind it.
std::string stat_of(const std::string& name, char state, int threads) {
  return "10 (" + name + ") " + state + " 1 10 10 0 -1 4194560 9061 94 26 36 98 54 13 88 20 0 " +
         std::to_string(threads) + " 0 29 109604864 2507\n";
}

void write_limits(const TempTree& tree) {
  tree.write("proc/sys/kernel/threads-max", "7801\n");
  tree.write("proc/sys/kernel/pid_max", "4194304\n");
}

Collected collect_tree(const TempTree& tree) { return collect(*kProcessesCollector.make(roots_of(tree))); }

constexpr const char* kLimits = "node_processes_max_threads 7801\nnode_processes_max_processes 4194304\n";

TEST(Processes, CountsByState) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 1)},
                       {"proc/1/task/1/stat", stat_of("init", 'S', 1)},
                       {"proc/20/stat", stat_of("two threads", 'S', 2)},
                       {"proc/20/task/20/stat", stat_of("two threads", 'R', 2)},
                       {"proc/20/task/21/stat", stat_of("two threads", 'D', 2)},
                       {"proc/300/stat", stat_of("dead", 'Z', 1)},
                       {"proc/300/task/300/stat", stat_of("dead", 'Z', 1)},
                       {"proc/meminfo", "MemTotal: 1 kB\n"},
                       {"proc/irq/4/stat", "not a process"},
                       {"proc/1a/stat", "not a process"}});
  write_limits(tree);
  const auto collected = collect_tree(tree);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_processes_threads 4\nnode_processes_pids 3\n"
            "node_processes_state{state=\"S\"} 2\nnode_processes_state{state=\"Z\"} 1\n"
            "node_processes_threads_state{thread_state=\"D\"} 1\n"
            "node_processes_threads_state{thread_state=\"S\"} 2\n"
            "node_processes_threads_state{thread_state=\"Z\"} 1\n" +
                std::string(kLimits));
}

// The golden list was made where there are no directories of threads: absent is not zero.
TEST(Processes, WritesNodeExportersFamilies) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 1)}});
  write_limits(tree);
  test::expect_golden_families("processes", collect_tree(tree).page);
}

TEST(Processes, ThreadsStatesAreGauges) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 1)}, {"proc/1/task/1/stat", ""}});
  EXPECT_EQ(test::type_of(collect_tree(tree).page, "node_processes_threads_state"), "gauge");
}

TEST(Processes, NamesMayHaveAnything) {
  for (const std::string& name :
       std::initializer_list<std::string>{"a b", ") R 1 2 3", "((", "a) Z", "\n", "\xFF\xFE", ""}) {
    const TempTree tree({{"proc/1/stat", stat_of(name, 'I', 1)}});
    write_limits(tree);
    EXPECT_EQ(collect_tree(tree).text("node_processes_state"), "node_processes_state{state=\"I\"} 1\n") << name;
  }
}

TEST(Processes, RefusesAStatThatIsNone) {
  const std::string good = stat_of("a", 'S', 1);
  for (const std::string& content : std::initializer_list<std::string>{
           std::string(), std::string("garbage\n"), std::string("1 (a"), std::string("1 (a) "), good.substr(0, 40),
           good.substr(0, good.find(" 0 29")), std::string("1 (a) SS 1 1\n"), stat_of("a", '{', 1),
           stat_of("a", 'S', -1), std::string("1 (a) S x x x x x x x x x x x x x x x x x x x\n")}) {
    const TempTree tree({{"proc/1/stat", stat_of("ok", 'S', 1)}, {"proc/2/stat", content}});
    write_limits(tree);
    const auto collected = collect_tree(tree);
    EXPECT_THAT(collected.error(), HasSubstr("proc: 2/stat")) << content;
    EXPECT_EQ(collected.text(), kLimits) << content;
  }
}

TEST(Processes, WhatHasVanishedIsNoError) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 3)}, {"proc/1/task/1/stat", ""}});
  write_limits(tree);
  tree.make_dir("proc/2");          // listed, but gone when it is read
  tree.make_dir("proc/1/task/12");  // a thread likewise
  tree.write("proc/3/stat", stat_of("no threads left", 'R', 2));
  const auto collected = collect_tree(tree);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_processes_threads 5\nnode_processes_pids 2\nnode_processes_state{state=\"R\"} 1\n"
            "node_processes_state{state=\"S\"} 1\nnode_processes_threads_state{thread_state=\"S\"} 1\n" +
                std::string(kLimits));
}

TEST(Processes, ComeAndGo) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 1)}});
  write_limits(tree);
  const auto collector = kProcessesCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_processes_pids"), "node_processes_pids 1\n");
  tree.write("proc/2/stat", stat_of("new", 'R', 1));
  EXPECT_EQ(collect(*collector).text("node_processes_pids"), "node_processes_pids 2\n");
  ASSERT_TRUE(remove_tree(tree.at("proc/1")));
  EXPECT_EQ(collect(*collector).text("node_processes_state"), "node_processes_state{state=\"R\"} 1\n");
}

TEST(Processes, MoreThanStayOpenAreCountedAtEveryScrape) {
  const TempTree tree;
  for (int process = 1; process <= 150; ++process)
    tree.write("proc/" + std::to_string(process) + "/stat", stat_of("a", 'S', 1));
  const auto collector = kProcessesCollector.make(roots_of(tree));
  for (const char state : {'S', 'R'}) {
    EXPECT_EQ(collect(*collector).text("node_processes_state"),
              std::string("node_processes_state{state=\"") + state + "\"} 150\n");
    for (int process = 1; process <= 150; ++process)
      tree.write("proc/" + std::to_string(process) + "/stat", stat_of("a", 'R', 1));
  }
}

TEST(Processes, AFifoInPlaceOfAStatDoesNotBlock) {
  const TempTree tree;
  write_limits(tree);
  tree.make_dir("proc/1");
  ASSERT_EQ(::mkfifo(tree.at("proc/1/stat").c_str(), 0600), 0);
  EXPECT_THAT(collect_tree(tree).error(), HasSubstr("1/stat"));
}

TEST(Processes, WithoutProcNothingIsShown) {
  const TempTree tree;
  const auto collected = collect_tree(tree);
  EXPECT_THAT(collected.error(), HasSubstr(tree.at("proc")));
  EXPECT_EQ(collected.text(), "");
}

TEST(Processes, ALimitThatIsMissingCostsItselfAlone) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 1)},
                       {"proc/sys/kernel/threads-max", "x\n"},
                       {"proc/sys/kernel/pid_max", "99\n"}});
  const auto collected = collect_tree(tree);
  EXPECT_THAT(collected.error(), HasSubstr("sys/kernel/threads-max: not a number"));
  EXPECT_EQ(collected.text(),
            "node_processes_threads 1\nnode_processes_pids 1\nnode_processes_state{state=\"S\"} 1\n"
            "node_processes_max_processes 99\n");
}

// A deadline that has passed: the processes of the tree are few enough to be read between two looks at the clock.
TEST(Processes, WithoutTimeTheStatesOfThreadsAreLeftOut) {
  const TempTree tree({{"proc/1/stat", stat_of("init", 'S', 200)}, {"proc/1/task/1/stat", ""}});
  write_limits(tree);
  for (int thread = 2; thread <= 200; ++thread)
    tree.write("proc/1/task/" + std::to_string(thread) + "/stat", stat_of("init", 'S', 200));
  const auto collector = kProcessesCollector.make(roots_of(tree));
  MetricWriter writer(monotonic_ns());
  auto result = collector->collect(writer);
  const Collected collected{std::move(result), writer.finish()};
  EXPECT_THAT(collected.error(), HasSubstr("too many threads"));
  EXPECT_EQ(collected.text(),
            "node_processes_threads 200\nnode_processes_pids 1\n"
            "node_processes_state{state=\"S\"} 1\n" +
                std::string(kLimits));
  MetricWriter patient(monotonic_ns() + 60'000'000'000);
  EXPECT_TRUE(collector->collect(patient));
  EXPECT_THAT(test::page_text(patient.finish()), HasSubstr("node_processes_threads_state{thread_state=\"S\"} 200\n"));
}

TEST(Processes, WithoutTimeForTheProcessesOnlyTheLimitsAreLeft) {
  const TempTree tree;
  write_limits(tree);
  for (int process = 1; process <= 200; ++process)
    tree.write("proc/" + std::to_string(process) + "/stat", stat_of("a", 'S', 1));
  MetricWriter writer(monotonic_ns());
  EXPECT_FALSE(kProcessesCollector.make(roots_of(tree))->collect(writer));
  EXPECT_EQ(test::page_text(writer.finish()), kLimits);
}

}  // namespace
}  // namespace plimsoll::collectors::host
