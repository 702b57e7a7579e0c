// SPDX-License-Identifier: Apache-2.0
// File systems and drives other than the common ones: xfs tapestats bcache bcachefs btrfs.
#include <sys/stat.h>

#include "collectors/host/parts/bcachefs_text.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_with;
using test::Collected;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::golden_families;
using test::roots_of;
using test::TempTree;

// `file` broken: an error that names it, and `rest` from what is not broken.
void expect_trouble(const Collected& collected, const std::string& file, std::string_view prefix,
                    const std::string& rest) {
  ASSERT_FALSE(collected.result) << file;
  EXPECT_FALSE(is_not_present(collected.result.error()));
  EXPECT_NE(collected.error().find(file), std::string::npos) << collected.error();
  EXPECT_EQ(collected.text(prefix), rest);
}

const char* const kXfs =
    "extent_alloc 1 2 3 4\n"
    "abt 5 6 7 8\n"
    "blk_map 9 10 11 12 13 14 15\n"
    "bmbt 16 17 18 19\n"
    "dir 20 21 22 23\n"
    "trans 4 40 0\n"
    "ig 24 25 26 27 28 29 30\n"
    "rw 31 32\n"
    "vnodes 33 34 35 36 37 38 39 40\n"
    "xpc 3571712 3568056 0\n"
    "gc xpc 123\n"
    "debug 0\n";

TEST(Xfs, ReadsEachFilesystem) {
  const TempTree tree({{"sys/fs/xfs/sda1/stats/stats", kXfs},
                       {"sys/fs/xfs/dm-0/stats/stats", "rw 28 4294967295\n"},
                       {"sys/fs/xfs/stats/stats", kXfs},
                       {"sys/fs/xfs/debug/bug_on_assert", "0\n"}});
  const auto collected = collect_with(kXfsCollector, tree);
  EXPECT_TRUE(collected.result) << collected.error();
  std::string values;
  std::string text = collected.text();
  for (size_t at = text.find("sda1\"} "); at != std::string::npos; at = text.find("sda1\"} ", at + 1))
    values += text.substr(at + 7, text.find('\n', at) - at - 7) + ' ';
  EXPECT_EQ(values,
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 "
            "39 ");
  EXPECT_EQ(collected.text("node_xfs_write_calls"),
            "node_xfs_write_calls_total{device=\"dm-0\"} 28\nnode_xfs_write_calls_total{device=\"sda1\"} 31\n");
  EXPECT_EQ(collected.text("node_xfs_read_calls"),
            "node_xfs_read_calls_total{device=\"dm-0\"} 4294967295\nnode_xfs_read_calls_total{device=\"sda1\"} 32\n");
  EXPECT_EQ(collected.text("node_xfs_vnode_remove"), "node_xfs_vnode_remove_total{device=\"sda1\"} 39\n");
  expect_golden_families("xfs", collected.page);
}

TEST(Xfs, WithoutIt) { expect_not_present(kXfsCollector); }

TEST(Xfs, NoFilesystemMountedIsNoError) {
  const auto collected = collect_with(kXfsCollector, TempTree({{"sys/fs/xfs/stats/stats", kXfs}}));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

TEST(Xfs, RefusesWhatIsNone) {
  expect_refused(kXfsCollector, "sys/fs/xfs/sda1/stats/stats",
                 {"", "garbage\n", "\n", "rw 28\n", "rw 28 x\n", "rw 28 -1\n", "rw 28 1", "rw\n", "trans 1 2 3\n",
                  "rw 1 99999999999999999999\n"});
}

TEST(Xfs, ABrokenOneLeavesTheOthersAndTheyComeAndGo) {
  const TempTree tree({{"sys/fs/xfs/a/stats/stats", "rw 1\n"}, {"sys/fs/xfs/b/stats/stats", "rw 2 3\n"}});
  const auto collector = kXfsCollector.make(roots_of(tree));
  expect_trouble(collect(*collector), "sys/fs/xfs/a/stats/stats", "node_xfs_read",
                 "node_xfs_read_calls_total{device=\"b\"} 3\n");
  ASSERT_TRUE(remove_tree(tree.at("sys/fs/xfs/a")));
  tree.write("sys/fs/xfs/c \"/stats/stats", "rw 4 5\n");
  const auto collected = collect(*collector);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_xfs_read"),
            "node_xfs_read_calls_total{device=\"b\"} 3\nnode_xfs_read_calls_total{device=\"c \\\"\"} 5\n");
}

