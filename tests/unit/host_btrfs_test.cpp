// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "collectors/host/parts/btrfs_devices.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::expect_golden_families;
using test::expect_not_present;
using test::page_text;
using test::roots_of;
using test::TempTree;
using test::type_of;

const std::string kUuid = "0abb23a9-579b-43e6-ad30-227ef47fcb9d";
const std::string kBtrfs = "sys/fs/btrfs/" + kUuid + "/";

void write_group(const TempTree& tree, const std::string& group, const std::string& profile, const std::string& used) {
  const std::string path = kBtrfs + "allocation/" + group + "/";
  tree.write(path + "bytes_reserved", "4096\n");
  tree.write(path + "flags", "1\n");
  tree.write(path + profile + "/total_bytes", "2147483648\n");
  tree.write(path + profile + "/used_bytes", used + "\n");
}

void write_btrfs(const TempTree& tree) {
  tree.write("sys/fs/btrfs/features/raid56", "0\n");
  tree.write(kBtrfs + "label", "a\\label\n");
  tree.write(kBtrfs + "metadata_uuid", kUuid + "\n");
  tree.write(kBtrfs + "allocation/global_rsv_size", "16777216\n");
  tree.write(kBtrfs + "commit_stats",
             "commits 258051\nlast_commit_ms 1000\nmax_commit_ms 51462\ntotal_commit_ms 47836090\n");
  for (const char* device : {"sda", "sdb", "sdc", "sdd"})
    tree.write(kBtrfs + "devices/" + device + "/size", "20971520\n");
  write_group(tree, "data", "raid5", "808189952");
  write_group(tree, "metadata", "raid1", "933888");
  write_group(tree, "system", "raid6", "16384");
}

// With U for the label of the file system of write_btrfs().
std::string short_text(const std::string& text) {
  std::string result = text;
  const std::string label = "uuid=\"" + kUuid + "\"";
  for (size_t at = result.find(label); at != std::string::npos; at = result.find(label))
    result.replace(at, label.size(), "U");
  return result;
}

std::string first_line(const std::string& text) { return short_text(text.substr(0, text.find('\n') + 1)); }

