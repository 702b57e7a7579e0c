// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "collectors/host/throttle.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::expect_error_without_file;
using test::expect_refused;
using test::roots_of;
using test::TempTree;
using test::type_of;

// A line of /proc/stat in seconds of each mode, so that the expectations hold for every USER_HZ.
std::string cpu_line(const std::string& label, std::initializer_list<uint64_t> seconds) {
  std::string line = label;
  for (uint64_t value : seconds) line += ' ' + std::to_string(value * static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
  return line + '\n';
}

std::string one_cpu(uint64_t user, uint64_t idle) { return cpu_line("cpu0", {user, 0, 0, idle, 0, 0, 0, 0, 0, 0}); }

TEST(Cpu, ReadsEveryModeOfEveryCpu) {
  const std::string stat = cpu_line("cpu ", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}) +
                           cpu_line("cpu0", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) +
                           cpu_line("cpu12", {11, 0, 0, 0, 0, 0, 0, 0, 0, 0}) + "intr 5\ncpu13 garbage\n";
  const auto collected = collect_file(kCpuCollector, "proc/stat", stat);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_cpu_seconds"),
            "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"nice\"} 2\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"system\"} 3\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 4\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"iowait\"} 5\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"irq\"} 6\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"softirq\"} 7\n"
            "node_cpu_seconds_total{cpu=\"0\",mode=\"steal\"} 8\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"user\"} 11\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"nice\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"system\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"idle\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"iowait\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"irq\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"softirq\"} 0\n"
            "node_cpu_seconds_total{cpu=\"12\",mode=\"steal\"} 0\n");
  EXPECT_EQ(collected.text("node_cpu_guest"),
            "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 9\n"
            "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"} 10\n"
            "node_cpu_guest_seconds_total{cpu=\"12\",mode=\"user\"} 0\n"
            "node_cpu_guest_seconds_total{cpu=\"12\",mode=\"nice\"} 0\n");
  EXPECT_EQ(type_of(collected.page, "node_cpu_seconds_total"), "counter");
  EXPECT_EQ(type_of(collected.page, "node_cpu_guest_seconds_total"), "counter");
}

TEST(Cpu, RefusesWhatIsNone) {
  expect_error_without_file(kCpuCollector, "proc/stat");
  expect_refused(kCpuCollector, "proc/stat",
                 {"", "garbage\n", "cpu  1 2 3 4 5 6 7 8 9 10\n", "cpu0 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8 9 x\n",
                  "cpux 1 2 3 4 5 6 7 8 9 10\n", "cpu\n", "cpu0 1 2 3 4 5 6 7 8 9 1",
                  "cpu4294967296 1 2 3 4 5 6 7 8 9 10\n", "cpu0 -1 2 3 4 5 6 7 8 9 10\n"});
}

// Seconds of one mode of CPU 0 after `stat` has been read.
std::string seconds_after(Collector& collector, const TempTree& tree, const std::string& stat, const char* mode) {
  tree.write("proc/stat", stat);
  const std::string text = collect(collector).text("node_cpu_seconds");
  const std::string key = std::string("mode=\"") + mode + "\"} ";
  const size_t at = text.find(key);
  if (at == std::string::npos) return "absent";
  return text.substr(at + key.size(), text.find('\n', at) - at - key.size());
}

TEST(Cpu, CountersDoNotStepBack) {
  const TempTree tree;
  const auto collector = kCpuCollector.make(roots_of(tree));
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(50, 100), "idle"), "100");
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(49, 98), "idle"), "100");
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(49, 98), "user"), "50");
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(51, 101), "idle"), "101");
}

TEST(Cpu, AFarStepBackOfIdleIsANewStart) {
  const TempTree tree;
  const auto collector = kCpuCollector.make(roots_of(tree));
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(50, 100), "user"), "50");
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(1, 97), "user"), "1");
  EXPECT_EQ(seconds_after(*collector, tree, one_cpu(2, 97), "idle"), "97");
}

