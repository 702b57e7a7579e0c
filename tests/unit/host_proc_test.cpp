// SPDX-License-Identifier: Apache-2.0
// Host collectors that read one small file each.
#include <sys/utsname.h>

#include <ctime>

#include "collectors/host/parts/kept_file.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::expect_error_without_file;
using test::expect_not_present;
using test::expect_refused;
using test::roots_of;
using test::TempTree;
using test::type_of;

TEST(KeptFile, ReadsTheSameDescriptorAgain) {
  const TempTree tree({{"f", "one\n"}});
  KeptFile file(tree.at("f"), 4);
  EXPECT_EQ(*file.read(), "one\n");
  tree.write("f", "two and more than the buffer held\n");
  EXPECT_EQ(*file.read(), "two and more than the buffer held\n");
}

TEST(KeptFile, FindsAFileThatAppearsLater) {
  const TempTree tree;
  KeptFile file(tree.at("f"));
  const auto missing = file.read();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_NE(missing.error().message().find(tree.at("f")), std::string::npos);
  tree.write("f", "here\n");
  EXPECT_EQ(*file.read(), "here\n");
}

TEST(KeptFile, ADirectoryIsAnErrorWithItsPath) {
  const TempTree tree;
  tree.make_dir("d");
  KeptFile file(tree.at("d"));
  const auto text = file.read();
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, EISDIR);
  EXPECT_NE(text.error().message().find(tree.at("d")), std::string::npos);
}

TEST(Loadavg, ReadsThreeAverages) {
  const auto collected = collect_file(kLoadavgCollector, "proc/loadavg", "0.45 10.5 123.22 4/183 14700\n");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(), "node_load1 0.45\nnode_load5 10.5\nnode_load15 123.22\n");
  EXPECT_EQ(type_of(collected.page, "node_load1"), "gauge");
}

TEST(Loadavg, RefusesWhatIsNone) {
  expect_error_without_file(kLoadavgCollector, "proc/loadavg");
  expect_refused(kLoadavgCollector, "proc/loadavg",
                 {"", "\n", "0.1 0.2\n", "0.1 x 0.3 1/2 3\n", "0.45 0.46 0.2", "max\n"});
}

TEST(Filefd, ReadsAllocatedAndMaximum) {
  const auto collected = collect_file(kFilefdCollector, "proc/sys/fs/file-nr", "737\t0\t9223372036854775807\n");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(), "node_filefd_allocated 737\nnode_filefd_maximum 9223372036854775807\n");
}

TEST(Filefd, RefusesWhatIsNone) {
  expect_error_without_file(kFilefdCollector, "proc/sys/fs/file-nr");
  expect_refused(kFilefdCollector, "proc/sys/fs/file-nr", {"", "1\t0\n", "1\t0\tmax\n", "1 -1 2\n", "1\t0\t2"});
}

TEST(Meminfo, NamesFamiliesAfterTheLines) {
  const auto collected = collect_file(kMeminfoCollector, "proc/meminfo",
                                      "MemTotal:       24684096 kB\n"
                                      "Active(anon):       1580 kB\n"
                                      "Committed_AS:          0 kB\n"
                                      "HugePages_Total:       7\n"
                                      "DirectMap4k:          12 kB\n"
                                      "Quite-New(x)y:         1 kB\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_memory_MemTotal_bytes 25276514304\n"
            "node_memory_Active_anon_bytes 1617920\n"
            "node_memory_Committed_AS_bytes 0\n"
            "node_memory_HugePages_Total 7\n"
            "node_memory_DirectMap4k_bytes 12288\n"
            "node_memory_Quite_New_x_y_bytes 1024\n");
  EXPECT_EQ(type_of(collected.page, "node_memory_Active_anon_bytes"), "gauge");
}