TEST(Btrfs, ReadsSysfs) {
  const TempTree tree;
  write_btrfs(tree);
  const auto collected = collect(*kBtrfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(short_text(collected.text()),
            "node_btrfs_info{label=\"a\\\\label\",U} 1\n"
            "node_btrfs_global_rsv_size_bytes{U} 16777216\n"
            "node_btrfs_commits_total{U} 258051\n"
            "node_btrfs_last_commit_seconds{U} 1\n"
            "node_btrfs_max_commit_seconds{U} 51.462\n"
            "node_btrfs_commit_seconds_total{U} 47836.09\n"
            "node_btrfs_reserved_bytes{block_group_type=\"data\",U} 4096\n"
            "node_btrfs_reserved_bytes{block_group_type=\"metadata\",U} 4096\n"
            "node_btrfs_reserved_bytes{block_group_type=\"system\",U} 4096\n"
            "node_btrfs_used_bytes{block_group_type=\"data\",mode=\"raid5\",U} 808189952\n"
            "node_btrfs_used_bytes{block_group_type=\"metadata\",mode=\"raid1\",U} 933888\n"
            "node_btrfs_used_bytes{block_group_type=\"system\",mode=\"raid6\",U} 16384\n"
            "node_btrfs_size_bytes{block_group_type=\"data\",mode=\"raid5\",U} 2147483648\n"
            "node_btrfs_size_bytes{block_group_type=\"metadata\",mode=\"raid1\",U} 2147483648\n"
            "node_btrfs_size_bytes{block_group_type=\"system\",mode=\"raid6\",U} 2147483648\n"
            "node_btrfs_allocation_ratio{block_group_type=\"data\",mode=\"raid5\",U} 1.3333333333333333\n"
            "node_btrfs_allocation_ratio{block_group_type=\"metadata\",mode=\"raid1\",U} 2\n"
            "node_btrfs_allocation_ratio{block_group_type=\"system\",mode=\"raid6\",U} 2\n"
            "node_btrfs_device_size_bytes{device=\"sda\",U} 10737418240\n"
            "node_btrfs_device_size_bytes{device=\"sdb\",U} 10737418240\n"
            "node_btrfs_device_size_bytes{device=\"sdc\",U} 10737418240\n"
            "node_btrfs_device_size_bytes{device=\"sdd\",U} 10737418240\n");
  expect_golden_families("btrfs", collected.page);
}

TEST(Btrfs, WithoutItAndWithoutAFilesystem) {
  expect_not_present(kBtrfsCollector);
  const TempTree module({{"sys/fs/btrfs/features/raid56", "0\n"}});
  const auto idle = collect(*kBtrfsCollector.make(roots_of(module)));
  EXPECT_TRUE(idle.result) << idle.error();
  EXPECT_EQ(idle.text(), "");
}

TEST(Btrfs, WhatTheKernelDoesNotSayIsLeftOut) {
  const TempTree tree;
  tree.write(kBtrfs + "label", "");
  tree.write(kBtrfs + "allocation/data/raid9/used_bytes", "1\n");
  tree.write(kBtrfs + "allocation/data/raid5/used_bytes", "2\n");
  tree.write(kBtrfs + "devices/sda/size", "2\n");
  const auto collected = collect(*kBtrfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(short_text(collected.text()),
            "node_btrfs_info{label=\"\",U} 1\n"
            "node_btrfs_used_bytes{block_group_type=\"data\",mode=\"raid5\",U} 2\n"
            "node_btrfs_used_bytes{block_group_type=\"data\",mode=\"raid9\",U} 1\n"
            "node_btrfs_device_size_bytes{device=\"sda\",U} 1024\n");
}

TEST(Btrfs, ProfilesAndDevicesComeAndGo) {
  const TempTree tree;
  write_btrfs(tree);
  const auto collector = kBtrfsCollector.make(roots_of(tree));
  collect(*collector);
  for (int round = 0; round < 2; ++round) {  // there, away and there again
    ASSERT_TRUE(remove_tree(tree.at(kBtrfs + "allocation/data/raid5")));
    ASSERT_TRUE(remove_tree(tree.at(kBtrfs + "devices/sda")));
    tree.write(kBtrfs + "allocation/data/single/used_bytes", "5\n");
    const auto collected = collect(*collector);
    EXPECT_EQ(first_line(collected.text("node_btrfs_used_bytes")),
              "node_btrfs_used_bytes{block_group_type=\"data\",mode=\"single\",U} 5\n");
    EXPECT_EQ(collected.text("node_btrfs_device_size").find("sda"), std::string::npos);
    ASSERT_TRUE(remove_tree(tree.at(kBtrfs + "allocation/data/single")));
    write_group(tree, "data", "raid5", "6");
    tree.write(kBtrfs + "devices/sda/size", "4\n");
    const auto again = collect(*collector);
    EXPECT_EQ(first_line(again.text("node_btrfs_used_bytes")),
              "node_btrfs_used_bytes{block_group_type=\"data\",mode=\"raid5\",U} 6\n");
    EXPECT_EQ(first_line(again.text("node_btrfs_device_size")),
              "node_btrfs_device_size_bytes{device=\"sda\",U} 2048\n");
  }
}

TEST(Btrfs, ABrokenFileIsNamedAndLeavesTheOthers) {
  const std::pair<const char*, const char*> kBroken[] = {
      {"allocation/global_rsv_size", ""},
      {"allocation/data/bytes_reserved", "-1\n"},
      {"commit_stats", ""},
      {"commit_stats", "commits 1\nlast_commit_ms 1\n"},
      {"commit_stats", "commits x\nlast_commit_ms 1\nmax_commit_ms 1\ntotal_commit_ms 1\n"},
      {"devices/sda/size", "x\n"},
      {"allocation/data/raid5/used_bytes", "99999999999999999999\n"},
  };
  for (const auto& [file, text] : kBroken) {
    const TempTree tree;
    write_btrfs(tree);
    const size_t samples = 22, lost = std::string_view(file) == "commit_stats" ? 4 : 1;
    tree.write(kBtrfs + file, text);
    const auto collected = collect(*kBtrfsCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << file;
    EXPECT_NE(collected.error().find(kBtrfs + file), std::string::npos) << collected.error();
    EXPECT_EQ(collected.page.sample_count(), samples - lost) << collected.text();
  }
}

TEST(Btrfs, CopiesOfOneFilesystemAreToldApart) {
  const TempTree tree({{"sys/fs/btrfs/1-1/metadata_uuid", "1-1\n"},
                       {"sys/fs/btrfs/2-2/metadata_uuid", "1-1\n"},
                       {"sys/fs/btrfs/3-3/metadata_uuid", "4-4\n"}});
  EXPECT_EQ(collect(*kBtrfsCollector.make(roots_of(tree))).text(),
            "node_btrfs_info{label=\"\",uuid=\"1-1\"} 1\n"
            "node_btrfs_info{label=\"\",uuid=\"2-2\"} 1\n"
            "node_btrfs_info{label=\"\",uuid=\"4-4\"} 1\n");
}

// A mount point that is not of btrfs (any more) is no error: sysfs still has the sizes.
TEST(Btrfs, AMountThatDoesNotAnswerFallsBackToSysfs) {
  const TempTree tree;
  write_btrfs(tree);
  tree.make_dir("root/data");
  tree.write("proc/1/mountinfo",
             "30 27 0:50 / /data rw - btrfs /dev/sda rw\n31 27 0:51 / /gone rw - btrfs /dev/sdb rw\n");
  const auto collected = collect(*kBtrfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.page.sample_count(), 22u);
}

TEST(BtrfsMounts, FindsThoseOfBtrfs) {
  const auto mounts = parse_btrfs_mounts(
      "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
      "30 27 0:50 / /data\\040x rw,relatime shared:1 - btrfs /dev/sda rw,subvol=/\n"
      "garbage\n"
      "31 27 0:51 /s /b rw - btrfs /dev/mapper/b\\040c rw");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].mount_point, "/data x");
  EXPECT_EQ(mounts[0].source, "/dev/sda");
  EXPECT_EQ(mounts[1].mount_point, "/b");
  EXPECT_EQ(mounts[1].source, "/dev/mapper/b c");
}

const char* const kTwoMounts =
    "30 27 0:50 / /one rw - btrfs /dev/sda rw\n"
    "31 27 0:51 / /two rw - btrfs /dev/sda rw\n"
    "32 27 0:52 / /three rw - btrfs /dev/sdb rw\n";

TEST(BtrfsProbe, AsksEachFilesystemOnceAndTriesItsOtherMounts) {
  const TempTree tree({{"proc/1/mountinfo", kTwoMounts}});
  std::mutex mutex;
  std::set<std::string> asked;
  BtrfsProbe probe(roots_of(tree), [&](const std::string& path) -> Result<BtrfsAnswer> {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(asked.insert(path).second) << path;
    if (path == tree.at("root/one")) return fail("refused");
    return BtrfsAnswer{path == tree.at("root/two") ? "aa" : "bb", {BtrfsDevice{"/dev/x", "u", 2, 1, std::nullopt}}};
  });
  const auto devices = probe.ask_all();
  EXPECT_EQ(asked, (std::set<std::string>{tree.at("root/one"), tree.at("root/two"), tree.at("root/three")}));
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices.at("aa").size(), 1u);
  EXPECT_EQ(devices.at("bb")[0].path, "/dev/x");
}