TEST(Xfs, AFifoOrADirectoryInPlaceOfTheFileIsRefused) {
  const TempTree tree({{"sys/fs/xfs/a/stats/x", ""}});
  ASSERT_EQ(::mkfifo(tree.at("sys/fs/xfs/a/stats/stats").c_str(), 0600), 0);
  EXPECT_FALSE(collect_with(kXfsCollector, tree).result);
  const TempTree other;
  other.make_dir("sys/fs/xfs/a/stats/stats");
  EXPECT_FALSE(collect_with(kXfsCollector, other).result);
}

const std::string kTape = "sys/class/scsi_tape/";

void write_tape(const TempTree& tree, const std::string& name) {
  const std::pair<const char*, const char*> kFiles[] = {
      {"in_flight", "1\n"},        {"io_ns", "9247011087720\n"},
      {"other_cnt", "1409\n"},     {"read_byte_cnt", "979383912\n"},
      {"read_cnt", "3741\n"},      {"read_ns", "33788355744\n"},
      {"resid_cnt", "19\n"},       {"write_byte_cnt", "1496246784000\n"},
      {"write_cnt", "53772916\n"}, {"write_ns", "5233597394395\n"}};
  for (const auto& [file, text] : kFiles) tree.write(kTape + name + "/stats/" + file, text);
}

TEST(Tapestats, ShowsEachDriveOnce) {
  const TempTree tree;
  for (const char* name : {"st0", "nst0", "st0a", "nst0m", "st"}) write_tape(tree, name);
  const auto collected = collect_with(kTapestatsCollector, tree);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_tape_io_now{device=\"st0\"} 1\n"
            "node_tape_io_time_seconds_total{device=\"st0\"} 9247.01108772\n"
            "node_tape_io_others_total{device=\"st0\"} 1409\n"
            "node_tape_read_bytes_total{device=\"st0\"} 979383912\n"
            "node_tape_reads_completed_total{device=\"st0\"} 3741\n"
            "node_tape_read_time_seconds_total{device=\"st0\"} 33.788355744\n"
            "node_tape_residual_total{device=\"st0\"} 19\n"
            "node_tape_written_bytes_total{device=\"st0\"} 1496246784000\n"
            "node_tape_writes_completed_total{device=\"st0\"} 53772916\n"
            "node_tape_write_time_seconds_total{device=\"st0\"} 5233.597394395\n");
  expect_golden_families("tapestats", collected.page);
}

TEST(Tapestats, WithoutIt) { expect_not_present(kTapestatsCollector); }

TEST(Tapestats, LeavesOutWhatTheFlagSays) {
  const TempTree tree;
  for (const char* name : {"st0", "st1", "st10"}) write_tape(tree, name);
  const auto collected = collect_with(kTapestatsCollector, tree, {{"tapestats.ignored-devices", "^st1$"}});
  EXPECT_EQ(collected.text("node_tape_io_now"),
            "node_tape_io_now{device=\"st0\"} 1\nnode_tape_io_now{device=\"st10\"} 1\n");
}

TEST(Tapestats, ABrokenFileIsNamed) {
  for (const char* content : {"", "x\n", "-1\n", "99999999999999999999\n"}) {
    const TempTree tree;
    write_tape(tree, "st0");
    write_tape(tree, "st1");
    tree.write(kTape + "st0/stats/in_flight", content);
    expect_trouble(collect_with(kTapestatsCollector, tree), kTape + "st0/stats/in_flight", "node_tape_io_now",
                   "node_tape_io_now{device=\"st1\"} 1\n");
  }
}

const std::string kSet = "sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/";
const char* const kRates =
    "rate:\t\t1.1M/sec\ndirty:\t\t20.4G\ntarget:\t\t20.4G\nproportional:\t-427.5k\nintegral:\t790.10k\n"
    "change:\t\t321/sec\nnext io:\t17ms\n";

