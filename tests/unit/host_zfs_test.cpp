// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/zfs_kstat.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::expect_golden_families;
using test::expect_not_present;
using test::golden_families;
using test::roots_of;
using test::TempTree;
using test::type_of;

const std::string kRoot = "proc/spl/kstat/zfs/";

std::string kstat(size_t entries, const std::string& lines) {
  return "7 1 0x01 " + std::to_string(entries) +
         " 5712 73163810083184 309946154984654\nname                            type data\n" + lines;
}

std::string objset(const std::string& dataset, const std::string& writes) {
  return kstat(3, "dataset_name                    7    " + dataset + "\nwrites                          4    " +
                      writes + "\nnread                           4    7\n");
}

const char* const kIo =
    "12 3 0x00 1 80 79205351707403 395818011156865\n"
    "nread    nwritten reads    writes   wtime    wlentime wupdate  rtime    rlentime rupdate  wcnt     rcnt    \n"
    "1884160  3206144  22       132      7155162  104112268 79210489694949 24168078 104112268 79210489849220 1 0\n";

TEST(Zfs, ShowsTheModule) {
  const TempTree tree;
  tree.write(kRoot + "arcstats", kstat(3,
                                       "hits                            4    18446744073709551615\n"
                                       "memory_available_bytes          3    -4096\n"
                                       "arc_meta_min                    3    16777216\n"));
  tree.write(kRoot + "fm", kstat(1, "erpt-set-failed                 4    2\n"));
  const auto collected = collect(*kZfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_zfs_arc_hits 18446744073709551615\n"
            "node_zfs_arc_memory_available_bytes -4096\n"
            "node_zfs_arc_arc_meta_min 16777216\n"
            "node_zfs_fm_erpt_set_failed 2\n");
  EXPECT_EQ(type_of(collected.page, "node_zfs_arc_hits"), "untyped");
}

TEST(Zfs, ShowsPoolsAndDatasets) {
  const TempTree tree;
  tree.write(kRoot + "tank/state", "ONLINE\n");
  tree.write(kRoot + "tank/io", kIo);
  tree.write(kRoot + "tank/objset-0x36", objset("tank", "1"));
  tree.write(kRoot + "tank/objset-0x43", objset("tank/with  \"blanks\"", "2"));
  tree.write(kRoot + "old/state", "SUSPENDED\n");
  tree.write(kRoot + "old/objset-0x36", objset("old", "3"));
  const auto collected = collect(*kZfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_zfs_zpool_dataset"),
            "node_zfs_zpool_dataset_nread{dataset=\"old\",zpool=\"old\"} 7\n"
            "node_zfs_zpool_dataset_nread{dataset=\"tank\",zpool=\"tank\"} 7\n"
            "node_zfs_zpool_dataset_nread{dataset=\"tank/with  \\\"blanks\\\"\",zpool=\"tank\"} 7\n"
            "node_zfs_zpool_dataset_writes{dataset=\"old\",zpool=\"old\"} 3\n"
            "node_zfs_zpool_dataset_writes{dataset=\"tank\",zpool=\"tank\"} 1\n"
            "node_zfs_zpool_dataset_writes{dataset=\"tank/with  \\\"blanks\\\"\",zpool=\"tank\"} 2\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_nwritten"), "node_zfs_zpool_nwritten{zpool=\"tank\"} 3206144\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_rupdate"), "node_zfs_zpool_rupdate{zpool=\"tank\"} 79210489849220\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_wcnt"), "node_zfs_zpool_wcnt{zpool=\"tank\"} 1\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_state"),
            "node_zfs_zpool_state{state=\"online\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"degraded\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"faulted\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"offline\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"removed\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"unavail\",zpool=\"old\"} 0\n"
            "node_zfs_zpool_state{state=\"suspended\",zpool=\"old\"} 1\n"
            "node_zfs_zpool_state{state=\"online\",zpool=\"tank\"} 1\n"
            "node_zfs_zpool_state{state=\"degraded\",zpool=\"tank\"} 0\n"
            "node_zfs_zpool_state{state=\"faulted\",zpool=\"tank\"} 0\n"
            "node_zfs_zpool_state{state=\"offline\",zpool=\"tank\"} 0\n"
            "node_zfs_zpool_state{state=\"removed\",zpool=\"tank\"} 0\n"
            "node_zfs_zpool_state{state=\"unavail\",zpool=\"tank\"} 0\n"
            "node_zfs_zpool_state{state=\"suspended\",zpool=\"tank\"} 0\n");
}