TEST(Meminfo, RefusesWhatIsNone) {
  expect_error_without_file(kMeminfoCollector, "proc/meminfo");
  expect_refused(
      kMeminfoCollector, "proc/meminfo",
      {"", "MemTotal: 1 kB\nMemFree:  2", "MemTotal: x kB\n", "MemTotal 1 kB\n", "MemTotal:\n", ": 1 kB\n",
       "MemTotal: 1 MB\n", "MemTotal: max\n", "MemTotal: -1 kB\n", "\n", "MemTotal: 18446744073709551615 kB\n"});
}

TEST(Vmstat, ExportsItsSelectionOnly) {
  const auto collected = collect_file(kVmstatCollector, "proc/vmstat",
                                      "nr_free_pages 5570000\npgpgin 2457121\npgpgout 5426836\npswpin 0\npswpout 1\n"
                                      "pgalloc_dma 3\npgfree 9\npgfault 8508391\npgmajfault 1537\npgrefill 4\n"
                                      "thp_fault_alloc 5\noom_kill 2\nunknown_thing x\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_vmstat_pgpgin 2457121\nnode_vmstat_pgpgout 5426836\nnode_vmstat_pswpin 0\nnode_vmstat_pswpout 1\n"
            "node_vmstat_pgfault 8508391\nnode_vmstat_pgmajfault 1537\nnode_vmstat_oom_kill 2\n");
  EXPECT_EQ(type_of(collected.page, "node_vmstat_pgfault"), "untyped");
}

TEST(Vmstat, RefusesWhatIsNone) {
  expect_error_without_file(kVmstatCollector, "proc/vmstat");
  expect_refused(kVmstatCollector, "proc/vmstat",
                 {"", "garbage\n", "pgpgin\n", "pgpgin x\n", "pgpgin 1\npgpgout 2", "\n", "pgpgin 1\npgpgout -2\n"});
}

TEST(Vmstat, ExportsFieldsByExpression) {
  const TempTree tree({{"proc/vmstat", "nr_free_pages 5\npgfault 6\nallocstall_dma 7\nnr-free_pages 8\npgfault 9\n"}});
  EXPECT_EQ(collect_with(kVmstatCollector, tree, {{"vmstat.fields", "^nr|stall"}}).text(),
            "node_vmstat_nr_free_pages 5\nnode_vmstat_allocstall_dma 7\n");
  EXPECT_EQ(collect_with(kVmstatCollector, tree, {{"vmstat.fields", ".*"}}).text(),
            "node_vmstat_nr_free_pages 5\nnode_vmstat_pgfault 6\nnode_vmstat_allocstall_dma 7\n");
  const auto none = collect_with(kVmstatCollector, tree, {{"vmstat.fields", "^nothing$"}});
  EXPECT_TRUE(none.result);
  EXPECT_EQ(none.text(), "");
}

TEST(Vmstat, NoticesOtherLines) {
  const TempTree tree({{"proc/vmstat", "pgfault 1\nnr_dirty 2\n"}});
  const auto collector = kVmstatCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), "node_vmstat_pgfault 1\n");
  tree.write("proc/vmstat", "nr_dirty 3\npgfault 4\n");
  EXPECT_EQ(collect(*collector).text(), "node_vmstat_pgfault 4\n");
  tree.write("proc/vmstat", "nr_dirty 3\npgfault 5\noom_kill 6\n");
  EXPECT_EQ(collect(*collector).text(), "node_vmstat_pgfault 5\nnode_vmstat_oom_kill 6\n");
}

const char* const kStat =
    "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
    "intr 611287 0 9 0 0 0\nctxt 1348000\nbtime 1795318275\nprocesses 14700\nprocs_running 4\nprocs_blocked 0\n"
    "softirq 1 2 3\n";

TEST(Stat, ReadsEverythingButTheCpus) {
  const auto collected = collect_file(kStatCollector, "proc/stat", kStat);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_boot_time_seconds 1795318275\nnode_context_switches_total 1348000\nnode_forks_total 14700\n"
            "node_intr_total 611287\nnode_procs_blocked 0\nnode_procs_running 4\n");
  EXPECT_EQ(type_of(collected.page, "node_intr_total"), "counter");
  EXPECT_EQ(type_of(collected.page, "node_procs_running"), "gauge");
}

