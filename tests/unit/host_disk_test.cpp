// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>

#include "collectors/host/parts/disk_info.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::expect_error_without_file;
using test::expect_refused;
using test::FlagValues;
using test::roots_of;
using test::TempTree;
using test::type_of;

// The names of the disks that appear in the output.
std::string devices_of(const test::Collected& collected) {
  std::string names;
  std::string text = collected.text("node_disk_io_now");
  const std::string key = "device=\"";
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1))
    names += text.substr(at + key.size(), text.find('"', at + key.size()) - at - key.size()) + ' ';
  return names;
}

TEST(Diskstats, ReadsAllSeventeenColumns) {
  const auto collected = collect_file(
      kDiskstatsCollector, "proc/diskstats",
      " 254       0 vda 88760 26837 3615450 15277 13694 6923 1454216 3662 3 11124 19531 6076 44 219104 485 2134 105\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(
      collected.text(),
      "node_disk_reads_completed_total{device=\"vda\"} 88760\n"
      "node_disk_reads_merged_total{device=\"vda\"} 26837\n"
      "node_disk_read_bytes_total{device=\"vda\"} 1851110400\n"
      "node_disk_read_time_seconds_total{device=\"vda\"} 15.277000000000001\n"
      "node_disk_writes_completed_total{device=\"vda\"} 13694\n"
      "node_disk_writes_merged_total{device=\"vda\"} 6923\n"
      "node_disk_written_bytes_total{device=\"vda\"} 744558592\n"
      "node_disk_write_time_seconds_total{device=\"vda\"} 3.662\n"
      "node_disk_io_now{device=\"vda\"} 3\n"
      "node_disk_io_time_seconds_total{device=\"vda\"} 11.124\n"
      "node_disk_io_time_weighted_seconds_total{device=\"vda\"} 19.531\n"
      "node_disk_discards_completed_total{device=\"vda\"} 6076\n"
      "node_disk_discards_merged_total{device=\"vda\"} 44\n"
      "node_disk_discarded_sectors_total{device=\"vda\"} 219104\n"
      "node_disk_discard_time_seconds_total{device=\"vda\"} 0.485\n"
      "node_disk_flush_requests_total{device=\"vda\"} 2134\n"
      "node_disk_flush_requests_time_seconds_total{device=\"vda\"} 0.105\n"
      "node_disk_info{device=\"vda\",major=\"254\",minor=\"0\",model=\"\",path=\"\",revision=\"\",rotational=\"0\","
      "serial=\"\",wwn=\"\"} 1\n");
  EXPECT_EQ(type_of(collected.page, "node_disk_io_now"), "gauge");
  EXPECT_EQ(type_of(collected.page, "node_disk_read_bytes_total"), "counter");
}

TEST(Diskstats, OldKernelsHaveFewerFamilies) {
  const auto collected =
      collect_file(kDiskstatsCollector, "proc/diskstats",
                   "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_disk_io_time_weighted"),
            "node_disk_io_time_weighted_seconds_total{device=\"sda\"} 0.011\n"
            "node_disk_io_time_weighted_seconds_total{device=\"sdb\"} 0.011\n");
  EXPECT_EQ(collected.text("node_disk_discards_completed"), "node_disk_discards_completed_total{device=\"sdb\"} 12\n");
  EXPECT_EQ(type_of(collected.page, "node_disk_flush_requests_total"), "");
}

TEST(Diskstats, LeavesOutMemoryDisksLoopsAndPartitions) {
  std::string text;
  for (const char* name :
       {"ram0", "zram1", "loop12", "fd0", "hda1", "sda15", "vda1", "xvdb2", "nvme0n1p1", "nvme10n22p3"})
    text += std::string("1 2 ") + name + " 1 1 1 1 1 1 1 1 1 1 1\n";
  EXPECT_EQ(devices_of(collect_file(kDiskstatsCollector, "proc/diskstats", text)), "");
}