// A machine whose files name everything that the golden list does.
TEST(Zfs, WritesEveryFamilyOfNodeExporter) {
  const std::pair<const char*, const char*> kFiles[] = {
      {"node_zfs_abd_", "abdstats"},
      {"node_zfs_arc_", "arcstats"},
      {"node_zfs_dbuf_", "dbufstats"},
      {"node_zfs_dmu_tx_", "dmu_tx"},
      {"node_zfs_dnode_", "dnodestats"},
      {"node_zfs_fm_", "fm"},
      {"node_zfs_vdev_cache_", "vdev_cache_stats"},
      {"node_zfs_vdev_mirror_", "vdev_mirror_stats"},
      {"node_zfs_xuio_", "xuio_stats"},
      {"node_zfs_zfetch_", "zfetchstats"},
      {"node_zfs_zil_", "zil"},
      {"node_zfs_zpool_dataset_", "p/objset-1"},
  };
  std::map<std::string, std::string> texts = {{"p/objset-1", "dataset_name 7 p/d\n"}};
  for (const auto& [name, family] : golden_families("zfs"))
    for (const auto& [prefix, file] : kFiles)
      if (name.starts_with(prefix)) texts[file] += name.substr(std::string_view(prefix).size()) + " 4 1\n";
  const TempTree tree;
  EXPECT_EQ(texts.size(), std::size(kFiles));
  for (const auto& [file, text] : texts) tree.write(kRoot + file, kstat(1, text));
  tree.write(kRoot + "p/io", kIo);
  tree.write(kRoot + "p/state", "DEGRADED\n");
  const auto collected = collect(*kZfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  expect_golden_families("zfs", collected.page);
}

TEST(Zfs, AMachineWithoutIt) { expect_not_present(kZfsCollector); }

TEST(Zfs, PoolsAndDatasetsComeAndGo) {
  const TempTree tree;
  tree.write(kRoot + "a/objset-1", objset("a", "1"));
  tree.write(kRoot + "zil", kstat(1, "zil_commit_count 4 1\n"));
  const auto collector = kZfsCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_zfs_zpool_dataset_writes"),
            "node_zfs_zpool_dataset_writes{dataset=\"a\",zpool=\"a\"} 1\n");
  ASSERT_TRUE(remove_tree(tree.at(kRoot + "a")));
  tree.write(kRoot + "b/objset-1", objset("b", "2"));
  tree.write(kRoot + "zil", kstat(1, "zil_commit_count 4 5\n"));
  const auto collected = collect(*collector);
  EXPECT_EQ(collected.text("node_zfs_zpool_dataset_writes"),
            "node_zfs_zpool_dataset_writes{dataset=\"b\",zpool=\"b\"} 2\n");
  EXPECT_EQ(collected.text("node_zfs_zil"), "node_zfs_zil_zil_commit_count 5\n");
}

TEST(Zfs, ABrokenFileIsNamedAndLeavesTheOthers) {
  const std::pair<const char*, std::string> kBroken[] = {
      {"arcstats", ""},
      {"arcstats", "garbage\n"},
      {"arcstats", kstat(2, "hits 4 1\n")},
      {"arcstats", kstat(1, "hits 4 -1\n")},
      {"arcstats", kstat(1, "hits 4 1 2\n")},
      {"arcstats", kstat(1, "hits 4\n")},
      {"arcstats", kstat(1, "hits 3 99999999999999999999\n")},
      {"p/io", ""},
      {"p/io", "1 2 3\nreads writes\n1 2\n"},
      {"p/io", "1 2 3\nnread nwritten\n1\n"},
      {"p/io", "1 2 3\nnread\n1"},
      {"p/state", ""},
      {"p/objset-1", kstat(1, "writes 4 1\n")},
      {"p/objset-1", kstat(2, "dataset_name 7 p\n")},
  };
  for (const auto& [file, text] : kBroken) {
    const TempTree tree;
    tree.write(kRoot + "fm", kstat(1, "erpt-dropped 4 18\n"));
    tree.write(kRoot + "q/state", "OFFLINE\n");
    tree.write(kRoot + file, text);
    const auto collected = collect(*kZfsCollector.make(roots_of(tree)));
    ASSERT_FALSE(collected.result) << file << ": " << text;
    EXPECT_NE(collected.error().find(kRoot + file), std::string::npos) << collected.error();
    EXPECT_EQ(collected.page.sample_count(), 8u) << collected.text();
    EXPECT_EQ(collected.text("node_zfs_fm"), "node_zfs_fm_erpt_dropped 18\n");
  }
}

TEST(Zfs, NothingIsWrittenTwice) {
  const TempTree tree;
  tree.write(kRoot + "zil", kstat(3, "a-b 4 1\na_b 4 2\na-b 4 3\n"));
  tree.write(kRoot + "p/objset-1", objset("same", "1"));
  tree.write(kRoot + "p/objset-2", objset("same", "2"));
  tree.write(kRoot + "p/io", "1 2 3\nnread nread state dataset_writes\n1 2 3 4\n");
  tree.write(kRoot + "p/state", "\"}\xff\n");
  const auto collected = collect(*kZfsCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_zfs_zil"), "node_zfs_zil_a_b 1\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_dataset_writes"),
            "node_zfs_zpool_dataset_writes{dataset=\"same\",zpool=\"p\"} 1\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_nread"), "node_zfs_zpool_nread{zpool=\"p\"} 1\n");
  EXPECT_EQ(collected.text("node_zfs_zpool_state").find("} 1"), std::string::npos);
}

TEST(ZfsKstat, SkipsTypesItDoesNotKnow) {
  const std::string text = kstat(5, "a 4 1\nb 7 text of words\nc 1 5\nd 9 ?\ne 3 0\n");
  const auto parsed = parse_kstat(text);
  ASSERT_TRUE(parsed) << parsed.error().message();
  ASSERT_EQ(parsed->numbers.size(), 2u);
  EXPECT_EQ(parsed->numbers[0].name, "a");
  EXPECT_EQ(parsed->numbers[1].name, "e");
  EXPECT_FALSE(parsed->dataset);
}

}  // namespace
}  // namespace plimsoll::collectors::host
