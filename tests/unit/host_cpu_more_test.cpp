// SPDX-License-Identifier: Apache-2.0
// The collectors about CPUs whose source is a table by CPU or a directory of each: interrupts, softirqs,
// schedstat, softnet, cpufreq, cpu_vulnerabilities, meminfo_numa.
#include <sys/stat.h>

#include "collectors/host/parts/cpu_info.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::roots_of;
using test::TempTree;
using test::type_of;

TEST(CpuColumns, HeadingNamesCpus) {
  EXPECT_EQ(parse_cpu_heading("       CPU0       CPU1\tCPU12       ").value(), (std::vector<uint32_t>{0, 1, 12}));
  for (const char* line : {"", "   ", "CPU", "CPUx", "cpu0", "CPU0 CPU0", "CPU1 CPU0", "CPU4294967296", "CPU-1", "0 1"})
    EXPECT_FALSE(parse_cpu_heading(line)) << line;
}

TEST(CpuColumns, CountsEndAtBlanks) {
  std::string_view text = "  12 0\t9999999999999999999 x";
  EXPECT_EQ(take_count(text), 12u);
  EXPECT_EQ(take_count(text), 0u);
  EXPECT_EQ(take_count(text), 9999999999999999999u);
  EXPECT_EQ(take_count(text), std::nullopt);
  for (std::string_view none : {"", " ", "1x", "-1", "1.5", "18446744073709551616"})
    EXPECT_EQ(take_count(none), std::nullopt) << none;
}

const char* const kInterrupts =
    "           CPU0       CPU2       \n"
    "  1:      17960          0  IR-IO-APIC-edge      i8042\n"
    " 16:          0     322879 PCI-MSIX-0000:00:01.0   0-edge      usb1,  mmc0\n"
    " 40:          0          0  DMAR_MSI-edge      dmar0\n"
    "NMI:         47 4294967295   Non-maskable  interrupts\n"
    "ERR:          0\n"
    "MIS:          0\n";

TEST(Interrupts, ShowsWhatWasEverServed) {
  const auto collected = collect_file(kInterruptsCollector, "proc/interrupts", kInterrupts);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_interrupts_total{cpu=\"0\",type=\"1\",info=\"IR-IO-APIC-edge\",devices=\"i8042\"} 17960\n"
            "node_interrupts_total{cpu=\"2\",type=\"16\",info=\"PCI-MSIX-0000:00:01.0\","
            "devices=\"0-edge usb1, mmc0\"} 322879\n"
            "node_interrupts_total{cpu=\"0\",type=\"NMI\",info=\"Non-maskable interrupts\",devices=\"\"} 47\n"
            "node_interrupts_total{cpu=\"2\",type=\"NMI\",info=\"Non-maskable interrupts\",devices=\"\"} 4294967295\n");
  expect_golden_families("interrupts", collected.page);
}

TEST(Interrupts, ShowsZerosOnRequest) {
  const TempTree tree({{"proc/interrupts", "CPU0 CPU1\n40: 0 0 DMAR_MSI-edge dmar0\nNMI: 1 0 Non-maskable\nERR: 0\n"}});
  EXPECT_EQ(collect_with(kInterruptsCollector, tree, {{"interrupts.include-zeros", "true"}}).text(),
            "node_interrupts_total{cpu=\"0\",type=\"40\",info=\"DMAR_MSI-edge\",devices=\"dmar0\"} 0\n"
            "node_interrupts_total{cpu=\"1\",type=\"40\",info=\"DMAR_MSI-edge\",devices=\"dmar0\"} 0\n"
            "node_interrupts_total{cpu=\"0\",type=\"NMI\",info=\"Non-maskable\",devices=\"\"} 1\n"
            "node_interrupts_total{cpu=\"1\",type=\"NMI\",info=\"Non-maskable\",devices=\"\"} 0\n");
}

