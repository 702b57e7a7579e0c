// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::roots_of;
using test::TempTree;

const std::string kPersonalities = "Personalities : [raid0] [raid1] [raid6] [raid5] [raid4] [raid10]\n";
const std::string kUnused = "unused devices: <none>\n";
const std::string kMirror = "md0 : active raid1 sdi1[0] sdj1[1]\n      248896 blocks [2/2] [UU]\n      \n";

std::string mdstat(const std::string& arrays) { return kPersonalities + arrays + kUnused; }

test::Collected collect_mdstat(const std::string& arrays) {
  return collect_file(kMdadmCollector, "proc/mdstat", mdstat(arrays));
}

TEST(Mdadm, ShowsAnArray) {
  const auto collected = collect_mdstat(
      "md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]\n"
      "      195310144 blocks super 1.2 [2/1] [U_]\n"
      "      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec\n"
      "      bitmap: 0/30 pages [0KB], 65536KB chunk\n\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_md_disks_required{device=\"md6\"} 2\n"
            "node_md_disks{device=\"md6\",state=\"active\"} 1\n"
            "node_md_disks{device=\"md6\",state=\"failed\"} 1\n"
            "node_md_disks{device=\"md6\",state=\"spare\"} 1\n"
            "node_md_state{device=\"md6\",state=\"active\"} 0\n"
            "node_md_state{device=\"md6\",state=\"inactive\"} 0\n"
            "node_md_state{device=\"md6\",state=\"recovering\"} 1\n"
            "node_md_state{device=\"md6\",state=\"resync\"} 0\n"
            "node_md_state{device=\"md6\",state=\"check\"} 0\n"
            "node_md_blocks{device=\"md6\"} 195310144\n"
            "node_md_blocks_synced{device=\"md6\"} 16775552\n");
}

// "STATE SYNCED" of an array whose lines behind the first two are `further`.
std::string sync_of(const std::string& further) {
  const auto collected = collect_mdstat("md1 : active raid1 a[0] b[1]\n      500 blocks [2/2] [UU]\n" + further);
  EXPECT_TRUE(collected.result) << collected.error();
  std::string states;
  for (const char* state : {"active", "inactive", "recovering", "resync", "check"})
    if (collected.text("node_md_state").find("state=\"" + std::string(state) + "\"} 1\n") != std::string::npos)
      states += std::string(state) + " ";
  const std::string synced = collected.text("node_md_blocks_synced");
  return states + synced.substr(synced.find(' ') + 1);
}

TEST(Mdadm, TellsWhatASynchronisationDoes) {
  EXPECT_EQ(sync_of(""), "active 500\n");
  EXPECT_EQ(sync_of("      [>..]  resync = 1.0% (7/500) finish=1.0min speed=1K/sec\n"), "resync 7\n");
  EXPECT_EQ(sync_of("      [>..]  check = 1.0% (8/500) finish=1.0min speed=1K/sec\n"), "check 8\n");
  EXPECT_EQ(sync_of("      [>..]  reshape = 1.0% (9/500) finish=1.0min speed=1K/sec\n"), "9\n");
  for (const char* waits : {"PENDING", "DELAYED", "REMOTE"})
    EXPECT_EQ(sync_of("      \tresync=" + std::string(waits) + "\n"), "resync 0\n");
  EXPECT_EQ(sync_of("      bitmap: 0/1 pages [0KB], 64KB chunk, file: /recovery/check\n"), "active 500\n");
  EXPECT_EQ(sync_of("      bitmap: 0/1 pages\n      [>..]  recovery = 1.0% (3/500) finish=1.0min\n"), "recovering 3\n");
}