void write_bcache(const TempTree& tree) {
  const std::pair<const char*, const char*> kFiles[] = {
      {"average_key_size", "10\n"},
      {"btree_cache_size", "1.5M\n"},
      {"cache_available_percent", "100\n"},
      {"congested", "2\n"},
      {"root_usage_percent", "3\n"},
      {"tree_depth", "4\n"},
      {"internal/active_journal_entries", "1\n"},
      {"internal/btree_nodes", "5\n"},
      {"internal/btree_read_average_duration_us", "1305\n"},
      {"internal/cache_read_races", "6\n"},
      {"bdev0/dirty_data", "512\n"},
      {"bdev0/writeback_rate_debug", kRates},
      {"bdev0/stats_total/bypassed", "1.0k\n"},
      {"bdev0/stats_total/cache_hits", "546\n"},
      {"bdev0/stats_total/cache_misses", "7\n"},
      {"bdev0/stats_total/cache_bypass_hits", "8\n"},
      {"bdev0/stats_total/cache_bypass_misses", "9\n"},
      {"bdev0/stats_total/cache_miss_collisions", "10\n"},
      {"bdev0/stats_total/cache_readaheads", "13\n"},
      {"cache0/io_errors", "11\n"},
      {"cache0/metadata_written", "512\n"},
      {"cache0/written", "18446744073709551615\n"},
      {"cache0/priority_stats",
       "Unused:\t\t99%\nMetadata:\t1%\nAverage:\t10473\nSectors per Q:\t64\nQuantiles:\t[0]\n"},
      {"bdev_dir/dirty_data", "1\n"},
      {"cache_set/written", "1\n"},
  };
  for (const auto& [file, text] : kFiles) tree.write(kSet + file, text);
  tree.write("sys/fs/bcache/register", "");
  tree.write("sys/fs/bcache/other/congested", "1\n");
}

Collected collect_bcache(const TempTree& tree, bool priority_stats) {
  if (!priority_stats) return collect_with(kBcacheCollector, tree);
  return collect_with(kBcacheCollector, tree, {{"bcache.priorityStats", "true"}});
}

// `labels` written as in "backing_device=bdev0".
std::string without_uuid(std::string text) {
  const std::string uuid = "uuid=\"deaddd54-c735-46d5-868e-f331c5fd7c74\"";
  for (size_t at = text.find(uuid); at != std::string::npos; at = text.find(uuid)) text.replace(at, uuid.size(), "U");
  return text;
}

TEST(Bcache, ReadsSetsBackingDevicesAndCaches) {
  const TempTree tree;
  write_bcache(tree);
  const auto collected = collect_bcache(tree, true);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(without_uuid(collected.text()),
            "node_bcache_average_key_size_sectors{U} 10\n"
            "node_bcache_btree_cache_size_bytes{U} 1560576\n"
            "node_bcache_cache_available_percent{U} 100\n"
            "node_bcache_congested{U} 2\n"
            "node_bcache_root_usage_percent{U} 3\n"
            "node_bcache_tree_depth{U} 4\n"
            "node_bcache_active_journal_entries{U} 1\n"
            "node_bcache_btree_nodes{U} 5\n"
            "node_bcache_btree_read_average_duration_seconds{U} 1.305e-06\n"
            "node_bcache_cache_read_races_total{U} 6\n"
            "node_bcache_dirty_data_bytes{backing_device=\"bdev0\",U} 512\n"
            "node_bcache_bypassed_bytes_total{backing_device=\"bdev0\",U} 1024\n"
            "node_bcache_cache_hits_total{backing_device=\"bdev0\",U} 546\n"
            "node_bcache_cache_misses_total{backing_device=\"bdev0\",U} 7\n"
            "node_bcache_cache_bypass_hits_total{backing_device=\"bdev0\",U} 8\n"
            "node_bcache_cache_bypass_misses_total{backing_device=\"bdev0\",U} 9\n"
            "node_bcache_cache_miss_collisions_total{backing_device=\"bdev0\",U} 10\n"
            "node_bcache_cache_readaheads_total{backing_device=\"bdev0\",U} 13\n"
            "node_bcache_dirty_target_bytes{backing_device=\"bdev0\",U} 21894266880\n"
            "node_bcache_writeback_rate{backing_device=\"bdev0\",U} 1150976\n"
            "node_bcache_writeback_rate_proportional_term{backing_device=\"bdev0\",U} -437748\n"
            "node_bcache_writeback_rate_integral_term{backing_device=\"bdev0\",U} 809960\n"
            "node_bcache_writeback_change{backing_device=\"bdev0\",U} 321\n"
            "node_bcache_io_errors{cache_device=\"cache0\",U} 11\n"
            "node_bcache_metadata_written_bytes_total{cache_device=\"cache0\",U} 512\n"
            "node_bcache_written_bytes_total{cache_device=\"cache0\",U} 18446744073709551615\n"
            "node_bcache_priority_stats_unused_percent{cache_device=\"cache0\",U} 99\n"
            "node_bcache_priority_stats_metadata_percent{cache_device=\"cache0\",U} 1\n");
  expect_golden_families("bcache", collected.page);
}