TEST(BtrfsProbe, DoesNotWaitForOneThatHangs) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable opened;
    bool open = false;
  };
  const auto gate = std::make_shared<Gate>();
  const TempTree tree({{"proc/1/mountinfo", kTwoMounts}});
  const std::string hanging = tree.at("root/three");
  BtrfsProbe probe(
      roots_of(tree),
      [gate, hanging](const std::string& path) -> Result<BtrfsAnswer> {
        std::unique_lock lock(gate->mutex);
        if (path == hanging) gate->opened.wait(lock, [&] { return gate->open; });
        return BtrfsAnswer{path == hanging ? "bb" : "aa", {}};
      },
      std::chrono::milliseconds(200));
  for (int round = 0; round < 2; ++round) {
    const auto devices = probe.ask_all();
    EXPECT_TRUE(devices.contains("aa"));
    EXPECT_FALSE(devices.contains("bb"));
  }
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
  }
  gate->opened.notify_all();
  bool answered = false;
  for (int i = 0; i < 10000 && !answered; ++i) {
    answered = probe.ask_all().contains("bb");
    if (!answered) ::usleep(1000);  // its thread has to wake first
  }
  EXPECT_TRUE(answered);
}

TEST(BtrfsProbe, WithoutProcessOnesListTheAgentsOwnIsUsed) {
  const TempTree tree;
  tree.write("proc/self/mountinfo", "30 27 0:50 / " + tree.at("root/a") + " rw - btrfs /dev/sda rw\n");
  std::string asked;
  BtrfsProbe probe(roots_of(tree), [&](const std::string& path) -> Result<BtrfsAnswer> {
    asked = path;
    return BtrfsAnswer{"aa", {}};
  });
  EXPECT_TRUE(probe.ask_all().contains("aa"));
  EXPECT_EQ(asked, tree.at("root/a"));
}

