// SPDX-License-Identifier: Apache-2.0
// What the kernel says about itself and the distribution: os selinux entropy timex kernel_hung sysctl cgroups.
#include <gtest/gtest.h>
#include <sys/timex.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace {

// What adjtimex() answers in this program.
struct Clock {
  timex values = {};
  int state = TIME_OK;
  int error = 0;
  unsigned modes = 0;  // with which it was called last
};

Clock& clock_of_this_test() {
  static Clock clock;
  return clock;
}

}  // namespace

// In place of libc's, so that a test can say what the clock is like.
extern "C" int adjtimex(struct timex* clock) noexcept {
  Clock& answer = clock_of_this_test();
  answer.modes = clock->modes;
  *clock = answer.values;
  errno = answer.error;
  return answer.error != 0 ? -1 : answer.state;
}

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::Collected;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::flag_of;
using test::roots_of;
using test::TempTree;
using test::type_of;

const char* const kOsRelease = "root/etc/os-release";

const char* const kLighthouse =
    "# what this is\n"
    "NAME=\"Lighthouse\"\n"
    "\n"
    "PRETTY_NAME='Lighthouse \"Fog\" 7.2.1'\n"
    "ID=lighthouse\n"
    "ID_LIKE=\"fedora rhel\"\n"
    "VERSION=\"7.2.1 (Fog)\"\n"
    "VERSION_ID=\"7.2.1\"\n"
    "VERSION_CODENAME=fog\n"
    "VARIANT=\"Server \\\"edge\\\" \\$HOME\"\n"
    "VARIANT_ID=server\n"
    "BUILD_ID=20240203\n"
    "IMAGE_ID=lh-cloud\n"
    "IMAGE_VERSION=12\n"
    "HOME_URL=\"https://lighthouse.invalid/?a=b\"\n"
    "SUPPORT_END=2028-06-30\n";

TEST(Os, ShowsEveryLabelVersionAndEndOfSupport) {
  const auto collected = collect_file(kOsCollector, kOsRelease, kLighthouse);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_os_info{build_id=\"20240203\",id=\"lighthouse\",id_like=\"fedora rhel\",image_id=\"lh-cloud\","
            "image_version=\"12\",name=\"Lighthouse\",pretty_name=\"Lighthouse \\\"Fog\\\" 7.2.1\","
            "variant=\"Server \\\"edge\\\" $HOME\",variant_id=\"server\",version=\"7.2.1 (Fog)\","
            "version_codename=\"fog\",version_id=\"7.2.1\"} 1\n"
            "node_os_version{id=\"lighthouse\",id_like=\"fedora rhel\",name=\"Lighthouse\"} 7.2\n"
            "node_os_support_end_timestamp_seconds 1845936000\n");
  EXPECT_EQ(type_of(collected.page, "node_os_info"), "gauge");
}

TEST(Os, WritesTheGoldenFamilies) {
  const auto collected = collect_file(kOsCollector, kOsRelease, "NAME=a\nVERSION_ID=12\n");
  expect_golden_families("os", collected.page);
}

TEST(Os, TheSecondPlaceCountsWhereTheFirstIsMissing) {
  const TempTree tree({{"root/usr/lib/os-release", "ID=second\n"}});
  const auto collector = kOsCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text().find("id=\"second\""), std::string::npos);
  tree.write(kOsRelease, "ID=first\n");
  EXPECT_NE(collect(*collector).text().find("id=\"first\""), std::string::npos);
}

TEST(Os, AnUpgradeIsNoticed) {
  const TempTree tree({{kOsRelease, "ID=a\nVERSION_ID=12\n"}, {"root/etc/new", "ID=a\nVERSION_ID=13\n"}});
  const auto collector = kOsCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_os_version"), "node_os_version{id=\"a\",id_like=\"\",name=\"\"} 12\n");
  EXPECT_EQ(collect(*collector).text("node_os_version"), "node_os_version{id=\"a\",id_like=\"\",name=\"\"} 12\n");
  std::filesystem::rename(tree.at("root/etc/new"), tree.at(kOsRelease));
  EXPECT_EQ(collect(*collector).text("node_os_version"), "node_os_version{id=\"a\",id_like=\"\",name=\"\"} 13\n");
}

