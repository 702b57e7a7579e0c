// SPDX-License-Identifier: Apache-2.0
// What the kernel does with memory: ksmd buddyinfo slabinfo zoneinfo.
#include <filesystem>

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
using test::FlagValues;
using test::roots_of;
using test::TempTree;
using test::type_of;

const std::string kKsm = "sys/kernel/mm/ksm/";

void write_ksm(const TempTree& tree) {
  const std::pair<const char*, const char*> files[] = {
      {"full_scans", "323\n"},     {"merge_across_nodes", "1\n"},
      {"pages_shared", "2\n"},     {"pages_sharing", "255\n"},
      {"pages_to_scan", "100\n"},  {"pages_unshared", "18446744073709551615\n"},
      {"pages_volatile", "3\n"},   {"run", "2\n"},
      {"sleep_millisecs", "20\n"}, {"max_page_sharing", "256\n"}};
  for (const auto& [name, text] : files) tree.write(kKsm + name, text);
}

TEST(Ksmd, ShowsEveryFile) {
  const TempTree tree;
  write_ksm(tree);
  const auto collected = collect(*kKsmdCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_ksmd_full_scans_total 323\n"
            "node_ksmd_merge_across_nodes 1\n"
            "node_ksmd_pages_shared 2\n"
            "node_ksmd_pages_sharing 255\n"
            "node_ksmd_pages_to_scan 100\n"
            "node_ksmd_pages_unshared 18446744073709551615\n"
            "node_ksmd_pages_volatile 3\n"
            "node_ksmd_run 2\n"
            "node_ksmd_sleep_seconds 0.02\n");
  expect_golden_families("ksmd", collected.page);
}