TEST(Mdadm, CountsDisksWhereTheKernelDoesNot) {
  const auto collected = collect_mdstat(
      "md1 : active (read-only) raid0 sdb[2] sdd[1] sdc[0]\n      322560 blocks super 1.2 512k chunks\n\n"
      "md2 : inactive sdb[2](S) sdc[1](S)\n        7932 blocks super external:imsm\n\n"
      "md3 : active linear a[0]\n      9 blocks super 1.2 0k rounding\n\n"
      "md4 : active faulty a[0]\n      9 blocks super 1.2 WriteTransient=1(100)\n\n"
      "md5 : inactive\n       super external:-md2\n"
      "md6 : broken raid5 a[0](F) b[1](F) c[2](J)(R)\n      9 blocks level 5, 64k chunk, algorithm 2 [3/1] [__U]\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_md_disks_required"),
            "node_md_disks_required{device=\"md1\"} 3\nnode_md_disks_required{device=\"md2\"} 0\n"
            "node_md_disks_required{device=\"md3\"} 1\nnode_md_disks_required{device=\"md6\"} 3\n");
  EXPECT_EQ(collected.text("node_md_blocks").find("md5"), std::string::npos);
  const std::string states = collected.text("node_md_state");
  EXPECT_NE(states.find("device=\"md5\",state=\"inactive\"} 1\n"), std::string::npos);
  EXPECT_EQ(states.find("\"md6\",state=\"active\"} 1"), std::string::npos);
  EXPECT_NE(collected.text("node_md_disks").find("device=\"md6\",state=\"failed\"} 2\n"), std::string::npos);
}

TEST(Mdadm, NoArrayIsNoErrorAndARepeatedOneIsShownOnce) {
  for (const std::string& arrays : {std::string(), std::string("\n")}) {
    const auto collected = collect_mdstat(arrays);
    EXPECT_TRUE(collected.result) << collected.error();
    EXPECT_EQ(collected.text(), "");
  }
  EXPECT_EQ(collect_mdstat(kMirror + kMirror).text("node_md_blocks"),
            "node_md_blocks{device=\"md0\"} 248896\nnode_md_blocks_synced{device=\"md0\"} 248896\n");
}

TEST(Mdadm, HostileNamesAreEscaped) {
  EXPECT_EQ(collect_mdstat("q\"\\\xff : active raid1 a[0]\n 1 blocks [1/1] [U]\n").text("node_md_disks_required"),
            "node_md_disks_required{device=\"q\\\"\\\\\xEF\xBF\xBD\"} 1\n");
}

TEST(Mdadm, RefusesWhatIsNone) {
  expect_refused(kMdadmCollector, "proc/mdstat",
                 {"", "garbage\n", kPersonalities + "md0 : active raid1 a[0", mdstat("md0\n"), mdstat("md0 active\n"),
                  mdstat("md0 :\n"), mdstat("md0 : active raid1 a[0]\n      many blocks [1/1] [U]\n"),
                  mdstat("md0 : active raid1 a[0]\n      -5 blocks [1/1] [U]\n"),
                  mdstat("md0 : active raid1 a[0]\n      5 kittens [1/1] [U]\n"),
                  mdstat(kMirror + "      resync = 5% finish=1min\n"), mdstat(kMirror + "      resync = 5% (-1/5)\n"),
                  mdstat(kMirror + "      resync = 5% (1/)\n"), mdstat("\xff\xfe\n")});
}

TEST(Mdadm, AbsentWithoutTheDriver) {
  const TempTree tree({{"sys/block/md0/md/raid_disks", "2\n"}, {"sys/block/md0/md/degraded", "0\n"}});
  expect_not_present(kMdadmCollector, tree);
}

struct MdTree {
  explicit MdTree(const std::string& arrays = "") { tree.write("proc/mdstat", mdstat(arrays)); }
  void add(const std::string& name, const std::string& level, const std::string& disks,
           const std::string& degraded = "") const {
    const std::string directory = "sys/block/" + name + "/md/";
    tree.write(directory + "level", level + "\n");
    tree.write(directory + "raid_disks", disks + "\n");
    if (!degraded.empty()) tree.write(directory + "degraded", degraded + "\n");
  }
  TempTree tree;
};