TEST(Diskstats, KeepsEverythingElse) {
  std::string text;
  for (const char* name : {"sda", "xvda", "nvme0n1", "nvme0c0n1", "mmcblk0", "mmcblk0p1", "md0", "dm-0", "sdaa1", "sr0",
                           "ram", "nvmen1p1", "nvme0np1", "nbd0", "rbd1", "xsda1", "drbd1", "sdA1", "7"})
    text += std::string("1 2 ") + name + " 1 1 1 1 1 1 1 1 1 1 1\n";
  EXPECT_EQ(
      devices_of(collect_file(kDiskstatsCollector, "proc/diskstats", text)),
      "sda xvda nvme0n1 nvme0c0n1 mmcblk0 mmcblk0p1 md0 dm-0 sdaa1 sr0 ram nvmen1p1 nvme0np1 nbd0 rbd1 xsda1 drbd1 "
      "sdA1 7 ");
}

TEST(Diskstats, AMachineWithoutDisksIsNoError) {
  const auto collected = collect_file(kDiskstatsCollector, "proc/diskstats", "");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(), "");
}

TEST(Diskstats, RefusesWhatIsNone) {
  expect_error_without_file(kDiskstatsCollector, "proc/diskstats");
  expect_refused(kDiskstatsCollector, "proc/diskstats",
                 {"garbage\n", "8 0 sda\n", "8 0 sda 1 2 3 4 5 6 7 8 9 10\n", "8 0 sda 1 2 x 4 5 6 7 8 9 10 11\n",
                  "8 x sda 1 2 3 4 5 6 7 8 9 10 11\n", "8 0 sda 1 2 3 4 5 6 7 8 9 10 1", "\n",
                  "8 0 sda 1 2 -3 4 5 6 7 8 9 10 11\n"});
}

const char* const kUdev =
    "S:disk/by-id/ata-DISK_S1\n"
    "I:1234567\n"
    "E:ID_ATA=1\n"
    "E:ID_ATA_WRITE_CACHE=1\n"
    "E:ID_ATA_WRITE_CACHE_ENABLED=0\n"
    "E:ID_ATA_ROTATION_RATE_RPM=7200\n"
    "E:ID_MODEL=A \"model\"\n"
    "E:ID_PATH=pci-0000:00:1f.2-ata-1\n"
    "E:ID_REVISION=2B6Q\n"
    "E:ID_SERIAL=long_serial\n"
    "E:ID_SERIAL_SHORT=S1\n"
    "E:ID_WWN=0x5002538\n"
    "E:ID_FS_TYPE=ext4\nE:ID_FS_USAGE=filesystem\nE:ID_FS_UUID=uu-id\nE:ID_FS_VERSION=1.0\n"
    "E:DM_NAME=vg-root\nE:DM_UUID=LVM-x\nE:DM_VG_NAME=vg\nE:DM_LV_NAME=root\nE:DM_LV_LAYER=\n"
    "G:systemd\n";

TEST(Diskstats, SaysWhatUdevAndSysfsKnow) {
  const TempTree tree({{"proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"},
                       {"root/run/udev/data/b8:0", kUdev},
                       {"sys/block/sda/queue/rotational", "1\n"}});
  const auto collected = collect(*kDiskstatsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text("node_disk_info"),
            "node_disk_info{device=\"sda\",major=\"8\",minor=\"0\",model=\"A \\\"model\\\"\","
            "path=\"pci-0000:00:1f.2-ata-1\",revision=\"2B6Q\",rotational=\"1\",serial=\"S1\",wwn=\"0x5002538\"} 1\n");
  EXPECT_EQ(collected.text("node_disk_filesystem"),
            "node_disk_filesystem_info{device=\"sda\",type=\"ext4\",usage=\"filesystem\",uuid=\"uu-id\",version=\"1."
            "0\"} 1\n");
  EXPECT_EQ(
      collected.text("node_disk_device_mapper"),
      "node_disk_device_mapper_info{device=\"sda\",lv_layer=\"\",lv_name=\"root\",name=\"vg-root\",uuid=\"LVM-x\","
      "vg_name=\"vg\"} 1\n");
  EXPECT_EQ(collected.text("node_disk_ata"),
            "node_disk_ata_write_cache{device=\"sda\"} 1\n"
            "node_disk_ata_write_cache_enabled{device=\"sda\"} 0\n"
            "node_disk_ata_rotation_rate_rpm{device=\"sda\"} 7200\n");
}