std::string version_of(const std::string& version) {
  const std::string text =
      collect_file(kOsCollector, kOsRelease, "VERSION_ID=" + version + "\n").text("node_os_version");
  return text.empty() ? "" : text.substr(text.rfind(' ') + 1);
}

TEST(Os, TheVersionIsTheNumberInFront) {
  EXPECT_EQ(version_of("12"), "12\n");
  EXPECT_EQ(version_of("20.04"), "20.04\n");
  EXPECT_EQ(version_of("3."), "3\n");
  EXPECT_EQ(version_of("15-SP4"), "15\n");
  EXPECT_EQ(version_of("8.10.7"), "8.1\n");
  for (const char* none : {"", "rolling", "v2", "0", ".5", "-3"}) EXPECT_EQ(version_of(none), "") << none;
}

TEST(Os, AWrongDateTakesOnlyItsOwnFamilyAway) {
  for (const char* date : {"soon", "2028-13-01", "2028-02-30", "2028-6-30", "-028-06-30", "2028-06-300"}) {
    const auto collected = collect_file(kOsCollector, kOsRelease, "ID=a\nSUPPORT_END=" + std::string(date) + "\n");
    EXPECT_NE(collected.error().find(std::string(kOsRelease) + ": SUPPORT_END"), std::string::npos) << date;
    EXPECT_EQ(collected.text("node_os_support"), "");
    EXPECT_NE(collected.text("node_os_info"), "");
  }
}

TEST(Os, OddTextsAreReadAsAShellWould) {
  const auto collected =
      collect_file(kOsCollector, kOsRelease, "NAME=once\nID=a\"b c\"'d'\nNAME=\"tw\xffice\\n\"\r\nVARIANT=");
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string text = collected.text();
  EXPECT_NE(text.find("id=\"ab cd\""), std::string::npos) << text;
  EXPECT_NE(text.find("name=\"tw\xEF\xBF\xBDice\\\\n\""), std::string::npos) << text;
}

TEST(Os, RefusesWhatIsNone) {
  expect_not_present(kOsCollector);
  expect_refused(kOsCollector, kOsRelease,
                 {"", "\n\n", "garbage\n", "NAME=\"cut off\n", "ID=a\nNAME='cut", "\x01\x02\xff\n"});
  const TempTree tree;
  tree.make_dir(kOsRelease);
  EXPECT_EQ(collect(*kOsCollector.make(roots_of(tree))).result.error().code, EISDIR);
}

const char* const kEnforce = "sys/fs/selinux/enforce";
const char* const kConfig = "root/etc/selinux/config";

Collected selinux(const std::string& enforce, const std::string& config) {
  const TempTree tree({{kEnforce, enforce}, {kConfig, config}});
  return collect(*kSelinuxCollector.make(roots_of(tree)));
}

TEST(Selinux, ShowsBothModes) {
  const auto collected =
      selinux("1", "# SELINUX=disabled\n#comment\nSELINUXTYPE=targeted\n SELINUX=enforcing\nSELINUX=permissive\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_selinux_enabled 1\nnode_selinux_current_mode 1\nnode_selinux_config_mode 1\n");
  expect_golden_families("selinux", collected.page);
}

TEST(Selinux, ConfiguredModeIsItsOwn) {
  EXPECT_EQ(selinux("0", "SELINUX=\"permissive\"\n").text(),
            "node_selinux_enabled 1\nnode_selinux_current_mode 0\nnode_selinux_config_mode 0\n");
  for (const char* config : {"SELINUX=disabled\n", "SELINUX=\n", "SELINUX", "", "\xff\xfe"})
    EXPECT_EQ(selinux("0", config).text("node_selinux_config"), "node_selinux_config_mode -1\n") << config;
}