TEST(Mdadm, ReadsSysfsToo) {
  const MdTree md(kMirror);
  md.add("md1", "raid1", "2", "1");
  md.add("md0", "raid0", "2");
  md.add("md5", "raid5", "5 (4)", "0");
  md.add("sda", "raid1", "9", "9");
  md.tree.make_dir("sys/block/mdraid");
  const auto collector = kMdadmCollector.make(roots_of(md.tree));
  const auto collected = collect(*collector);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_md_raid_disks"),
            "node_md_raid_disks{device=\"md0\"} 2\nnode_md_raid_disks{device=\"md1\"} 2\n"
            "node_md_raid_disks{device=\"md5\"} 5\n");
  EXPECT_EQ(collected.text("node_md_degraded"),
            "node_md_degraded{device=\"md0\"} 0\nnode_md_degraded{device=\"md1\"} 1\n"
            "node_md_degraded{device=\"md5\"} 0\n");
  expect_golden_families("mdadm", collected.page);
  ASSERT_TRUE(remove_tree(md.tree.at("sys/block/md1")));
  md.add("md9", "raid10", "4", "2");
  EXPECT_EQ(collect(*collector).text("node_md_degraded"),
            "node_md_degraded{device=\"md0\"} 0\nnode_md_degraded{device=\"md5\"} 0\n"
            "node_md_degraded{device=\"md9\"} 2\n");
}

TEST(Mdadm, ABrokenArrayDoesNotHideTheOthers) {
  const MdTree md(kMirror);
  md.add("md1", "raid1", "2");
  md.add("md2", "raid1", "two", "0");
  md.add("md3", "raid1", "-1", "0");
  md.add("md4", "raid6", "4", "1");
  md.tree.make_dir("sys/block/md5/md/raid_disks");
  const auto collected = collect(*kMdadmCollector.make(roots_of(md.tree)));
  ASSERT_FALSE(collected.result);
  EXPECT_FALSE(is_not_present(collected.result.error()));
  EXPECT_NE(collected.error().find("md1/md/degraded"), std::string::npos) << collected.error();
  EXPECT_EQ(collected.text("node_md_raid_disks"), "node_md_raid_disks{device=\"md4\"} 4\n");
  EXPECT_NE(collected.text("node_md_blocks"), "");
}

const std::string kDrbdHead = "version: 8.4.3 (api:1/proto:86-101)\nsrcversion: 1A9F77B1CA5FF92235C2213 \n\n";
const std::string kDrbdDevice =
    " 1: cs:Connected ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n"
    "    ns:2 nr:3 dw:4 dr:5 al:6 bm:7 lo:8 pe:9 ua:10 ap:11 ep:12 wo:d oos:13\n";

TEST(Drbd, ShowsADevice) {
  const auto collected = collect_file(kDrbdCollector, "proc/drbd", kDrbdHead + kDrbdDevice);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_drbd_network_sent_bytes_total{device=\"drbd1\"} 2048\n"
            "node_drbd_network_received_bytes_total{device=\"drbd1\"} 3\n"
            "node_drbd_disk_written_bytes_total{device=\"drbd1\"} 4096\n"
            "node_drbd_disk_read_bytes_total{device=\"drbd1\"} 5120\n"
            "node_drbd_activitylog_writes_total{device=\"drbd1\"} 6\n"
            "node_drbd_bitmap_writes_total{device=\"drbd1\"} 7\n"
            "node_drbd_local_pending{device=\"drbd1\"} 8\n"
            "node_drbd_remote_pending{device=\"drbd1\"} 9\n"
            "node_drbd_remote_unacknowledged{device=\"drbd1\"} 10\n"
            "node_drbd_application_pending{device=\"drbd1\"} 11\n"
            "node_drbd_epochs{device=\"drbd1\"} 12\n"
            "node_drbd_out_of_sync_bytes{device=\"drbd1\"} 13312\n"
            "node_drbd_node_role_is_primary{device=\"drbd1\",node=\"local\"} 1\n"
            "node_drbd_node_role_is_primary{device=\"drbd1\",node=\"remote\"} 0\n"
            "node_drbd_disk_state_is_up_to_date{device=\"drbd1\",node=\"local\"} 1\n"
            "node_drbd_disk_state_is_up_to_date{device=\"drbd1\",node=\"remote\"} 0\n"
            "node_drbd_connected{device=\"drbd1\"} 1\n");
  expect_golden_families("drbd", collected.page);
}