TEST(Bcache, PriorityStatsAreReadWhenAskedFor) {
  const TempTree tree;
  write_bcache(tree);
  tree.write(kSet + "cache0/priority_stats", "garbage\n");
  EXPECT_TRUE(collect_bcache(tree, false).result);
  expect_trouble(collect_bcache(tree, true), "cache0/priority_stats", "node_bcache_priority", "");
}

TEST(Bcache, WithoutIt) { expect_not_present(kBcacheCollector); }

TEST(Bcache, DevicesComeAndGo) {
  const TempTree tree;
  write_bcache(tree);
  const auto collector = kBcacheCollector.make(roots_of(tree));
  EXPECT_NE(collect(*collector).text("node_bcache_dirty_data"), "");
  ASSERT_TRUE(remove_tree(tree.at(kSet + "bdev0")));
  tree.write(kSet + "bdev12/dirty_data", "3\n");
  EXPECT_EQ(without_uuid(collect(*collector).text("node_bcache_dirty_data")),
            "node_bcache_dirty_data_bytes{backing_device=\"bdev12\",U} 3\n");
  ASSERT_TRUE(remove_tree(tree.at(kSet)));
  const auto collected = collect(*collector);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

TEST(Bcache, ABrokenFileIsNamedAndLeavesTheOthers) {
  for (const char* content :
       {"", "x\n", "-1\n", "1.5\n", "1.5Q\n", ".5k\n", "1.k\n", "1.1.1k\n", "99999999999999Y\n"}) {
    const TempTree tree;
    write_bcache(tree);
    tree.write(kSet + "congested", content);
    expect_trouble(collect_bcache(tree, false), kSet + "congested", "node_bcache_congested", "");
    EXPECT_EQ(collect_bcache(tree, false).page.sample_count(), 25u) << content;
  }
  for (const char* content : {"", "garbage\n", "rate: x/sec\n", "rate: 5", "target: -5\n", "change: --5/sec\n"}) {
    const TempTree tree;
    write_bcache(tree);
    tree.write(kSet + "bdev0/writeback_rate_debug", content);
    expect_trouble(collect_bcache(tree, false), kSet + "bdev0/writeback_rate_debug", "node_bcache_writeback", "");
  }
}

const std::string kBcachefs = "sys/fs/bcachefs/deadbeef-1234/";

void write_bcachefs(const TempTree& tree) {
  tree.write(kBcachefs + "btree_cache_size", "2.05G\n");
  tree.write(kBcachefs + "compression_stats",
             "type compressed uncompressed average extent size\nlz4 48.9G 71.2G 62.5k\n");
  tree.write(kBcachefs + "errors",
             "bset_bad_csum    2       1767112063\nextent_io_opts_not_set   11299659571772285102\nalone 7\n");
  tree.write(kBcachefs + "btree_write_stats", "   nr   size\ninitial:  3298401   100k\ncache_reclaim: 14401 720\n");
  tree.write(kBcachefs + "counters/data_read", "since mount:    475G\nsince filesystem creation:     44.5T\n");
  tree.write(kBcachefs + "counters/journal_full", "since mount:    1459\nsince filesystem creation:     94587\n");
  tree.write(kBcachefs + "dev-10/label", "disk 10\n");
  tree.write(kBcachefs + "dev-10/state", "[rw] ro evacuating spare \n");
  tree.write(kBcachefs + "dev-10/bucket_size", "512k\n");
  tree.write(kBcachefs + "dev-10/nbuckets", "953880\n");
  tree.write(kBcachefs + "dev-10/durability", "1\n");
  tree.write(kBcachefs + "dev-10/io_done",
             "read:\nsb          :       86016\nneed_gc_gens:           0\nwrite:\nsb          :      677376\n");
  tree.write(
      kBcachefs + "dev-10/io_errors",
      "IO errors since filesystem creation\n  read:    18828\n  checksum:5\nIO errors since 8 y ago\n  read:    1\n");
}

TEST(Bcachefs, ReadsTheWholeAndItsDevices) {
  const TempTree tree;
  write_bcachefs(tree);
  const auto collected = collect_with(kBcachefsCollector, tree);
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string uuid = "uuid=\"deadbeef-1234\"";
  EXPECT_EQ(
      collected.text(),
      "node_bcachefs_info{" + uuid + "} 1\n" +                                                             //
          "node_bcachefs_btree_cache_size_bytes{" + uuid + "} 2201170739\n" +                              //
          "node_bcachefs_compression_compressed_bytes{algorithm=\"lz4\"," + uuid + "} 52505975193\n" +     //
          "node_bcachefs_compression_uncompressed_bytes{algorithm=\"lz4\"," + uuid + "} 76450417868\n" +   //
          "node_bcachefs_errors_total{error_type=\"bset_bad_csum\"," + uuid + "} 2\n" +                    //
          "node_bcachefs_errors_total{error_type=\"extent_io_opts_not_set\"," + uuid + "} 1129965957\n" +  //
          "node_bcachefs_errors_total{error_type=\"alone\"," + uuid + "} 7\n" +                            //
          "node_bcachefs_btree_writes_total{type=\"initial\"," + uuid + "} 3298401\n" +                    //
          "node_bcachefs_btree_writes_total{type=\"cache_reclaim\"," + uuid + "} 14401\n" +                //
          "node_bcachefs_btree_write_average_size_bytes{type=\"initial\"," + uuid + "} 102400\n" +         //
          "node_bcachefs_btree_write_average_size_bytes{type=\"cache_reclaim\"," + uuid + "} 720\n" +      //
          "node_bcachefs_device_info{device=\"10\",label=\"disk 10\",state=\"[rw] ro evacuating spare\"," + uuid +
          "} 1\n" + "node_bcachefs_device_bucket_size_bytes{device=\"10\"," + uuid + "} 524288\n" +  //
          "node_bcachefs_device_buckets{device=\"10\"," + uuid + "} 953880\n" +                      //
          "node_bcachefs_device_durability{device=\"10\"," + uuid + "} 1\n" +                        //
          "node_bcachefs_device_io_done_bytes_total{data_type=\"sb\",device=\"10\",operation=\"read\"," + uuid +
          "} 86016\n" +
          "node_bcachefs_device_io_done_bytes_total{data_type=\"need_gc_gens\",device=\"10\",operation=\"read\"," +
          uuid + "} 0\n" +
          "node_bcachefs_device_io_done_bytes_total{data_type=\"sb\",device=\"10\",operation=\"write\"," + uuid +
          "} 677376\n" + "node_bcachefs_device_io_errors_total{device=\"10\",type=\"read\"," + uuid + "} 18828\n" +  //
          "node_bcachefs_device_io_errors_total{device=\"10\",type=\"checksum\"," + uuid + "} 5\n" +                 //
          "node_bcachefs_data_read_total{" + uuid + "} 48928267436032\n" +                                           //
          "node_bcachefs_journal_full_total{" + uuid + "} 94587\n");
}

TEST(Bcachefs, WritesEveryFamilyOfNodeExporter) {
  const TempTree tree;
  write_bcachefs(tree);
  for (const auto& [name, family] : golden_families("bcachefs"))
    if (family.type == "counter" && family.labels == "uuid" && name.ends_with("_total"))
      tree.write(kBcachefs + "counters/" + name.substr(14, name.size() - 14 - 6), "since filesystem creation: 1\n");
  expect_golden_families("bcachefs", collect_with(kBcachefsCollector, tree).page);
}

TEST(Bcachefs, WithoutItOrWithoutAFilesystem) {
  expect_not_present(kBcachefsCollector);
  const TempTree tree;
  tree.make_dir("sys/fs/bcachefs");
  expect_not_present(kBcachefsCollector, tree);
}

TEST(Bcachefs, FilesystemsAndDevicesComeAndGo) {
  const TempTree tree;
  write_bcachefs(tree);
  const auto collector = kBcachefsCollector.make(roots_of(tree));
  collect(*collector);
  ASSERT_TRUE(remove_tree(tree.at(kBcachefs + "dev-10")));
  tree.write(kBcachefs + "dev-11/nbuckets", "5\n");
  tree.write("sys/fs/bcachefs/other/counters/data_read", "since mount: 1\n");
  tree.write("sys/fs/bcachefs/other/counters/journal_full", "since filesystem creation: 2\n");
  const auto collected = collect(*collector);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_bcachefs_device_buckets"),
            "node_bcachefs_device_buckets{device=\"11\",uuid=\"deadbeef-1234\"} 5\n");
  EXPECT_EQ(collected.text("node_bcachefs_journal_full"),
            "node_bcachefs_journal_full_total{uuid=\"deadbeef-1234\"} 94587\n"
            "node_bcachefs_journal_full_total{uuid=\"other\"} 2\n");
  EXPECT_EQ(collected.text("node_bcachefs_data_read"),
            "node_bcachefs_data_read_total{uuid=\"deadbeef-1234\"} 48928267436032\n");
}