TEST(Selinux, WithoutConfigurationItIsNeither) {
  const auto collected = collect_file(kSelinuxCollector, kEnforce, "1");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text("node_selinux_config"), "node_selinux_config_mode -1\n");
}

TEST(Selinux, WithoutItsFileSystemItIsOff) {
  const TempTree tree({{kConfig, "SELINUX=enforcing\n"}});
  const auto collector = kSelinuxCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), "node_selinux_enabled 0\n");
  tree.write(kEnforce, "1");
  EXPECT_EQ(collect(*collector).text("node_selinux_enabled"), "node_selinux_enabled 1\n");
}

TEST(Selinux, WithoutAPolicyItIsOff) {
  const TempTree tree({{kEnforce, "0"}, {"proc/self/attr/current", std::string("kernel\0", 7)}});
  const auto collector = kSelinuxCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text(), "node_selinux_enabled 0\n");
  tree.write("proc/self/attr/current", std::string("system_u:system_r:kernel_t:s0\0", 30));
  EXPECT_EQ(collect(*collector).text("node_selinux_enabled"), "node_selinux_enabled 1\n");
}

TEST(Selinux, RefusesWhatIsNone) {
  expect_refused(kSelinuxCollector, kEnforce, {"", "2", "-1", "11", "yes"});
  const TempTree tree({{kEnforce, "1"}});
  tree.make_dir(kConfig);
  EXPECT_NE(collect(*kSelinuxCollector.make(roots_of(tree))).error().find(kConfig), std::string::npos);
}

const char* const kAvail = "proc/sys/kernel/random/entropy_avail";
const char* const kPool = "proc/sys/kernel/random/poolsize";

TEST(Entropy, ShowsBoth) {
  const TempTree tree({{kAvail, "200\n"}, {kPool, "256\n"}});
  const auto collected = collect(*kEntropyCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_entropy_available_bits 200\nnode_entropy_pool_size_bits 256\n");
  expect_golden_families("entropy", collected.page);
}

TEST(Entropy, OneIsEnough) {
  const auto collected = collect_file(kEntropyCollector, kAvail, "18446744073709551615\n");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(), "node_entropy_available_bits 18446744073709551615\n");
}

TEST(Entropy, AMalformedOneLeavesTheOther) {
  const TempTree tree({{kAvail, "x\n"}, {kPool, "256\n"}});
  const auto collected = collect(*kEntropyCollector.make(roots_of(tree)));
  EXPECT_NE(collected.error().find(kAvail), std::string::npos);
  EXPECT_EQ(collected.text(), "node_entropy_pool_size_bits 256\n");
  tree.write(kAvail, "1\n");
  tree.write(kPool, "-1\n");
  EXPECT_NE(collect(*kEntropyCollector.make(roots_of(tree))).error().find(kPool), std::string::npos);
}

TEST(Entropy, RefusesWhatIsNone) {
  expect_not_present(kEntropyCollector);
  expect_refused(kEntropyCollector, kAvail, {"", "\n", "25", "-1\n", "1 2\n", "18446744073709551616\n", "\xff\n"});
}

timex everything() {
  timex clock = {};
  clock.offset = -2500000;
  clock.freq = -3 * 65536;
  clock.maxerror = 16000000;
  clock.esterror = 250;
  clock.status = STA_PLL | STA_NANO;
  clock.constant = 7;
  clock.tick = 10000;
  clock.ppsfreq = 65536;
  clock.jitter = 500;
  clock.shift = 4;
  clock.stabil = 2 * 65536;
  clock.jitcnt = 11;
  clock.calcnt = 12;
  clock.errcnt = 13;
  clock.stbcnt = 14;
  clock.tai = 37;
  return clock;
}