TEST(Interrupts, FiltersByTypeInfoAndDevices) {
  const TempTree tree({{"proc/interrupts", kInterrupts}});
  const std::string only_usb = "^16;PCI-MSIX-0000:00:01\\.0;0-edge usb1, mmc0$";
  EXPECT_EQ(collect_with(kInterruptsCollector, tree, {{"interrupts.name-include", only_usb}}).text(),
            "node_interrupts_total{cpu=\"2\",type=\"16\",info=\"PCI-MSIX-0000:00:01.0\","
            "devices=\"0-edge usb1, mmc0\"} 322879\n");
  EXPECT_EQ(collect_with(kInterruptsCollector, tree, {{"interrupts.name-exclude", "^NMI;Non|usb"}}).text(),
            "node_interrupts_total{cpu=\"0\",type=\"1\",info=\"IR-IO-APIC-edge\",devices=\"i8042\"} 17960\n");
}

TEST(Interrupts, NeedNoBlankBehindTheName) {
  const auto collected = collect_file(kInterruptsCollector, "proc/interrupts",
                                      "          CPU0       CPU1\n"
                                      " 10: 3287008667 3310445093     GICv3  27 Level     arch_timer\n"
                                      "IPI0:1174774 3310445093       Rescheduling interrupts\nErr:          0\n");
  EXPECT_EQ(
      collected.text(),
      "node_interrupts_total{cpu=\"0\",type=\"10\",info=\"GICv3\",devices=\"27 Level arch_timer\"} 3287008667\n"
      "node_interrupts_total{cpu=\"1\",type=\"10\",info=\"GICv3\",devices=\"27 Level arch_timer\"} 3310445093\n"
      "node_interrupts_total{cpu=\"0\",type=\"IPI0\",info=\"Rescheduling interrupts\",devices=\"\"} 1174774\n"
      "node_interrupts_total{cpu=\"1\",type=\"IPI0\",info=\"Rescheduling interrupts\",devices=\"\"} 3310445093\n");
}

TEST(Interrupts, LinesAndCpusComeAndGo) {
  const TempTree tree({{"proc/interrupts", "CPU0 CPU1\n1: 5 6 a x\n2: 7 8 b y\n"}});
  const auto collector = kInterruptsCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text().find("{cpu=\"1\",type=\"2\",info=\"b\",devices=\"y\"} 8\n"), std::string::npos);
  tree.write("proc/interrupts", "CPU0 CPU3\n2: 9 1 b z\n3: 3 0 c x\n");
  EXPECT_EQ(collect(*collector).text(),
            "node_interrupts_total{cpu=\"0\",type=\"2\",info=\"b\",devices=\"z\"} 9\n"
            "node_interrupts_total{cpu=\"3\",type=\"2\",info=\"b\",devices=\"z\"} 1\n"
            "node_interrupts_total{cpu=\"0\",type=\"3\",info=\"c\",devices=\"x\"} 3\n");
}

TEST(Interrupts, HostileNamesAreEscapedAndShownOnce) {
  const auto collected =
      collect_file(kInterruptsCollector, "proc/interrupts", "CPU0\n1: 5 a q\"\\\xff\n1: 6 a other\n2: 1 c\n");
  EXPECT_EQ(collected.text(),
            "node_interrupts_total{cpu=\"0\",type=\"1\",info=\"a\",devices=\"q\\\"\\\\\xEF\xBF\xBD\"} 5\n"
            "node_interrupts_total{cpu=\"0\",type=\"2\",info=\"c\",devices=\"\"} 1\n");
}