TEST(Cpu, ACpuTakenOutDisappears) {
  const TempTree tree;
  const auto collector = kCpuCollector.make(roots_of(tree));
  tree.write("proc/stat", one_cpu(1, 1) + cpu_line("cpu1", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_NE(collect(*collector).text().find("cpu=\"1\""), std::string::npos);
  tree.write("proc/stat", one_cpu(1, 1));
  EXPECT_EQ(collect(*collector).text().find("cpu=\"1\""), std::string::npos);
}

void add_cpu(const TempTree& tree, const std::string& cpu, const char* package, const char* core) {
  const std::string base = "sys/devices/system/cpu/cpu" + cpu;
  tree.write(base + "/topology/physical_package_id", std::string(package) + "\n");
  tree.write(base + "/topology/core_id", std::string(core) + "\n");
}

void add_throttles(const TempTree& tree, const std::string& cpu, const char* core_count, const char* package_count) {
  const std::string base = "sys/devices/system/cpu/cpu" + cpu;
  tree.write(base + "/thermal_throttle/core_throttle_count", std::string(core_count) + "\n");
  tree.write(base + "/thermal_throttle/package_throttle_count", std::string(package_count) + "\n");
}

std::string throttles(ThrottleSources& sources, const std::vector<uint32_t>& cpus) {
  MetricWriter writer;
  sources.write(writer, cpus);
  return test::page_text(writer.finish());
}

TEST(Throttle, CountsEachCoreAndPackageOnce) {
  const TempTree tree;
  for (const char* cpu : {"0", "1"}) {  // two threads of one core
    add_cpu(tree, cpu, "0", "0");
    add_throttles(tree, cpu, "5", "30");
  }
  add_cpu(tree, "2", "1", "0");
  add_throttles(tree, "2", "0", "6");
  add_cpu(tree, "3", "1", "9");  // without counters
  ThrottleSources sources(tree.at("sys"));
  EXPECT_EQ(throttles(sources, {0, 1, 2, 3}),
            "node_cpu_core_throttles_total{core=\"0\",package=\"0\"} 5\n"
            "node_cpu_core_throttles_total{core=\"0\",package=\"1\"} 0\n"
            "node_cpu_package_throttles_total{package=\"0\"} 30\n"
            "node_cpu_package_throttles_total{package=\"1\"} 6\n");
}

TEST(Throttle, LooksAgainWhenOtherCpusAreOnline) {
  const TempTree tree;
  add_cpu(tree, "0", "0", "0");
  add_throttles(tree, "0", "1", "2");
  ThrottleSources sources(tree.at("sys"));
  const std::string first = throttles(sources, {0});
  add_cpu(tree, "1", "0", "1");
  add_throttles(tree, "1", "7", "2");
  EXPECT_EQ(throttles(sources, {0}), first);
  EXPECT_NE(throttles(sources, {0, 1}).find("node_cpu_core_throttles_total{core=\"1\",package=\"0\"} 7\n"),
            std::string::npos);
}

TEST(Throttle, AMachineWithoutCountersExportsNone) {
  const TempTree tree;
  add_cpu(tree, "0", "garbage", "0");
  add_throttles(tree, "0", "1", "2");
  add_cpu(tree, "1", "0", "1");
  add_throttles(tree, "1", "garbage", "");
  ThrottleSources sources(tree.at("sys"));
  EXPECT_EQ(throttles(sources, {0, 1, 2}), "");
}

TEST(Throttle, ListsIsolatedCpus) {
  const TempTree tree({{"sys/devices/system/cpu/isolated", "2-3,7\n"}});
  ThrottleSources sources(tree.at("sys"));
  EXPECT_EQ(throttles(sources, {0}),
            "node_cpu_isolated{cpu=\"2\"} 1\nnode_cpu_isolated{cpu=\"3\"} 1\nnode_cpu_isolated{cpu=\"7\"} 1\n");
  tree.write("sys/devices/system/cpu/isolated", "\n");
  EXPECT_EQ(throttles(sources, {0}), "");
}

TEST(CpuList, ReadsNumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0\n").value(), (std::vector<uint32_t>{0}));
  EXPECT_EQ(parse_cpu_list("0-2,5,7-8\n").value(), (std::vector<uint32_t>{0, 1, 2, 5, 7, 8}));
  EXPECT_TRUE(parse_cpu_list("\n").value().empty());
  EXPECT_TRUE(parse_cpu_list("").value().empty());
}

TEST(CpuList, RefusesWhatIsNone) {
  for (const char* text : {"a", "1-", "3-1", "1,,2", "1-2-3", "-1", "0-4294967295", "65536", "1 2"})
    EXPECT_FALSE(parse_cpu_list(text)) << text;
}

}  // namespace
}  // namespace plimsoll::collectors::host