TEST(Diskstats, FollowsTheSerialNumbersOrder) {
  const TempTree tree({{"proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"},
                       {"root/run/udev/data/b8:0",
                        "E:ID_SERIAL=virtio\nE:SCSI_IDENT_SERIAL=scsi\nE:ID_ATA=1\n"
                        "E:ID_ATA_ROTATION_RATE_RPM=garbage\n"}});
  const auto collected = collect(*kDiskstatsCollector.make(roots_of(tree)));
  EXPECT_NE(collected.text("node_disk_info").find("serial=\"scsi\""), std::string::npos);
  EXPECT_EQ(collected.text("node_disk_ata"), "");
}

std::string diskstats_of(std::initializer_list<const char*> devices) {
  std::string text;
  for (const char* device : devices) text += std::string(device) + " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n";
  return text;
}

TEST(Diskstats, WritesEveryFamilyOfNodeExporter) {
  const TempTree tree(
      {{"proc/diskstats", diskstats_of({"8 0 sda"})},
       {"root/run/udev/data/b8:0",
        "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=0\nE:ID_ATA_ROTATION_RATE_RPM=0\n"
        "E:ID_FS_TYPE=ext4\nE:DM_NAME=x\n"}});
  test::expect_golden_families("diskstats", collect(*kDiskstatsCollector.make(roots_of(tree))).page);
}

TEST(Diskstats, FlagsChooseTheDisks) {
  const TempTree tree({{"proc/diskstats", diskstats_of({"8 0 sda", "8 1 sda1", "7 0 loop0", "253 0 dm-0"})}});
  const auto shown = [&](FlagValues values) { return devices_of(collect_with(kDiskstatsCollector, tree, values)); };
  EXPECT_EQ(shown({}), "sda dm-0 ");
  EXPECT_EQ(shown({{"diskstats.device-exclude", "^dm"}}), "sda sda1 loop0 ");
  EXPECT_EQ(shown({{"diskstats.device-exclude", ""}}), "sda sda1 loop0 dm-0 ");
  EXPECT_EQ(shown({{"diskstats.ignored-devices", "^sd"}}), "loop0 dm-0 ");
  EXPECT_EQ(shown({{"diskstats.ignored-devices", ""}}), "sda dm-0 ");
  EXPECT_EQ(shown({{"diskstats.device-include", "a1|p0"}}), "sda1 loop0 ");
  EXPECT_EQ(shown({{"diskstats.device-include", ""}}), "sda dm-0 ");
  EXPECT_EQ(shown({{"diskstats.device-include", "a"}, {"diskstats.ignored-devices", "1"}}), "sda sda1 ");
}

TEST(Diskstats, ANameThatComesTwiceIsShownOnce) {
  const auto collected =
      collect_file(kDiskstatsCollector, "proc/diskstats", diskstats_of({"8 0 sda", "8 16 sda", "8 0 sda"}));
  EXPECT_EQ(devices_of(collected), "sda ");
  EXPECT_EQ(collected.page.sample_count(), 18u);
}