TEST(BtrfsDevices, AreWrittenAsTheyAnsweredOrAsSysfsListsThem) {
  const BtrfsDevices answered{
      "u1",
      std::vector<BtrfsDevice>{{"/dev/sda", "d1", 1000, 400, std::array<uint64_t, 5>{1, 2, 3, 4, 5}},
                               {"", "d2", 1000, 1001, std::nullopt}},
      {{"ignored", 1}},
      2};
  const BtrfsDevices listed{"u2", std::nullopt, {{"sdc", 512}}, 1};
  MetricWriter writer;
  write_btrfs_devices(writer, {answered, listed});
  const auto page = writer.finish();
  EXPECT_EQ(page_text(page),
            "node_btrfs_device_size_bytes{btrfs_dev_uuid=\"d1\",device=\"sda\",uuid=\"u1\"} 1000\n"
            "node_btrfs_device_size_bytes{btrfs_dev_uuid=\"d2\",device=\"\",uuid=\"u1\"} 1000\n"
            "node_btrfs_device_size_bytes{device=\"sdc\",uuid=\"u2\"} 512\n"
            "node_btrfs_device_unused_bytes{btrfs_dev_uuid=\"d1\",device=\"sda\",uuid=\"u1\"} 600\n"
            "node_btrfs_device_errors_total{btrfs_dev_uuid=\"d1\",device=\"sda\",type=\"write\",uuid=\"u1\"} 1\n"
            "node_btrfs_device_errors_total{btrfs_dev_uuid=\"d1\",device=\"sda\",type=\"read\",uuid=\"u1\"} 2\n"
            "node_btrfs_device_errors_total{btrfs_dev_uuid=\"d1\",device=\"sda\",type=\"flush\",uuid=\"u1\"} 3\n"
            "node_btrfs_device_errors_total{btrfs_dev_uuid=\"d1\",device=\"sda\",type=\"corruption\",uuid=\"u1\"} 4\n"
            "node_btrfs_device_errors_total{btrfs_dev_uuid=\"d1\",device=\"sda\",type=\"generation\",uuid=\"u1\"} 5\n");
  EXPECT_EQ(type_of(page, "node_btrfs_device_errors_total"), "counter");
  EXPECT_EQ(type_of(page, "node_btrfs_device_unused_bytes"), "gauge");
}

}  // namespace
}  // namespace plimsoll::collectors::host