TEST(Ksmd, AFileThatThisKernelLacksIsLeftOut) {
  const TempTree tree;
  write_ksm(tree);
  std::filesystem::remove(tree.at(kKsm + "merge_across_nodes"));
  const auto collected = collect(*kKsmdCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_ksmd_merge"), "");
  EXPECT_EQ(collected.text("node_ksmd_run"), "node_ksmd_run 2\n");
}

TEST(Ksmd, AMalformedFileLeavesTheOthers) {
  for (const char* content : {"", "\n", "12", "-1\n", "x\n", "1 2\n", "99999999999999999999\n"}) {
    const TempTree tree;
    write_ksm(tree);
    tree.write(kKsm + "full_scans", content);
    const auto collected = collect(*kKsmdCollector.make(roots_of(tree)));
    EXPECT_NE(collected.error().find(kKsm + "full_scans"), std::string::npos) << content;
    EXPECT_EQ(collected.text("node_ksmd_full"), "");
    EXPECT_EQ(collected.text("node_ksmd_sleep"), "node_ksmd_sleep_seconds 0.02\n");
  }
}

TEST(Ksmd, ComesAndGoes) {
  expect_not_present(kKsmdCollector);
  const TempTree tree;
  const auto collector = kKsmdCollector.make(roots_of(tree));
  EXPECT_TRUE(is_not_present(collect(*collector).result.error()));
  write_ksm(tree);
  EXPECT_EQ(collect(*collector).text("node_ksmd_full"), "node_ksmd_full_scans_total 323\n");
}

const char* const kBuddyinfo = "proc/buddyinfo";

TEST(Buddyinfo, ShowsEverySizeOfEveryZone) {
  const auto collected = collect_file(kBuddyinfoCollector, kBuddyinfo,
                                      "Node 0, zone      DMA      1      0      3 \n"
                                      "Node 0, zone   Normal   4381   1093  18446744073709551615 \n"
                                      "Node 1, zone   Normal   5      6 \n"
                                      "Node 0, zone   Normal   7      7      7 \n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_buddyinfo_blocks{node=\"0\",zone=\"DMA\",size=\"0\"} 1\n"
            "node_buddyinfo_blocks{node=\"0\",zone=\"DMA\",size=\"1\"} 0\n"
            "node_buddyinfo_blocks{node=\"0\",zone=\"DMA\",size=\"2\"} 3\n"
            "node_buddyinfo_blocks{node=\"0\",zone=\"Normal\",size=\"0\"} 4381\n"
            "node_buddyinfo_blocks{node=\"0\",zone=\"Normal\",size=\"1\"} 1093\n"
            "node_buddyinfo_blocks{node=\"0\",zone=\"Normal\",size=\"2\"} 18446744073709551615\n"
            "node_buddyinfo_blocks{node=\"1\",zone=\"Normal\",size=\"0\"} 5\n"
            "node_buddyinfo_blocks{node=\"1\",zone=\"Normal\",size=\"1\"} 6\n");
  expect_golden_families("buddyinfo", collected.page);
}

TEST(Buddyinfo, HostileNamesAreEscaped) {
  const auto collected = collect_file(kBuddyinfoCollector, kBuddyinfo, "Node \", zone \\\xff 1\n");
  EXPECT_EQ(collected.text(), "node_buddyinfo_blocks{node=\"\\\"\",zone=\"\\\\\xEF\xBF\xBD\",size=\"0\"} 1\n");
}

TEST(Buddyinfo, RefusesWhatIsNone) {
  expect_not_present(kBuddyinfoCollector);
  std::string wide = "Node 0, zone DMA";
  for (int i = 0; i < 100; ++i) wide += " 1";
  std::string long_one;
  for (int i = 0; i < 10001; ++i) long_one += "Node " + std::to_string(i) + ", zone DMA 1\n";
  expect_refused(kBuddyinfoCollector, kBuddyinfo,
                 {"", "\n", "garbage\n", "Node 0, zone DMA\n", "Node 0, zone\n", "Node 0 zone DMA 1\n",
                  "Node , zone DMA 1\n", "Node 0, zone DMA 1 x\n", "Node 0, zone DMA -1\n", "Node 0, zone DMA 1 2",
                  "Node 0, zone DMA 1\ngarbage\n", "Node 0, zone DMA 18446744073709551616\n", wide + "\n", long_one});
}

const char* const kSlabinfo = "proc/slabinfo";
const std::string kSlabHead =
    "slabinfo - version: 2.1\n"
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> ...\n";

std::string slab(const std::string& name, const std::string& numbers) {
  return name + "   " + numbers + " : tunables    0    0    0 : slabdata     27     27      0\n";
}

TEST(Slabinfo, ShowsEveryColumn) {
  const auto collected = collect_file(
      kSlabinfoCollector, kSlabinfo,
      kSlabHead + slab("kmem_cache", "320 321 256   32    2") + slab("a \"b\"\\ \xff", "1 2 3 4 18446744073709551615"));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_slabinfo_active_objects{slab=\"a \\\"b\\\"\\\\ \xEF\xBF\xBD\"} 1\n"
            "node_slabinfo_active_objects{slab=\"kmem_cache\"} 320\n"
            "node_slabinfo_objects{slab=\"a \\\"b\\\"\\\\ \xEF\xBF\xBD\"} 2\n"
            "node_slabinfo_objects{slab=\"kmem_cache\"} 321\n"
            "node_slabinfo_object_size_bytes{slab=\"a \\\"b\\\"\\\\ \xEF\xBF\xBD\"} 3\n"
            "node_slabinfo_object_size_bytes{slab=\"kmem_cache\"} 256\n"
            "node_slabinfo_objects_per_slab{slab=\"a \\\"b\\\"\\\\ \xEF\xBF\xBD\"} 4\n"
            "node_slabinfo_objects_per_slab{slab=\"kmem_cache\"} 32\n"
            "node_slabinfo_pages_per_slab{slab=\"a \\\"b\\\"\\\\ \xEF\xBF\xBD\"} 18446744073709551615\n"
            "node_slabinfo_pages_per_slab{slab=\"kmem_cache\"} 2\n");
  expect_golden_families("slabinfo", collected.page);
}

TEST(Slabinfo, OfTwoOfOneNameTheFirstIsShown) {
  const auto collected =
      collect_file(kSlabinfoCollector, kSlabinfo,
                   kSlabHead + slab("b", "1 1 1 1 1") + slab("a", "9 9 9 9 9") + slab("b", "2 2 2 2 2"));
  EXPECT_EQ(collected.text("node_slabinfo_objects{"), "");
  EXPECT_EQ(collected.text("node_slabinfo_active"),
            "node_slabinfo_active_objects{slab=\"a\"} 9\nnode_slabinfo_active_objects{slab=\"b\"} 1\n");
}

std::string selected(FlagValues values) {
  const TempTree tree({{kSlabinfo, kSlabHead + slab("kmalloc-8", "1 1 1 1 1") + slab("kmalloc-16", "2 2 2 2 2") +
                                       slab("dentry", "3 3 3 3 3")}});
  EXPECT_EQ(kSlabinfoCollector.flags.size(), 2u);
  return collect_with(kSlabinfoCollector, tree, values).text("node_slabinfo_active");
}

TEST(Slabinfo, FlagsSelect) {
  const std::string dentry = "node_slabinfo_active_objects{slab=\"dentry\"} 3\n";
  const std::string sixteen = "node_slabinfo_active_objects{slab=\"kmalloc-16\"} 2\n";
  const std::string eight = "node_slabinfo_active_objects{slab=\"kmalloc-8\"} 1\n";
  EXPECT_EQ(selected({}), dentry + sixteen + eight);
  EXPECT_EQ(selected({{"slabinfo.slabs-include", "^kmalloc"}}), sixteen + eight);
  EXPECT_EQ(selected({{"slabinfo.slabs-exclude", "^kmalloc"}}), dentry);
  EXPECT_EQ(selected({{"slabinfo.slabs-include", "^kmalloc"}, {"slabinfo.slabs-exclude", "8$"}}), sixteen);
}

TEST(Slabinfo, RefusesWhatIsNone) {
  expect_not_present(kSlabinfoCollector);
  expect_refused(kSlabinfoCollector, kSlabinfo,
                 {"", "garbage\n", slab("a", "1 1 1 1 1"), "slabinfo - version: 3.0\n" + slab("a", "1 1 1 1 1"),
                  kSlabHead + "a 1 1 1 1 1\n", kSlabHead + "a 1 1 1 1 1 : tunables 0 0 0\n",
                  kSlabHead + slab("a", "1 1 1 1"), kSlabHead + slab("", "1 1 1 1 1"),
                  kSlabHead + slab("a", "1 1 -1 1 1"), kSlabHead + slab("a", "1 18446744073709551616 1 1 1"),
                  kSlabHead + slab("a", "1 1 1 1 1") + "b 1 1", kSlabHead + "\n"});
}

const char* const kZoneinfo = "proc/zoneinfo";

// A machine of one node as the kernel shows it, cut down to what is exported and a few other lines.
const std::string kTwoZones =
    "Node 0, zone      DMA\n"
    "  per-node stats\n"
    "      nr_inactive_anon 101\n"
    "      nr_active_anon 102\n"
    "      nr_inactive_file 103\n"
    "      nr_active_file 104\n"
    "      nr_unevictable 105\n"
    "      nr_slab_reclaimable 106\n"
    "      nr_slab_unreclaimable 107\n"
    "      nr_isolated_anon 108\n"
    "      nr_isolated_file 109\n"
    "      workingset_nodes 1\n"
    "      nr_anon_pages 110\n"
    "      nr_mapped    111\n"
    "      nr_file_pages 112\n"
    "      nr_dirty     113\n"
    "      nr_writeback 114\n"
    "      nr_shmem     115\n"
    "      nr_anon_transparent_hugepages 116\n"
    "      nr_dirtied   117\n"
    "      nr_written   118\n"
    "  pages free     3840\n"
    "        boost    0\n"
    "        min      10\n"
    "        low      13\n"
    "        high     16\n"
    "        spanned  4095\n"
    "        present  3998\n"
    "        managed  3841\n"
    "        protection: (0, 3019, 24090, 24091, 24092)\n"
    "      nr_free_pages 3842\n"
    "      nr_kernel_stack 17\n"
    "      numa_hit     21\n"
    "      numa_miss    22\n"
    "      numa_foreign 23\n"
    "      numa_interleave 24\n"
    "      numa_local   25\n"
    "      numa_other   26\n"
    "  pagesets\n"
    "    cpu: 0\n"
    "              count:    0\n"
    "              high:     0\n"
    "              high 99\n"
    "  vm stats threshold: 4\n"
    "  node_unreclaimable:  0\n"
    "Node 0, zone  Movable\n"
    "  pages free     0\n"
    "        min      32\n"
    "        protection: (0, 0)\n";

TEST(Zoneinfo, ShowsEveryField) {
  const auto collected = collect_file(kZoneinfoCollector, kZoneinfo, kTwoZones);
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string dma = "{node=\"0\",zone=\"DMA\"} ", movable = "{node=\"0\",zone=\"Movable\"} ";
  const auto line = [](const char* family, const std::string& labels, const char* value) {
    return "node_zoneinfo_" + std::string(family) + labels + value + "\n";
  };
  EXPECT_EQ(
      collected.text(),
      line("high_pages", dma, "16") + line("low_pages", dma, "13") + line("managed_pages", dma, "3841") +
          line("min_pages", dma, "10") + line("min_pages", movable, "32") + line("nr_active_anon_pages", dma, "102") +
          line("nr_active_file_pages", dma, "104") + line("nr_anon_pages", dma, "110") +
          line("nr_anon_transparent_hugepages", dma, "116") + line("nr_dirtied_total", dma, "117") +
          line("nr_dirty_pages", dma, "113") + line("nr_file_pages", dma, "112") + line("nr_free_pages", dma, "3842") +
          line("nr_inactive_anon_pages", dma, "101") + line("nr_inactive_file_pages", dma, "103") +
          line("nr_isolated_anon_pages", dma, "108") + line("nr_isolated_file_pages", dma, "109") +
          line("nr_kernel_stacks", dma, "17") + line("nr_mapped_pages", dma, "111") +
          line("nr_shmem_pages", dma, "115") + line("nr_slab_reclaimable_pages", dma, "106") +
          line("nr_slab_unreclaimable_pages", dma, "107") + line("nr_unevictable_pages", dma, "105") +
          line("nr_writeback_pages", dma, "114") + line("nr_written_total", dma, "118") +
          line("numa_foreign_total", dma, "23") + line("numa_hit_total", dma, "21") +
          line("numa_interleave_total", dma, "24") + line("numa_local_total", dma, "25") +
          line("numa_miss_total", dma, "22") + line("numa_other_total", dma, "26") +
          line("present_pages", dma, "3998") + line("spanned_pages", dma, "4095") + line("protection_0", dma, "0") +
          line("protection_0", movable, "0") + line("protection_1", dma, "3019") + line("protection_1", movable, "0") +
          line("protection_2", dma, "24090") + line("protection_3", dma, "24091") + line("protection_4", dma, "24092"));
  expect_golden_families("zoneinfo", collected.page);
}

TEST(Zoneinfo, AnOldKernelHasTwoMore) {
  const auto collected = collect_file(kZoneinfoCollector, kZoneinfo,
                                      "Node 1, zone   Normal\n  pages free     5\n        scanned  7\n"
                                      "    nr_mlock_stack 8\n");
  EXPECT_EQ(collected.text(),
            "node_zoneinfo_nr_mlock_stack_pages{node=\"1\",zone=\"Normal\"} 8\n"
            "node_zoneinfo_scanned_pages{node=\"1\",zone=\"Normal\"} 7\n");
  EXPECT_EQ(type_of(collected.page, "node_zoneinfo_scanned_pages"), "gauge");
}

TEST(Zoneinfo, OfTwoZonesOfOneNameTheFirstIsShown) {
  const std::string zone = "Node 0, zone \"\\\xff\n", value = "        min      ";
  const auto collected =
      collect_file(kZoneinfoCollector, kZoneinfo, zone + value + "1\n" + value + "2\n" + zone + value + "3\n");
  EXPECT_EQ(collected.text(), "node_zoneinfo_min_pages{node=\"0\",zone=\"\\\"\\\\\xEF\xBF\xBD\"} 2\n");
}

TEST(Zoneinfo, RefusesWhatIsNone) {
  expect_not_present(kZoneinfoCollector);
  const std::string zone = "Node 0, zone DMA\n";
  std::string many, wide = "protection: (0";
  for (int i = 0; i < 10001; ++i) many += "Node " + std::to_string(i) + ", zone DMA\n min 1\n";
  for (int i = 0; i < 20; ++i) wide += ", 0";
  expect_refused(kZoneinfoCollector, kZoneinfo,
                 {"", "\n", "garbage\n", "  min 1\n", "Node 0 zone DMA\n", "Node 0, zone\n", "Node 0, DMA\n",
                  "Node , zone DMA\n", zone + " min x\n", zone + " min\n", zone + " min -1\n", zone + " min 1\n low 2",
                  zone + " min 18446744073709551616\n", zone + " protection: 0\n", zone + " protection: (0, x)\n",
                  zone + " protection: (0,\n", zone + wide + ")\n", many});
}

}  // namespace
}  // namespace plimsoll::collectors::host