TEST(Bcachefs, ABrokenFileIsNamedAndLeavesTheOthers) {
  const std::pair<const char*, const char*> kBroken[] = {
      {"btree_cache_size", ""},
      {"btree_cache_size", "-1\n"},
      {"btree_cache_size", "infG\n"},
      {"btree_cache_size", "1e9\n"},
      {"btree_cache_size", "16.0E\n"},
      {"compression_stats", ""},
      {"compression_stats", "head\nlz4 x 1\n"},
      {"compression_stats", "head\nlz4 1 1"},
      {"btree_write_stats", "head\ninitial: -1 5\n"},
      {"errors", "a x\n"},
      {"errors", "a 1"},
      {"counters/journal_full", ""},
      {"counters/journal_full", "garbage\n"},
      {"counters/journal_full", "since filesystem creation: ?\n"},
      {"dev-10/nbuckets", "x\n"},
      {"dev-10/io_done", "garbage\n"},
      {"dev-10/io_done", "read:\nsb: -1\n"},
      {"dev-10/io_errors", "garbage\n"},
      {"dev-10/io_errors", "IO errors since filesystem creation\nread: x\n"},
  };
  for (const auto& [file, text] : kBroken) {
    const TempTree tree;
    write_bcachefs(tree);
    tree.write(kBcachefs + file, text);
    expect_trouble(collect_with(kBcachefsCollector, tree), kBcachefs + file, "node_bcachefs_info",
                   "node_bcachefs_info{uuid=\"deadbeef-1234\"} 1\n");
  }
}

TEST(Bcachefs, NothingIsWrittenTwice) {
  const TempTree tree;
  tree.write(kBcachefs + "errors", "a 1 5\na 2 5\n");
  tree.write(kBcachefs + "counters/a-b", "since filesystem creation: 1\n");
  tree.write(kBcachefs + "counters/a_b", "since filesystem creation: 2\n");
  tree.write(kBcachefs + "counters/errors", "since filesystem creation: 3\n");
  tree.write(kBcachefs + "dev-0/io_done", "read:\nsb: 1\nread:\nsb: 2\n");
  const auto collected = collect_with(kBcachefsCollector, tree);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_bcachefs_a_b"), "node_bcachefs_a_b_total{uuid=\"deadbeef-1234\"} 1\n");
  EXPECT_EQ(collected.text("node_bcachefs_errors"),
            "node_bcachefs_errors_total{error_type=\"a\",uuid=\"deadbeef-1234\"} 1\n");
  EXPECT_NE(collected.text("node_bcachefs_device_io_done").find("} 1\n"), std::string::npos);
  EXPECT_EQ(collected.text("node_bcachefs_device_io_done").find("} 2\n"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::collectors::host