TEST(Diskstats, FollowsUdevsRecord) {
  const TempTree tree({{"proc/diskstats", diskstats_of({"8 0 sda"})}, {"sys/block/sda/queue/rotational", "1\n"}});
  const auto collector = kDiskstatsCollector.make(roots_of(tree));
  const auto info = [&] { return collect(*collector).text("node_disk_info"); };
  EXPECT_NE(info().find("model=\"\",path=\"\",revision=\"\",rotational=\"1\""), std::string::npos);
  const std::string record = "root/run/udev/data/b8:0";
  tree.write(record, "E:ID_MODEL=one\n");
  EXPECT_NE(info().find("model=\"one\""), std::string::npos);
  tree.write(record + ".new", "E:ID_MODEL=two\nE:ID_FS_TYPE=xfs\n");
  ASSERT_EQ(::rename(tree.at(record + ".new").c_str(), tree.at(record).c_str()), 0);
  EXPECT_NE(info().find("model=\"two\""), std::string::npos);
  EXPECT_NE(collect(*collector).text("node_disk_filesystem"), "");
  ASSERT_EQ(::unlink(tree.at(record).c_str()), 0);
  EXPECT_NE(info().find("model=\"\""), std::string::npos);
  EXPECT_EQ(collect(*collector).text("node_disk_filesystem"), "");
}

// What does not change is not read again: here it is changed without udev's knowledge.
TEST(Diskstats, ReadsADisksFilesOnce) {
  const TempTree tree({{"proc/diskstats", diskstats_of({"8 0 sda"})}, {"sys/block/sda/queue/rotational", "1\n"}});
  const auto collector = kDiskstatsCollector.make(roots_of(tree));
  const std::string before = collect(*collector).text("node_disk_info");
  tree.write("sys/block/sda/queue/rotational", "0\n");
  EXPECT_EQ(collect(*collector).text("node_disk_info"), before);
}

TEST(Diskstats, AnotherDiskOfTheSameNameIsReadAnew) {
  const TempTree tree({{"proc/diskstats", diskstats_of({"8 0 sda", "8 16 sdb"})},
                       {"root/run/udev/data/b8:0", "E:ID_MODEL=first\n"},
                       {"root/run/udev/data/b8:32", "E:ID_MODEL=second\n"},
                       {"sys/block/sda/queue/rotational", "1\n"}});
  const auto collector = kDiskstatsCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text("node_disk_info").find("model=\"first\""), std::string::npos);
  tree.write("proc/diskstats", diskstats_of({"8 32 sda"}));
  const auto renumbered = collect(*collector);
  EXPECT_EQ(devices_of(renumbered), "sda ");
  EXPECT_NE(renumbered.text("node_disk_info").find("minor=\"32\",model=\"second\""), std::string::npos);
  tree.write("proc/diskstats", diskstats_of({"8 16 sdb"}));
  EXPECT_EQ(devices_of(collect(*collector)), "sdb ");
  tree.write("sys/block/sda/queue/rotational", "0\n");
  tree.write("proc/diskstats", diskstats_of({"8 32 sda"}));
  EXPECT_NE(collect(*collector).text("node_disk_info").find("rotational=\"0\""), std::string::npos);
}

TEST(DiskInfo, NamesWithASlashHaveAnExclamationMarkInSysfs) {
  const TempTree tree({{"sys/block/cciss!c0d0/queue/rotational", "1\n"}});
  EXPECT_EQ(read_disk_info(roots_of(tree), "cciss/c0d0", 104, 0).rotational, "1");
  EXPECT_EQ(read_disk_info(roots_of(tree), "../cciss!c0d0", 104, 0).rotational, "0");
}

TEST(UdevProperties, SkipsOtherLinesAndKeepsTheLast) {
  const auto udev = UdevProperties::parse("E:A=1\nE:B\nX:C=3\nE:A=2\nE:D=x=y\nE:=e\n\nE:LAST=cut");
  EXPECT_EQ(udev.get("A"), "2");
  EXPECT_EQ(udev.get("B"), "");
  EXPECT_EQ(udev.get("C"), "");
  EXPECT_EQ(udev.get("D"), "x=y");
  EXPECT_EQ(udev.get("LAST"), "cut");
  EXPECT_EQ(UdevProperties::parse("").get("A"), "");
}

}  // namespace
}  // namespace plimsoll::collectors::host
