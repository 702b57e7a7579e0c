// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/parts/throttle.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
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

TEST(Cpu, ACpuThatIsRepeatedCountsOnce) {
  const auto collected = collect_file(kCpuCollector, "proc/stat", one_cpu(1, 1) + one_cpu(2, 2));
  EXPECT_EQ(collected.text("node_cpu_guest"),
            "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 0\n"
            "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"} 0\n");
}

TEST(Cpu, GuestTimeIsLeftOutOnRequest) {
  const TempTree tree({{"proc/stat", one_cpu(1, 1)}});
  const auto collected = collect_with(kCpuCollector, tree, {{"cpu.guest", "false"}});
  EXPECT_EQ(collected.text("node_cpu_guest"), "");
  EXPECT_NE(collected.text("node_cpu_seconds"), "");
}

const char* const kCpuinfo =
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\n"
    "model name\t: Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz\nstepping\t: 10\nmicrocode\t: 0xb4\n"
    "cpu MHz\t\t: 799.998\ncache size\t: 8192 KB\nphysical id\t: 0\nsiblings\t: 8\ncore id\t\t: 3\n"
    "flags\t\t: fpu avx aes avx2 constant_tsc avx\nbugs\t\t: cpu_meltdown spectre_v1 l1tf spectre_v2\n"
    "power management:\n\n"
    "processor\t: 4\nvendor_id\t: GenuineIntel\nmodel name\t: q\"\\\xff: b\ncpu MHz\t\t: Unknown\n"
    "flags\t\t: avx512\nbugs\t\t: spectre_v9\n\n";

TEST(CpuInfo, ShowsModelsAndFrequencies) {
  const TempTree tree({{"proc/stat", one_cpu(1, 1)}, {"proc/cpuinfo", kCpuinfo}});
  EXPECT_EQ(collect(*kCpuCollector.make(roots_of(tree))).text("node_cpu_info"), "");
  const auto collected = collect_with(kCpuCollector, tree, {{"cpu.info", "true"}});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_cpu_info"),
            "node_cpu_info{package=\"0\",core=\"3\",cpu=\"0\",vendor=\"GenuineIntel\",family=\"6\",model=\"142\","
            "model_name=\"Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz\",microcode=\"0xb4\",stepping=\"10\","
            "cachesize=\"8192 KB\"} 1\n"
            "node_cpu_info{package=\"\",core=\"\",cpu=\"4\",vendor=\"GenuineIntel\",family=\"\",model=\"\","
            "model_name=\"q\\\"\\\\\xEF\xBF\xBD: b\",microcode=\"\",stepping=\"\",cachesize=\"\"} 1\n");
  EXPECT_EQ(collected.text("node_cpu_frequency"),
            "node_cpu_frequency_hertz{package=\"0\",core=\"3\",cpu=\"0\"} 799998000\n");
  EXPECT_EQ(collected.text("node_cpu_flag") + collected.text("node_cpu_bug"), "");
  EXPECT_EQ(type_of(collected.page, "node_cpu_info"), "gauge");
  EXPECT_EQ(type_of(collected.page, "node_cpu_frequency_hertz"), "gauge");
}

TEST(CpuInfo, ShowsWordsOfTheFirstCpu) {
  const TempTree tree({{"proc/stat", one_cpu(1, 1)}, {"proc/cpuinfo", kCpuinfo}});
  const auto flags = collect_with(kCpuCollector, tree, {{"cpu.info.flags-include", "^(aes|avx.*)$"}});
  EXPECT_EQ(flags.text("node_cpu_flag"),
            "node_cpu_flag_info{flag=\"avx\"} 1\nnode_cpu_flag_info{flag=\"aes\"} 1\n"
            "node_cpu_flag_info{flag=\"avx2\"} 1\n");
  EXPECT_EQ(flags.text("node_cpu_bug"), "");
  EXPECT_NE(flags.text("node_cpu_info"), "");
  const auto bugs = collect_with(kCpuCollector, tree, {{"cpu.info.bugs-include", "spectre"}});
  EXPECT_EQ(bugs.text("node_cpu_bug"),
            "node_cpu_bug_info{bug=\"spectre_v1\"} 1\nnode_cpu_bug_info{bug=\"spectre_v2\"} 1\n");
  EXPECT_EQ(type_of(bugs.page, "node_cpu_bug_info"), "gauge");
  EXPECT_EQ(type_of(flags.page, "node_cpu_flag_info"), "gauge");
}