TEST(Interrupts, RefusesWhatIsNone) {
  expect_not_present(kInterruptsCollector);
  expect_refused(kInterruptsCollector, "proc/interrupts",
                 {"", "garbage\n", "CPU0\n", "CPU0\nERR: 0\n", "CPU0 CPU1\n1: 2 3 a\n4: 5 6", "CPU0 CPU0\n1: 2 3 a\n",
                  "CPU0 CPU1\n1: 2 x a b\n", "CPU0 CPU1\n1: -1 2 a b\n", "CPU0\n1: 2 a\nno colon\n",
                  "CPU0\n1: 99999999999999999999 a\n", "1: 2 3 a\n"});
  const TempTree directory;
  directory.make_dir("proc/interrupts");
  const auto collected = collect(*kInterruptsCollector.make(roots_of(directory)));
  ASSERT_FALSE(collected.result);
  EXPECT_EQ(collected.result.error().code, EISDIR);
}

TEST(Softirqs, ReadsEveryKindOfEveryCpu) {
  const auto collected =
      collect_file(kSoftirqsCollector, "proc/softirqs",
                   "                    CPU0       CPU1       \n          HI:          7          1\n"
                   "      NET_RX:      43066     104508\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_softirqs_functions_total{cpu=\"0\",type=\"HI\"} 7\n"
            "node_softirqs_functions_total{cpu=\"1\",type=\"HI\"} 1\n"
            "node_softirqs_functions_total{cpu=\"0\",type=\"NET_RX\"} 43066\n"
            "node_softirqs_functions_total{cpu=\"1\",type=\"NET_RX\"} 104508\n");
  expect_golden_families("softirqs", collected.page);
}

TEST(Softirqs, RefusesWhatIsNone) {
  expect_not_present(kSoftirqsCollector);
  expect_refused(kSoftirqsCollector, "proc/softirqs",
                 {"", "garbage\n", "CPU0\n", "CPU0 CPU1\nHI: 1\n", "CPU0 CPU1\nHI: 1 x\n", "CPU0 CPU1\nHI: 1 2 3\n",
                  "CPU0\nHI 1\n", "CPU0\nHI: 1\nTIMER: 2", "CPU0\nHI: -1\n"});
  EXPECT_EQ(collect_file(kSoftirqsCollector, "proc/softirqs", "CPU0\nHI: 1\nHI: 2\n").text(),
            "node_softirqs_functions_total{cpu=\"0\",type=\"HI\"} 1\n");
}

TEST(Schedstat, ReadsTheLastThreeNumbers) {
  const auto collected = collect_file(
      kSchedstatCollector, "proc/schedstat",
      "version 15\ntimestamp 15819019232\n"
      "cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163039 343796328169361 4767485306\n"
      "domain0 00000000,00000003 212499247 210112015 1861015\n"
      "cpu1 1 2 3 4 5 6 7000000000 500000000 18446744073709551615\ndomain0 3 1 2\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_schedstat_running_seconds_total{cpu=\"0\"} 2045936.778163039\n"
            "node_schedstat_running_seconds_total{cpu=\"1\"} 7\n"
            "node_schedstat_waiting_seconds_total{cpu=\"0\"} 343796.328169361\n"
            "node_schedstat_waiting_seconds_total{cpu=\"1\"} 0.5\n"
            "node_schedstat_timeslices_total{cpu=\"0\"} 4767485306\n"
            "node_schedstat_timeslices_total{cpu=\"1\"} 18446744073709551615\n");
  expect_golden_families("schedstat", collected.page);
}

TEST(Schedstat, RefusesWhatIsNone) {
  expect_not_present(kSchedstatCollector);
  expect_refused(kSchedstatCollector, "proc/schedstat",
                 {"", "garbage\n", "version 15\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu0 1 2 3 4 5 6 7 8 x\n",
                  "cpu 1 2 3 4 5 6 7 8 9\n", "cpu0 1 2 3 4 5 6 7 8 9\ncpu1 1 2 3 4", "cpu0 1 2 3 4 5 6 7 -8 9\n"});
  EXPECT_EQ(collect_file(kSchedstatCollector, "proc/schedstat", "cpu0 1 2 3 4 5 6 7 8 9\ncpu0 1 2 3 4 5 6 7 8 1\n")
                .text("node_schedstat_timeslices"),
            "node_schedstat_timeslices_total{cpu=\"0\"} 9\n");
}