TEST(Stat, ShowsSoftirqsOnRequest) {
  std::string stat = kStat;
  stat.replace(stat.find("softirq"), std::string::npos,
               "softirq 5057579 250191 1481983 1647 211099 186066 0 1783454 622196 12499 508444\n");
  const TempTree tree({{"proc/stat", stat}});
  const auto collected = collect_with(kStatCollector, tree, {{"stat.softirq", "true"}});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_softirqs"),
            "node_softirqs_total{vector=\"hi\"} 250191\nnode_softirqs_total{vector=\"timer\"} 1481983\n"
            "node_softirqs_total{vector=\"net_tx\"} 1647\nnode_softirqs_total{vector=\"net_rx\"} 211099\n"
            "node_softirqs_total{vector=\"block\"} 186066\nnode_softirqs_total{vector=\"block_iopoll\"} 0\n"
            "node_softirqs_total{vector=\"tasklet\"} 1783454\nnode_softirqs_total{vector=\"sched\"} 622196\n"
            "node_softirqs_total{vector=\"hrtimer\"} 12499\nnode_softirqs_total{vector=\"rcu\"} 508444\n");
  EXPECT_EQ(type_of(collected.page, "node_softirqs_total"), "counter");
}

TEST(Stat, MalformedSoftirqsCostTheirOwnFamily) {
  for (const char* line :
       {"", "softirq 1 2 3\n", "softirq x 1 2 3 4 5 6 7 8 9 10\n", "softirq 1 1 2 3 4 5 6 7 8 9 -1\n"}) {
    std::string stat = kStat;
    stat.replace(stat.find("softirq"), std::string::npos, line);
    const TempTree tree({{"proc/stat", stat}});
    const auto collected = collect_with(kStatCollector, tree, {{"stat.softirq", "true"}});
    ASSERT_FALSE(collected.result) << line;
    EXPECT_NE(collected.error().find("softirq"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text("node_softirqs"), "");
    EXPECT_NE(collected.text("node_intr_total"), "");
  }
}

TEST(Stat, AMissingLineCostsItsOwnFamily) {
  const auto collected = collect_file(kStatCollector, "proc/stat", "ctxt 5\nbtime 7\n");
  EXPECT_FALSE(collected.result);
  EXPECT_EQ(collected.text(), "node_boot_time_seconds 7\nnode_context_switches_total 5\n");
}

TEST(Stat, RefusesWhatIsNone) {
  expect_error_without_file(kStatCollector, "proc/stat");
  expect_refused(kStatCollector, "proc/stat", {"", "garbage\n", "ctxt x\n", "ctxt 12\nbtime 7"});
}

TEST(Uname, SaysWhatTheSystemCallSays) {
  utsname names;
  ASSERT_EQ(::uname(&names), 0);
  const TempTree tree;
  const auto collected = collect(*kUnameCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result);
  const LabelSet labels{{"domainname", names.domainname}, {"machine", names.machine}, {"nodename", names.nodename},
                        {"release", names.release},       {"sysname", names.sysname}, {"version", names.version}};
  EXPECT_EQ(collected.text(), "node_uname_info{" + std::string(labels.rendered()) +
                                  "} 1\nnode_exporter_build_info{version=\"plimsoll-" PLIMSOLL_VERSION "\"} 1\n");
}

TEST(Time, ReadsTheClockAndItsSources) {
  const TempTree tree({
      {"sys/devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc acpi_pm \n"},
      {"sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n"},
      {"sys/devices/system/clocksource/power/control", "auto\n"},
  });
  const auto before = static_cast<double>(std::time(nullptr));
  const auto collected = collect(*kTimeCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result);
  const std::string seconds = collected.text("node_time_seconds");
  EXPECT_GE(std::stod(seconds.substr(seconds.find(' '))), before);
  EXPECT_LE(std::stod(seconds.substr(seconds.find(' '))), before + 60);
  EXPECT_EQ(collected.text("node_time_clocksource"),
            "node_time_clocksource_available_info{clocksource=\"kvm-clock\",device=\"0\"} 1\n"
            "node_time_clocksource_available_info{clocksource=\"tsc\",device=\"0\"} 1\n"
            "node_time_clocksource_available_info{clocksource=\"acpi_pm\",device=\"0\"} 1\n"
            "node_time_clocksource_current_info{clocksource=\"tsc\",device=\"0\"} 1\n");
}

// The zone is the process's own; put back whatever the test finds.
class Zone {
 public:
  explicit Zone(const char* name) {
    const char* before = ::getenv("TZ");
    if (before != nullptr) before_ = before;
    had_ = before != nullptr;
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    if (had_) ::setenv("TZ", before_.c_str(), 1);
    if (!had_) ::unsetenv("TZ");
    ::tzset();
  }

 private:
  bool had_ = false;
  std::string before_;
};

TEST(Time, ReportsTheZoneEastPositive) {
  const TempTree tree;
  {
    const Zone zone("XYZ-5:30");
    EXPECT_EQ(collect(*kTimeCollector.make(roots_of(tree))).text("node_time_zone"),
              "node_time_zone_offset_seconds{time_zone=\"XYZ\"} 19800\n");
  }
  const Zone zone("ABC8");
  EXPECT_EQ(collect(*kTimeCollector.make(roots_of(tree))).text("node_time_zone"),
            "node_time_zone_offset_seconds{time_zone=\"ABC\"} -28800\n");
}

TEST(Time, ASystemWithoutClockSourcesLeavesThemOut) {
  const TempTree tree;
  const auto collected = collect(*kTimeCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text("node_time_clocksource"), "");
  EXPECT_NE(collected.text("node_time_seconds"), "");
}

const char* const kIo =
    "some avg10=0.00 avg60=0.12 avg300=0.05 total=5319724\nfull avg10=0.00 avg60=0.10 avg300=0.04 total=4740106\n";

TEST(Pressure, ReadsTotalsInSeconds) {
  const TempTree tree({
      {"proc/pressure/cpu", "some avg10=1 avg60=1 avg300=1 total=21236697\nfull avg10=0 avg60=0 avg300=0 total=0\n"},
      {"proc/pressure/io", kIo},
      {"proc/pressure/memory", "some avg10=0.00 total=0\nfull avg10=0.00 total=0\n"},
      {"proc/pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"},
  });
  const auto collected = collect(*kPressureCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_pressure_cpu_waiting_seconds_total 21.236697\n"
            "node_pressure_io_waiting_seconds_total 5.319724\n"
            "node_pressure_io_stalled_seconds_total 4.740106\n"
            "node_pressure_memory_waiting_seconds_total 0\n"
            "node_pressure_memory_stalled_seconds_total 0\n"
            "node_pressure_irq_stalled_seconds_total 1.5\n");
  EXPECT_EQ(type_of(collected.page, "node_pressure_io_stalled_seconds_total"), "counter");
}

TEST(Pressure, AKernelWithoutItIsNotAFailure) { expect_not_present(kPressureCollector); }

TEST(Pressure, OneResourceAloneIsEnough) {
  const auto collected = collect_file(kPressureCollector, "proc/pressure/io", kIo);
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(),
            "node_pressure_io_waiting_seconds_total 5.319724\nnode_pressure_io_stalled_seconds_total 4.740106\n");
}

TEST(Pressure, RefusesWhatIsNone) {
  expect_refused(kPressureCollector, "proc/pressure/io",
                 {"", "garbage\n", "some avg10=0.00\n", "some total=max\n", "some avg10=0.00 tot", "full total=\n"});
}

}  // namespace
}  // namespace plimsoll::collectors::host