Collected timex_of(const Clock& clock) {
  clock_of_this_test() = clock;
  clock_of_this_test().modes = ~0u;
  const auto collected = collect(*kTimexCollector.make(HostRoots{}));
  EXPECT_EQ(clock_of_this_test().modes, 0u) << "the clock was to be changed";
  return {collected.result, MetricPage(collected.page)};
}

TEST(Timex, ConvertsEveryField) {
  const auto collected = timex_of({everything()});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_timex_sync_status 1\n"
            "node_timex_status 8193\n"
            "node_timex_offset_seconds -0.0025\n"
            "node_timex_frequency_adjustment_ratio 0.999997\n"
            "node_timex_maxerror_seconds 16\n"
            "node_timex_estimated_error_seconds 0.00025\n"
            "node_timex_loop_time_constant 7\n"
            "node_timex_tick_seconds 0.01\n"
            "node_timex_pps_frequency_hertz 1e-06\n"
            "node_timex_pps_jitter_seconds 5e-07\n"
            "node_timex_pps_stability_hertz 2e-06\n"
            "node_timex_pps_jitter_total 11\n"
            "node_timex_pps_calibration_total 12\n"
            "node_timex_pps_error_total 13\n"
            "node_timex_pps_stability_exceeded_total 14\n"
            "node_timex_pps_shift_seconds 4\n"
            "node_timex_tai_offset_seconds 37\n");
  expect_golden_families("timex", collected.page);
}

TEST(Timex, AClockOfMicrosecondsThatFollowsNothing) {
  Clock clock{everything(), TIME_ERROR};
  clock.values.status = STA_UNSYNC;
  const auto collected = timex_of(clock);
  EXPECT_EQ(collected.text("node_timex_sync"), "node_timex_sync_status 0\n");
  EXPECT_EQ(collected.text("node_timex_status"), "node_timex_status 64\n");
  EXPECT_EQ(collected.text("node_timex_offset"), "node_timex_offset_seconds -2.5\n");
  EXPECT_EQ(collected.text("node_timex_pps_jitter_seconds"), "node_timex_pps_jitter_seconds 5e-04\n");
}

TEST(Timex, WhereItIsForbiddenThereIsNone) {
  const auto forbidden = timex_of({{}, TIME_OK, EPERM});
  ASSERT_FALSE(forbidden.result);
  EXPECT_TRUE(is_not_present(forbidden.result.error()));
  const auto failed = timex_of({{}, TIME_OK, ENOSYS});
  ASSERT_FALSE(failed.result);
  EXPECT_EQ(failed.result.error().code, ENOSYS);
  EXPECT_EQ(forbidden.text() + failed.text(), "");
}

const char* const kHung = "proc/sys/kernel/hung_task_detect_count";

TEST(KernelHung, ShowsTheCount) {
  const auto collected = collect_file(kKernelHungCollector, kHung, "42\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_kernel_hung_tasks_total 42\n");
  expect_golden_families("kernel_hung", collected.page);
}

TEST(KernelHung, RefusesWhatIsNone) {
  expect_not_present(kKernelHungCollector);
  expect_refused(kKernelHungCollector, kHung, {"", "\n", "4", "-1\n", "1 2\n", "99999999999999999999\n", "x\n"});
}

struct Asked {
  std::vector<std::string> include;
  std::vector<std::string> info;
};

Collected sysctl(const TempTree& tree, const Asked& asked) {
  Setup setup(roots_of(tree));
  for (const std::string& value : asked.include) setup.flags.set(flag_of(kSysctlCollector, "sysctl.include"), value);
  for (const std::string& value : asked.info) setup.flags.set(flag_of(kSysctlCollector, "sysctl.include-info"), value);
  return collect(*kSysctlCollector.make(setup));
}

const std::pair<const char*, std::string> kFileNr = {"proc/sys/fs/file-nr", "1024\t0\t9223372036854775807\n"};