TEST(Drbd, SeveralDevicesAndOneBeingSynchronised) {
  const auto collected = collect_file(
      kDrbdCollector, "proc/drbd",
      kDrbdHead +
          " 0: cs:Unconfigured\n"
          " 1: cs:SyncSource ro:Secondary/Unknown ds:UpToDate/DUnknown C r-----\n    ns:18446744073709551615 nr:1\n"
          "\t[>....................] sync'ed:  0.1% (4096/8192)K\n\tfinish: 0:00:16 speed: 256,000 (256,000) K/sec\n"
          "12: cs:Connected\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_drbd_connected"),
            "node_drbd_connected{device=\"drbd0\"} 0\nnode_drbd_connected{device=\"drbd1\"} 0\n"
            "node_drbd_connected{device=\"drbd12\"} 1\n");
  EXPECT_EQ(collected.text("node_drbd_network_sent"),
            "node_drbd_network_sent_bytes_total{device=\"drbd1\"} 1.888946593147858e+22\n");
  EXPECT_EQ(collected.text("node_drbd_disk_written"), "");
}

TEST(Drbd, OneDeviceThatComesTwiceIsShownOnce) {
  const auto collected = collect_file(kDrbdCollector, "proc/drbd", kDrbdHead + kDrbdDevice + kDrbdDevice);
  EXPECT_EQ(collected.text("node_drbd_connected"), "node_drbd_connected{device=\"drbd1\"} 1\n");
}