TEST(Softnet, ReadsEveryColumn) {
  const auto collected =
      collect_file(kSoftnetCollector, "proc/net/softnet_stat",
                   "00049279 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000005 "
                   "00000006 00000000 00000000 00000000\n"
                   "ffffffff 00000000 0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
                   "00000000 00000003 00000000 00000000\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_softnet_processed_total{cpu=\"0\"} 299641\nnode_softnet_processed_total{cpu=\"3\"} 4294967295\n"
            "node_softnet_dropped_total{cpu=\"0\"} 1\nnode_softnet_dropped_total{cpu=\"3\"} 0\n"
            "node_softnet_times_squeezed_total{cpu=\"0\"} 2\nnode_softnet_times_squeezed_total{cpu=\"3\"} 10\n"
            "node_softnet_cpu_collision_total{cpu=\"0\"} 3\nnode_softnet_cpu_collision_total{cpu=\"3\"} 0\n"
            "node_softnet_received_rps_total{cpu=\"0\"} 4\nnode_softnet_received_rps_total{cpu=\"3\"} 0\n"
            "node_softnet_flow_limit_count_total{cpu=\"0\"} 5\nnode_softnet_flow_limit_count_total{cpu=\"3\"} 0\n"
            "node_softnet_backlog_len{cpu=\"0\"} 6\nnode_softnet_backlog_len{cpu=\"3\"} 0\n");
  expect_golden_families("softnet", collected.page);
}

const char* const kNineColumns = "00000001 00000000 00000002 00000000 00000000 00000000 00000000 00000000 00000003";

TEST(Softnet, AnOldKernelTellsLess) {
  const auto collected =
      collect_file(kSoftnetCollector, "proc/net/softnet_stat", std::string(kNineColumns) + "\n" + kNineColumns + "\n");
  EXPECT_EQ(collected.text(),
            "node_softnet_processed_total{cpu=\"0\"} 1\nnode_softnet_processed_total{cpu=\"1\"} 1\n"
            "node_softnet_dropped_total{cpu=\"0\"} 0\nnode_softnet_dropped_total{cpu=\"1\"} 0\n"
            "node_softnet_times_squeezed_total{cpu=\"0\"} 2\nnode_softnet_times_squeezed_total{cpu=\"1\"} 2\n"
            "node_softnet_cpu_collision_total{cpu=\"0\"} 3\nnode_softnet_cpu_collision_total{cpu=\"1\"} 3\n");
}

TEST(Softnet, RefusesWhatIsNone) {
  const std::string nine = kNineColumns;
  expect_not_present(kSoftnetCollector);
  expect_refused(kSoftnetCollector, "proc/net/softnet_stat",
                 {"", "\n", "garbage\n", "00000001 00000000\n", nine + " 0000000g\n", nine + " 000",
                  nine + " 100000000\n", nine + "\n" + nine.substr(0, 79), nine + " 00000001\n" + nine + "\n"});
}

// A CPU with the usual files below cpufreq, frequencies from `kilohertz` on.
void add_cpufreq(const TempTree& tree, const std::string& cpu, uint64_t kilohertz) {
  const std::string base = "sys/devices/system/cpu/cpu" + cpu + "/cpufreq/";
  tree.write(base + "scaling_cur_freq", std::to_string(kilohertz) + "\n");
  tree.write(base + "scaling_min_freq", std::to_string(kilohertz + 1) + "\n");
  tree.write(base + "scaling_max_freq", std::to_string(kilohertz + 2) + "\n");
  tree.write(base + "scaling_governor", "powersave\n");
  tree.write(base + "scaling_available_governors", "performance powersave \n");
}

const char* const kOnline = "sys/devices/system/cpu/online";