TEST(Sysctl, WritesTheGoldenFamilies) {
  const TempTree tree(
      {kFileNr, {"proc/sys/kernel/threads-max", "7801\n"}, {"proc/sys/kernel/names", "one two\nthree\n"}});
  const auto collected =
      sysctl(tree, {{"fs.file-nr", "kernel.threads-max", "fs.file-nr:total,current,max"}, {"kernel.names"}});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_sysctl_fs_file_nr{index=\"0\"} 1024\n"
            "node_sysctl_fs_file_nr{index=\"1\"} 0\n"
            "node_sysctl_fs_file_nr{index=\"2\"} 9223372036854775807\n"
            "node_sysctl_fs_file_nr_total 1024\n"
            "node_sysctl_fs_file_nr_current 0\n"
            "node_sysctl_fs_file_nr_max 9223372036854775807\n"
            "node_sysctl_kernel_threads_max 7801\n"
            "node_sysctl_info{index=\"0\",name=\"kernel.names\",value=\"one\"} 1\n"
            "node_sysctl_info{index=\"1\",name=\"kernel.names\",value=\"two\"} 1\n"
            "node_sysctl_info{index=\"2\",name=\"kernel.names\",value=\"three\"} 1\n");
  expect_golden_families("sysctl", collected.page);
}

TEST(Sysctl, NothingAskedForIsNothing) {
  const TempTree tree({kFileNr});
  const auto collected = sysctl(tree, {});
  ASSERT_FALSE(collected.result);
  EXPECT_TRUE(is_not_present(collected.result.error()));
  EXPECT_EQ(collected.text(), "");
}

TEST(Sysctl, NamesMayHaveSlashesAndNegativeValues) {
  const TempTree tree(
      {{"proc/sys/net/ipv4/conf/eth0.5/mtu-x_y", "-3\n"}, {"proc/sys/a/b", "18446744073709551615 -1\n"}});
  EXPECT_EQ(sysctl(tree, {{"net/ipv4/conf/eth0.5/mtu-x_y"}, {}}).text(),
            "node_sysctl_net_ipv4_conf_eth0_5_mtu_x_y -3\n");
  EXPECT_EQ(sysctl(tree, {{"a.b:u,v"}, {}}).text(), "node_sysctl_a_b_u 18446744073709551615\nnode_sysctl_a_b_v -1\n");
}

TEST(Sysctl, AskedForTwiceItIsWrittenOnce) {
  const TempTree tree({kFileNr, {"proc/sys/a/b", "1\n"}, {"proc/sys/a-b", "2\n"}});
  const auto collected = sysctl(tree, {{"a.b", "a-b", "a.b", "fs.file-nr:x,y,z", "fs.file-nr:z,y,x"}, {"a.b", "a.b"}});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_sysctl_a"), "node_sysctl_a_b 2\n");
  EXPECT_EQ(collected.text("node_sysctl_fs"),
            "node_sysctl_fs_file_nr_x 1024\nnode_sysctl_fs_file_nr_y 0\n"
            "node_sysctl_fs_file_nr_z 9223372036854775807\n");
  EXPECT_EQ(collected.text("node_sysctl_info"), "node_sysctl_info{index=\"0\",name=\"a.b\",value=\"1\"} 1\n");
}