TEST(Drbd, VersionNineHasNoDevices) {
  const auto collected = collect_file(kDrbdCollector, "proc/drbd",
                                      "version: 9.1.7 (api:2/proto:110-121)\nTransports (api:17): tcp (9.1.7)\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

TEST(Drbd, RefusesWhatIsNone) {
  expect_refused(kDrbdCollector, "proc/drbd",
                 {"", "garbage\n", kDrbdDevice, kDrbdHead + " 1: cs:Conn", kDrbdHead + " 1: ns:many\n",
                  kDrbdHead + " 1: ns:-1\n", kDrbdHead + " 1: ns:99999999999999999999\n",
                  kDrbdHead + " 1: ro:Primary\n", kDrbdHead + " 1: ds:/UpToDate\n", kDrbdHead + " 1: ns:1:2\n"});
  expect_not_present(kDrbdCollector);
}

struct NvmeTree {
  void add(const std::string& name, const std::string& model = "Samsung SSD 970 PRO 512GB") const {
    const std::string directory = "sys/class/nvme/" + name + "/";
    tree.write(directory + "cntlid", "1997\n");
    tree.write(directory + "firmware_rev", "1B2QEXP7\n");
    tree.write(directory + "model", model + "   \n");
    tree.write(directory + "serial", "S680HF8N190894I\n");
    tree.write(directory + "state", "live\n");
  }
  void add_namespace(const std::string& path, const std::string& size = "3906250000",
                     const std::string& block = "4096") const {
    const std::string directory = "sys/class/nvme/" + path + "/";
    tree.write(directory + "size", size + "\n");
    tree.write(directory + "nuse", "488281250\n");
    tree.write(directory + "queue/logical_block_size", block + "\n");
    tree.write(directory + "ana_state", "optimized\n");
  }
  TempTree tree;
};

TEST(Nvme, ShowsControllersAndNamespaces) {
  const NvmeTree nvme;
  nvme.add("nvme0");
  nvme.add_namespace("nvme0/nvme0c0n3");
  nvme.add_namespace("nvme0/nvme0n1");
  nvme.add_namespace("nvme0/nvme0c0n3p1");
  const auto collected = collect(*kNvmeCollector.make(roots_of(nvme.tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_nvme_info{cntlid=\"1997\",device=\"nvme0\",firmware_revision=\"1B2QEXP7\","
            "model=\"Samsung SSD 970 PRO 512GB\",serial=\"S680HF8N190894I\",state=\"live\"} 1\n"
            "node_nvme_namespace_info{ana_state=\"optimized\",device=\"nvme0\",nsid=\"3\"} 1\n"
            "node_nvme_namespace_capacity_bytes{device=\"nvme0\",nsid=\"3\"} 16000000000000\n"
            "node_nvme_namespace_size_bytes{device=\"nvme0\",nsid=\"3\"} 16000000000000\n"
            "node_nvme_namespace_used_bytes{device=\"nvme0\",nsid=\"3\"} 2000000000000\n"
            "node_nvme_namespace_logical_block_size_bytes{device=\"nvme0\",nsid=\"3\"} 4096\n");
  expect_golden_families("nvme", collected.page);
}

TEST(Nvme, WhatIsMissingIsLeftOut) {
  const NvmeTree nvme;
  nvme.add("nvme0");
  nvme.add_namespace("nvme0/nvme0c1n2", "18446744073709551615", "512");
  ASSERT_EQ(::unlink(nvme.tree.at("sys/class/nvme/nvme0/nvme0c1n2/nuse").c_str()), 0);
  ASSERT_EQ(::unlink(nvme.tree.at("sys/class/nvme/nvme0/nvme0c1n2/ana_state").c_str()), 0);
  ASSERT_EQ(::unlink(nvme.tree.at("sys/class/nvme/nvme0/cntlid").c_str()), 0);
  const auto collected = collect(*kNvmeCollector.make(roots_of(nvme.tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_NE(collected.text("node_nvme_info").find("{cntlid=\"\",device="), std::string::npos);
  EXPECT_EQ(collected.text("node_nvme_namespace_info"),
            "node_nvme_namespace_info{ana_state=\"unknown\",device=\"nvme0\",nsid=\"2\"} 1\n");
  EXPECT_EQ(collected.text("node_nvme_namespace_used"), "");
  EXPECT_EQ(collected.text("node_nvme_namespace_size"),
            "node_nvme_namespace_size_bytes{device=\"nvme0\",nsid=\"2\"} 9.44473296573929e+21\n");
}

TEST(Nvme, ControllersAndNamespacesComeAndGo) {
  const NvmeTree nvme;
  nvme.add("nvme0");
  nvme.add("nvme1", "q\"\\\xff");
  nvme.add_namespace("nvme0/nvme0c0n1", "1", "512");
  const auto collector = kNvmeCollector.make(roots_of(nvme.tree));
  EXPECT_NE(collect(*collector).text("node_nvme_info").find("model=\"q\\\"\\\\\xEF\xBF\xBD\""), std::string::npos);
  ASSERT_TRUE(remove_tree(nvme.tree.at("sys/class/nvme/nvme1")));
  ASSERT_TRUE(remove_tree(nvme.tree.at("sys/class/nvme/nvme0/nvme0c0n1")));
  nvme.tree.write("sys/class/nvme/nvme0/state", "resetting\n");
  const auto after = collect(*collector);
  EXPECT_EQ(after.text("node_nvme_info").find("nvme1"), std::string::npos);
  EXPECT_NE(after.text("node_nvme_info").find("state=\"resetting\""), std::string::npos);
  EXPECT_EQ(after.text("node_nvme_namespace"), "");
  nvme.add_namespace("nvme0/nvme0c0n1", "2", "512");
  EXPECT_EQ(collect(*collector).text("node_nvme_namespace_size"),
            "node_nvme_namespace_size_bytes{device=\"nvme0\",nsid=\"1\"} 1024\n");
}

TEST(Nvme, TwoPathsToOneNamespaceOfAControllerAreShownOnce) {
  const NvmeTree nvme;
  nvme.add("nvme0");
  nvme.add_namespace("nvme0/nvme0c0n1");
  nvme.add_namespace("nvme0/nvme0c1n1");
  EXPECT_EQ(collect(*kNvmeCollector.make(roots_of(nvme.tree))).text("node_nvme_namespace_info"),
            "node_nvme_namespace_info{ana_state=\"optimized\",device=\"nvme0\",nsid=\"1\"} 1\n");
}

TEST(Nvme, WhatIsNoControllerDoesNotHideTheOthers) {
  const NvmeTree nvme;
  nvme.add("nvme1");
  nvme.tree.make_dir("sys/class/nvme/nvme0");
  const auto collected = collect(*kNvmeCollector.make(roots_of(nvme.tree)));
  ASSERT_FALSE(collected.result);
  EXPECT_FALSE(is_not_present(collected.result.error()));
  EXPECT_NE(collected.error().find("nvme0/state"), std::string::npos) << collected.error();
  EXPECT_NE(collected.text("node_nvme_info").find("device=\"nvme1\""), std::string::npos);
}

TEST(Nvme, AbsentWithoutTheClass) { expect_not_present(kNvmeCollector); }

}  // namespace
}  // namespace plimsoll::collectors::host