TEST(Cpufreq, ReadsEveryCpuOnline) {
  const TempTree tree({{kOnline, "0,10\n"}});
  for (const char* cpu : {"0", "1", "10"}) add_cpufreq(tree, cpu, 800000);
  const auto collected = collect(*kCpufreqCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_cpu_scaling_frequency_hertz{cpu=\"0\"} 800000000\n"
            "node_cpu_scaling_frequency_hertz{cpu=\"10\"} 800000000\n"
            "node_cpu_scaling_frequency_min_hertz{cpu=\"0\"} 800001000\n"
            "node_cpu_scaling_frequency_min_hertz{cpu=\"10\"} 800001000\n"
            "node_cpu_scaling_frequency_max_hertz{cpu=\"0\"} 800002000\n"
            "node_cpu_scaling_frequency_max_hertz{cpu=\"10\"} 800002000\n"
            "node_cpu_scaling_governor{cpu=\"0\",governor=\"performance\"} 0\n"
            "node_cpu_scaling_governor{cpu=\"0\",governor=\"powersave\"} 1\n"
            "node_cpu_scaling_governor{cpu=\"10\",governor=\"performance\"} 0\n"
            "node_cpu_scaling_governor{cpu=\"10\",governor=\"powersave\"} 1\n");
  expect_golden_families("cpufreq", collected.page);
}

TEST(Cpufreq, ReadsWhatTheCpuItselfSays) {
  const TempTree tree({{kOnline, "0\n"},
                       {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_cur_freq", "3\n"},
                       {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq", "1\n"},
                       {"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "5\n"}});
  const auto collector = kCpufreqCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(),
            "node_cpu_frequency_hertz{cpu=\"0\"} 3000\nnode_cpu_frequency_min_hertz{cpu=\"0\"} 1000\n"
            "node_cpu_frequency_max_hertz{cpu=\"0\"} 5000\n");
  MetricWriter writer;  // in which the cpu collector has written the first of them
  writer.single({"node_cpu_frequency_hertz", "Of cpuinfo.", MetricType::kGauge}, 1);
  EXPECT_TRUE(collector->collect(writer));
  EXPECT_EQ(test::page_text(writer.finish(), "node_cpu_frequency"),
            "node_cpu_frequency_hertz 1\nnode_cpu_frequency_min_hertz{cpu=\"0\"} 1000\n"
            "node_cpu_frequency_max_hertz{cpu=\"0\"} 5000\n");
}

std::string current(Collector& collector) { return collect(collector).text("node_cpu_scaling_frequency_hertz"); }

TEST(Cpufreq, CpusAndDriversComeAndGo) {
  const TempTree tree({{kOnline, "0-1\n"}});
  tree.make_dir("sys/devices/system/cpu/cpu0/topology");
  const auto collector = kCpufreqCollector.make(roots_of(tree));
  for (int round = 0; round < 3; ++round) {
    const auto collected = collect(*collector);
    ASSERT_FALSE(collected.result);
    EXPECT_TRUE(is_not_present(collected.result.error()));
  }
  add_cpufreq(tree, "0", 7);
  EXPECT_EQ(current(*collector), "node_cpu_scaling_frequency_hertz{cpu=\"0\"} 7000\n");
  add_cpufreq(tree, "1", 8);  // of a set that is online already
  tree.write(kOnline, "0-2\n");
  add_cpufreq(tree, "2", 9);
  const std::string all =
      "node_cpu_scaling_frequency_hertz{cpu=\"0\"} 7000\nnode_cpu_scaling_frequency_hertz{cpu=\"1\"} 8000\n"
      "node_cpu_scaling_frequency_hertz{cpu=\"2\"} 9000\n";
  EXPECT_EQ(current(*collector), all);
  EXPECT_EQ(current(*collector), all);
  tree.write(kOnline, "1\n");
  EXPECT_EQ(current(*collector), "node_cpu_scaling_frequency_hertz{cpu=\"1\"} 8000\n");
}

TEST(Cpufreq, ADriverThatComesLateForSomeIsFound) {
  const TempTree tree({{kOnline, "0-1\n"}});
  tree.make_dir("sys/devices/system/cpu/cpu1");
  add_cpufreq(tree, "0", 7);
  const auto collector = kCpufreqCollector.make(roots_of(tree));
  EXPECT_EQ(current(*collector), "node_cpu_scaling_frequency_hertz{cpu=\"0\"} 7000\n");
  add_cpufreq(tree, "1", 8);
  EXPECT_NE(current(*collector).find("{cpu=\"1\"} 8000\n"), std::string::npos);
}

TEST(Cpufreq, WhatIsNoNumberHasNoSample) {
  const TempTree tree({{kOnline, "0\n"}});
  const std::string base = "sys/devices/system/cpu/cpu0/cpufreq/";
  tree.write(base + "cpuinfo_cur_freq", "<unknown>\n");
  tree.write(base + "scaling_cur_freq", "-1\n");
  tree.write(base + "scaling_min_freq", "");
  tree.write(base + "scaling_max_freq", "18446744073709551615\n");
  tree.make_dir(base + "cpuinfo_max_freq");
  tree.write(base + "scaling_governor", "a\"b\n");
  tree.write(base + "scaling_available_governors", "a\"b a\"b c\n");
  ASSERT_EQ(::mkfifo(tree.at(base + "cpuinfo_min_freq").c_str(), 0600), 0);
  const auto collected = collect(*kCpufreqCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_cpu_scaling_governor{cpu=\"0\",governor=\"a\\\"b\"} 1\n"
            "node_cpu_scaling_governor{cpu=\"0\",governor=\"c\"} 0\n");
}

TEST(Cpufreq, StopsAtTheDeadline) {
  const TempTree tree({{kOnline, "0-1\n"}});
  for (const char* cpu : {"0", "1"}) add_cpufreq(tree, cpu, 7);
  const auto collector = kCpufreqCollector.make(roots_of(tree));
  MetricWriter late(monotonic_ns() - 1);
  const auto result = collector->collect(late);
  ASSERT_FALSE(result);
  EXPECT_FALSE(is_not_present(result.error()));
  EXPECT_EQ(test::page_text(late.finish()), "");
  EXPECT_NE(current(*collector).find("{cpu=\"1\"} 7000\n"), std::string::npos);
}

TEST(Cpufreq, RefusesWhatIsNone) {
  expect_not_present(kCpufreqCollector);
  expect_not_present(kCpufreqCollector, TempTree({{kOnline, "\n"}}));
  expect_refused(kCpufreqCollector, kOnline, {"garbage\n", "0-1,1\n", "1-0\n"});
}

const std::string kFlaws = "sys/devices/system/cpu/vulnerabilities/";

TEST(CpuVulnerabilities, TellsStatesAndMitigations) {
  const TempTree tree;
  tree.write(kFlaws + "itlb_multihit", "KVM: Mitigation: VMX disabled\n");
  tree.write(kFlaws + "l1tf", "Not affected; nothing to do\n");
  tree.write(kFlaws + "mds", "Vulnerable\n");
  tree.write(kFlaws + "srbds", "Unknown: Dependent on hypervisor status\n");
  tree.write(kFlaws + "srso", "Vulnerable: Safe RET,  no microcode\n");
  tree.write(kFlaws + "x", "MITIGATION: a \"b\"\\\n");
  const auto collected = collect(*kCpuVulnerabilitiesCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string name = "node_cpu_vulnerabilities_info";
  EXPECT_EQ(collected.text(),
            name + "{codename=\"itlb_multihit\",state=\"unknown\",mitigation=\"KVM: Mitigation: VMX disabled\"} 1\n" +
                name + "{codename=\"l1tf\",state=\"not affected\",mitigation=\"\"} 1\n" + name +
                "{codename=\"mds\",state=\"vulnerable\",mitigation=\"\"} 1\n" + name +
                "{codename=\"srbds\",state=\"unknown\",mitigation=\"Dependent on hypervisor status\"} 1\n" + name +
                "{codename=\"srso\",state=\"vulnerable\",mitigation=\"Safe RET, no microcode\"} 1\n" + name +
                "{codename=\"x\",state=\"mitigation\",mitigation=\"a \\\"b\\\"\\\\\"} 1\n");
  expect_golden_families("cpu_vulnerabilities", collected.page);
}

TEST(CpuVulnerabilities, SeesWhatChanges) {
  const TempTree tree;
  tree.write(kFlaws + "mds", "Vulnerable\n");
  const auto collector = kCpuVulnerabilitiesCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text().find("state=\"vulnerable\""), std::string::npos);
  tree.write(kFlaws + "mds", "Mitigation: Clear CPU buffers; SMT disabled\n");
  EXPECT_NE(collect(*collector).text().find("mitigation=\"Clear CPU buffers; SMT disabled\""), std::string::npos);
}

TEST(CpuVulnerabilities, ABrokenFileCostsItsOwnSample) {
  expect_not_present(kCpuVulnerabilitiesCollector);
  const TempTree tree;
  tree.write(kFlaws + "a", "");
  tree.make_dir(kFlaws + "b");
  tree.write(kFlaws + "c", "Vulnerable\n");
  const auto collected = collect(*kCpuVulnerabilitiesCollector.make(roots_of(tree)));
  ASSERT_FALSE(collected.result);
  EXPECT_NE(collected.error().find("vulnerabilities/"), std::string::npos);
  EXPECT_EQ(collected.text(), "node_cpu_vulnerabilities_info{codename=\"c\",state=\"vulnerable\",mitigation=\"\"} 1\n");
}

const std::string kNodes = "sys/devices/system/node/";

void add_node(const TempTree& tree, const std::string& node, const char* total) {
  tree.write(kNodes + "node" + node + "/meminfo", "\nNode " + node + " MemTotal:       " + total + " kB\nNode " + node +
                                                      " Active(anon):     2 kB\nNode " + node +
                                                      " HugePages_Total:     3\n");
  tree.write(kNodes + "node" + node + "/numastat", "numa_hit 193460335812\nother_node 0\n");
}

TEST(MeminfoNuma, ReadsEveryNode) {
  const TempTree tree({{"sys/devices/system/node/online", "0,10\n"}});
  add_node(tree, "0", "134217728");
  add_node(tree, "10", "1");
  tree.make_dir(kNodes + "power");
  const auto collected = collect(*kMeminfoNumaCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_memory_numa_MemTotal{node=\"0\"} 137438953472\nnode_memory_numa_MemTotal{node=\"10\"} 1024\n"
            "node_memory_numa_Active_anon{node=\"0\"} 2048\nnode_memory_numa_Active_anon{node=\"10\"} 2048\n"
            "node_memory_numa_HugePages_Total{node=\"0\"} 3\nnode_memory_numa_HugePages_Total{node=\"10\"} 3\n"
            "node_memory_numa_numa_hit_total{node=\"0\"} 193460335812\n"
            "node_memory_numa_numa_hit_total{node=\"10\"} 193460335812\n"
            "node_memory_numa_other_node_total{node=\"0\"} 0\nnode_memory_numa_other_node_total{node=\"10\"} 0\n");
  EXPECT_EQ(type_of(collected.page, "node_memory_numa_MemTotal"), "gauge");
  EXPECT_EQ(type_of(collected.page, "node_memory_numa_numa_hit_total"), "counter");
}

// A node's files with a line for each family of the golden list.
void add_golden_node(const TempTree& tree, const std::string& node) {
  std::string meminfo, numastat;
  for (const auto& [name, family] : test::golden_families("meminfo_numa")) {
    std::string line = name.substr(std::string("node_memory_numa_").size());
    if (family.type == "counter") {
      numastat += line.substr(0, line.size() - std::string("_total").size()) + " 1\n";
      continue;
    }
    for (const char* kind : {"_anon", "_file"})
      if (line.ends_with(kind)) line = line.substr(0, line.find('_')) + "(" + (kind + 1) + ")";
    meminfo += "Node " + node + " " + line + ": 1 kB\n";
  }
  tree.write(kNodes + "node" + node + "/meminfo", meminfo);
  tree.write(kNodes + "node" + node + "/numastat", numastat);
}

TEST(MeminfoNuma, FamiliesAreNodeExporters) {
  const TempTree tree;
  for (const char* node : {"0", "1"}) add_golden_node(tree, node);
  const auto collected = collect(*kMeminfoNumaCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  expect_golden_families("meminfo_numa", collected.page);
}

TEST(MeminfoNuma, OneNodeIsShownOnlyOnRequest) {
  for (const char* online : {"0\n", "garbage"}) {
    const TempTree tree({{"sys/devices/system/node/online", online}});
    add_node(tree, "0", "5");
    expect_not_present(kMeminfoNumaCollector, tree);
    host::Setup setup(roots_of(tree));
    setup.requested = true;
    EXPECT_EQ(collect(*kMeminfoNumaCollector.make(setup)).text("node_memory_numa_MemTotal"),
              "node_memory_numa_MemTotal{node=\"0\"} 5120\n");
  }
  expect_not_present(kMeminfoNumaCollector);
}

TEST(MeminfoNuma, NodesComeAndGo) {
  const TempTree tree;
  for (const char* node : {"0", "1"}) add_node(tree, node, "1");
  const auto collector = kMeminfoNumaCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text().find("{node=\"1\"}"), std::string::npos);
  add_node(tree, "2", "7");
  EXPECT_NE(collect(*collector).text().find("node_memory_numa_MemTotal{node=\"2\"} 7168\n"), std::string::npos);
  ASSERT_TRUE(remove_tree(tree.at(kNodes + "node1")));
  EXPECT_EQ(collect(*collector).text("node_memory_numa_MemTotal"),
            "node_memory_numa_MemTotal{node=\"0\"} 1024\nnode_memory_numa_MemTotal{node=\"2\"} 7168\n");
}

TEST(MeminfoNuma, ABrokenFileCostsItsOwnSamples) {
  for (const char* broken : {"", "garbage\n", "Node 1 MemTotal: x kB\n", "Node 1 MemTotal: 1 MB\n", "Node 1 Mem",
                             "Node 1 MemTotal: -1 kB\n", "Node 1 MemTotal: 18446744073709551615 kB\n", "\n"}) {
    const TempTree tree;
    for (const char* node : {"0", "1"}) add_node(tree, node, "1");
    tree.write(kNodes + "node1/meminfo", broken);
    const auto collected = collect(*kMeminfoNumaCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << broken;
    EXPECT_NE(collected.error().find("node1/meminfo"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text("node_memory_numa_MemTotal"), "node_memory_numa_MemTotal{node=\"0\"} 1024\n");
    EXPECT_NE(collected.text().find("node_memory_numa_numa_hit_total{node=\"1\"}"), std::string::npos);
  }
}

TEST(MeminfoNuma, OddLinesAreShownOnce) {
  const TempTree tree;
  for (const char* node : {"0", "1"}) {
    tree.write(kNodes + "node" + node + "/meminfo",
               std::string("Node ") + node + " A(b): 1\nNode " + node + " A_b: 2\nNode " + node + " x_total: 3\n");
    tree.write(kNodes + "node" + node + "/numastat", "x 4\nx 5\n");
  }
  EXPECT_EQ(collect(*kMeminfoNumaCollector.make(roots_of(tree))).text(),
            "node_memory_numa_A_b{node=\"0\"} 1\nnode_memory_numa_A_b{node=\"1\"} 1\n"
            "node_memory_numa_x_total{node=\"0\"} 3\nnode_memory_numa_x_total{node=\"1\"} 3\n");
}

}  // namespace
}  // namespace plimsoll::collectors::host