TEST(Sysctl, OneThatFailsLeavesTheOthers) {
  const TempTree tree({kFileNr, {"proc/sys/b/number", "1\n"}, {"proc/sys/b/text", "a \"b\"\\ \xff"}});
  for (const char* wrong : {"a.missing", "b.text", "b.number:one,two", "fs.file-nr:one,two", "b", "fs.file-nr.x"}) {
    const auto collected = sysctl(tree, {{wrong, "b.number"}, {"b.missing", "b.text"}});
    ASSERT_FALSE(collected.result) << wrong;
    EXPECT_NE(collected.error().find("proc/sys/"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text(),
              "node_sysctl_b_number 1\n"
              "node_sysctl_info{index=\"0\",name=\"b.text\",value=\"a\"} 1\n"
              "node_sysctl_info{index=\"1\",name=\"b.text\",value=\"\\\"b\\\"\\\\\"} 1\n"
              "node_sysctl_info{index=\"2\",name=\"b.text\",value=\"\xEF\xBF\xBD\"} 1\n")
        << wrong;
  }
}

TEST(Sysctl, RefusesWhatIsNone) {
  for (const std::string& content : {std::string(), std::string("\n"), std::string("1 x\n"),
                                     std::string("99999999999999999999\n"), std::string(5000, '1') + "\n"}) {
    const TempTree tree({{"proc/sys/a/b", content}});
    const auto collected = sysctl(tree, {{"a.b"}, {}});
    EXPECT_NE(collected.error().find("proc/sys/a/b"), std::string::npos) << content;
    EXPECT_EQ(collected.text(), "");
  }
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "1 ";
  const TempTree tree({{"proc/sys/a/b", many + "\n"}});
  EXPECT_NE(sysctl(tree, {{"a.b"}, {}}).error().find("too many values"), std::string::npos);
  EXPECT_NE(sysctl(tree, {{}, {"a.b"}}).error().find("too many values"), std::string::npos);
}

TEST(Sysctl, FlagsAreChecked) {
  const Flag& include = flag_of(kSysctlCollector, "sysctl.include");
  const Flag& info = flag_of(kSysctlCollector, "sysctl.include-info");
  for (const char* good : {"kernel.threads-max", "fs.file-nr:a,b_2,C", "net/ipv4/conf/eth0.5/mtu"})
    EXPECT_TRUE(check_flag(include, good)) << good;
  for (const char* bad : {"", ":a", ".a", "a.", "a..b", "/a", "a//b", "a/../b", "a/./b", "a.b:a,", "a.b:,a", "a.b:a,a",
                          "a.b:a b", "a.b:a\xff"})
    EXPECT_FALSE(check_flag(include, bad)) << bad;
  EXPECT_TRUE(check_flag(info, "kernel.core_pattern"));
  for (const char* bad : {"", "a..b", "a.b:c"}) EXPECT_FALSE(check_flag(info, bad)) << bad;
}

const char* const kCgroups = "proc/cgroups";

TEST(Cgroups, ShowsEveryController) {
  const auto collected = collect_file(kCgroupsCollector, kCgroups,
                                      "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
                                      "cpu\t3\t172\t1\nq\"\\\xff\t0\t18446744073709551615\t0\nmemory\t7\t234\t1\n"
                                      "cpu\t4\t5\t0\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_cgroups_cgroups{subsys_name=\"cpu\"} 172\n"
            "node_cgroups_cgroups{subsys_name=\"q\\\"\\\\\xEF\xBF\xBD\"} 18446744073709551615\n"
            "node_cgroups_cgroups{subsys_name=\"memory\"} 234\n"
            "node_cgroups_enabled{subsys_name=\"cpu\"} 1\n"
            "node_cgroups_enabled{subsys_name=\"q\\\"\\\\\xEF\xBF\xBD\"} 0\n"
            "node_cgroups_enabled{subsys_name=\"memory\"} 1\n");
  expect_golden_families("cgroups", collected.page);
}

TEST(Cgroups, RefusesWhatIsNone) {
  expect_not_present(kCgroupsCollector);
  const std::string heading = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
  std::string many = heading;
  for (int i = 0; i < 1000; ++i) many += "c" + std::to_string(i) + "\t0\t1\t1\n";
  expect_refused(kCgroupsCollector, kCgroups,
                 {"", "garbage\n", "cpu\t3\t172\t1\n", heading, heading + "cpu\t3\t17", heading + "cpu\t3\t172\t",
                  heading + "cpu\t3\t-1\t1\n", heading + "cpu\t3\t1\t2\n", heading + "\n", many});
}

}  // namespace
}  // namespace plimsoll::collectors::host