TEST(CpuInfo, ReadsOtherArchitectures) {
  const auto arm =
      parse_cpu_info("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n").value();
  EXPECT_EQ(arm[0].flags, "fp asimd");
  EXPECT_EQ(arm[0].frequency, "");
  const auto power = parse_cpu_info("processor : 8\ncpu : POWER8E (raw)\nclock : 3690.000000MHz\n").value();
  EXPECT_EQ(power[0].cpu, 8u);
  EXPECT_EQ(power[0].vendor, "POWER8E (raw)");
  const TempTree tree({{"proc/stat", one_cpu(1, 1)}, {"proc/cpuinfo", "processor : 8\nclock : 3690.000000MHz\n"}});
  EXPECT_EQ(collect_with(kCpuCollector, tree, {{"cpu.info", "true"}}).text("node_cpu_frequency"),
            "node_cpu_frequency_hertz{package=\"\",core=\"\",cpu=\"8\"} 3.69e+09\n");
}

TEST(CpuInfo, RefusesWhatIsNone) {
  for (const char* text : {"", "garbage\n", "processor\t: x\n", "processor\t: -1\n", "processor\t: 1\nprocessor\t: 1\n",
                           "processor\t: 4294967296\n", "vendor_id\t: nobody\n"}) {
    EXPECT_FALSE(parse_cpu_info(text)) << text;
    const TempTree tree({{"proc/stat", one_cpu(1, 1)}, {"proc/cpuinfo", text}});
    const auto collected = collect_with(kCpuCollector, tree, {{"cpu.info", "true"}});
    ASSERT_FALSE(collected.result) << text;
    EXPECT_NE(collected.error().find("proc/cpuinfo"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text("node_cpu_info"), "");
    EXPECT_NE(collected.text("node_cpu_seconds"), "");
  }
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

TEST(Throttle, ReadsCountersEachTime) {
  const TempTree tree;
  add_cpu(tree, "0", "0", "0");
  add_throttles(tree, "0", "1", "2");
  ThrottleSources sources(tree.at("sys"));
  const std::string before = throttles(sources, {0});
  add_throttles(tree, "0", "3", "4");
  EXPECT_NE(throttles(sources, {0}), before);
  EXPECT_EQ(
      throttles(sources, {0}),
      "node_cpu_core_throttles_total{core=\"0\",package=\"0\"} 3\nnode_cpu_package_throttles_total{package=\"0\"} 4\n");
}

TEST(Throttle, ReadsMoreCoresThanItKeepsOpen) {
  const TempTree tree;
  std::vector<uint32_t> cpus;
  std::string expected;
  for (uint32_t cpu = 0; cpu < 100; ++cpu) {
    const std::string name = std::to_string(cpu);
    add_cpu(tree, name, "0", name.c_str());
    add_throttles(tree, name, name.c_str(), "5");
    cpus.push_back(cpu);
    expected += "node_cpu_core_throttles_total{core=\"" + name + "\",package=\"0\"} " + name + "\n";
  }
  ThrottleSources sources(tree.at("sys"));
  for (int round = 0; round < 2; ++round)
    EXPECT_EQ(throttles(sources, cpus), expected + "node_cpu_package_throttles_total{package=\"0\"} 5\n");
}

TEST(Throttle, TellsWhichCpusAreOnlineWhereAllCanGo) {
  const TempTree tree({{"sys/devices/system/cpu/online", "0,2\n"}, {"sys/devices/system/cpu/present", "0-2\n"}});
  tree.write("sys/devices/system/cpu/cpu1/online", "0\n");
  ThrottleSources fixed(tree.at("sys"));  // the first CPU has no such file
  EXPECT_EQ(throttles(fixed, {0, 2}), "");
  tree.write("sys/devices/system/cpu/cpu0/online", "1\n");
  ThrottleSources sources(tree.at("sys"));
  EXPECT_EQ(throttles(sources, {0, 2}),
            "node_cpu_online{cpu=\"0\"} 1\nnode_cpu_online{cpu=\"1\"} 0\nnode_cpu_online{cpu=\"2\"} 1\n");
  tree.write("sys/devices/system/cpu/online", "0-2\n");
  EXPECT_EQ(throttles(sources, {0, 1, 2}),
            "node_cpu_online{cpu=\"0\"} 1\nnode_cpu_online{cpu=\"1\"} 1\nnode_cpu_online{cpu=\"2\"} 1\n");
}

TEST(CpuList, ReadsNumbersAndRanges) {
  EXPECT_EQ(parse_cpu_list("0\n").value(), (std::vector<uint32_t>{0}));
  EXPECT_EQ(parse_cpu_list("0-2,5,7-8\n").value(), (std::vector<uint32_t>{0, 1, 2, 5, 7, 8}));
  EXPECT_TRUE(parse_cpu_list("\n").value().empty());
  EXPECT_TRUE(parse_cpu_list("").value().empty());
}

TEST(CpuList, RefusesWhatIsNone) {
  for (const char* text : {"a", "1-", "3-1", "1,,2", "1-2-3", "-1", "0-4294967295", "65536", "1 2", "2,1", "0-1,1"})
    EXPECT_FALSE(parse_cpu_list(text)) << text;
}

}  // namespace
}  // namespace plimsoll::collectors::host
