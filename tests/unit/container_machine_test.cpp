// SPDX-License-Identifier: Apache-2.0
// machine_* and cadvisor_version_info.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/container/collector.h"
#include "collectors/container/machine.h"
#include "tests/unit/page_text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

using collectors::container::KindSet;
using testing::HasSubstr;
using testing::Not;

class MachineCollector : public testing::Test {
 protected:
  MachineCollector()
      : tree({{"proc/meminfo", "MemTotal:       24684092 kB\nMemFree:  1 kB\nSwapTotal:             512 kB\n"},
              {"proc/sys/kernel/random/boot_id", "595d8c60\n"},
              {"proc/sys/kernel/osrelease", "6.1.0-13-amd64\n"},
              {"root/etc/machine-id", "3d1219c7\n"},
              {"root/etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"},
              {"sys/class/dmi/id/product_uuid", "AAAA-BBBB\n"},
              {"sys/devices/system/cpu/online", "0-3\n"}}) {
    for (int cpu = 0; cpu < 4; ++cpu) {
      const std::string topology = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
      tree.write(topology + "core_id", std::to_string(cpu % 2) + "\n");
      tree.write(topology + "physical_package_id", "0\n");
    }
    collector = collectors::container::make_machine_collector({tree.at("proc"), tree.at("sys"), "", tree.at("root")});
  }

  std::string collect() {
    MetricWriter writer;
    result = collector->collect(writer);
    return page_text(writer.finish());
  }

  TempTree tree;
  std::unique_ptr<collectors::Collector> collector;
  Result<void> result;
};

TEST_F(MachineCollector, Whole) {
  const std::string labels = "{boot_id=\"595d8c60\",machine_id=\"3d1219c7\",system_uuid=\"AAAA-BBBB\"}";
  EXPECT_EQ(collect(), "machine_cpu_cores" + labels + " 4\nmachine_cpu_physical_cores" + labels +
                           " 2\nmachine_cpu_sockets" + labels + " 1\nmachine_memory_bytes" + labels +
                           " 25276510208\nmachine_swap_bytes" + labels +
                           " 524288\nmachine_scrape_error 0\n"
                           "cadvisor_version_info{cadvisorRevision=\"\",cadvisorVersion=\"plimsoll-" PLIMSOLL_VERSION
                           "\",dockerVersion=\"\",kernelVersion=\"6.1.0-13-amd64\","
                           "osVersion=\"Debian GNU/Linux 12 (bookworm)\"} 1\n");
  EXPECT_TRUE(result);
}

TEST_F(MachineCollector, WhatIsUnknownIsAbsent) {
  ASSERT_TRUE(remove_tree(tree.at("sys")));
  ASSERT_TRUE(remove_tree(tree.at("root")));
  tree.write("proc/meminfo", "MemTotal: 1 kB\n");
  const std::string text = collect();
  EXPECT_THAT(text, HasSubstr("machine_memory_bytes{boot_id=\"595d8c60\"} 1024\n"));
  EXPECT_THAT(text, Not(HasSubstr("machine_swap_bytes")));
  EXPECT_THAT(text, Not(HasSubstr("machine_cpu_")));
  EXPECT_THAT(text, HasSubstr("osVersion=\"\""));
}

TEST_F(MachineCollector, TopologyWithoutPackages) {
  ASSERT_TRUE(remove_tree(tree.at("sys/devices/system/cpu/cpu0")));
  tree.write("sys/devices/system/cpu/cpu1/topology/core_id", "garbage\n");
  const std::string text = collect();
  EXPECT_THAT(text, HasSubstr("machine_cpu_cores{"));
  EXPECT_THAT(text, testing::ContainsRegex("machine_cpu_physical_cores[^\n]* 2\n"));
  ASSERT_TRUE(remove_tree(tree.at("sys/devices/system/cpu/cpu2")));
  tree.write("sys/devices/system/cpu/online", "0-2\n");
  const std::string later = collect();
  EXPECT_THAT(later, testing::ContainsRegex("machine_cpu_cores[^\n]* 3\n"));
  EXPECT_THAT(later, Not(HasSubstr("machine_cpu_physical_cores")));
}

TEST_F(MachineCollector, UnreadableMemoryIsAScrapeError) {
  ASSERT_TRUE(remove_tree(tree.at("proc")));
  const std::string text = collect();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), HasSubstr("meminfo"));
  EXPECT_THAT(text, HasSubstr("machine_scrape_error 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("machine_memory_bytes")));
}

// Two nodes of one core with two threads each: caches of the core's own, and one that both nodes share.
class Topology : public MachineCollector {
 protected:
  Topology() {
    tree.write("sys/devices/system/node/online", "0-1\n");
    for (int node = 0; node < 2; ++node) {
      const std::string base = "sys/devices/system/node/node" + std::to_string(node);
      tree.write(base + "/cpulist", node == 0 ? "0,2\n" : "1,3\n");
      tree.write(base + "/distance", node == 0 ? "10 21\n" : "21 10\n");
      tree.write(base + "/meminfo", "Node 0 MemTotal:       2048 kB\nNode 0 MemFree:  1 kB\n");
      tree.write(base + "/hugepages/hugepages-2048kB/nr_hugepages", "5\n");
      tree.write(base + "/hugepages/hugepages-kB/nr_hugepages", "6\n");
    }
    for (int cpu = 0; cpu < 4; ++cpu) {
      const std::string base = "sys/devices/system/cpu/cpu" + std::to_string(cpu);
      const std::string siblings = cpu % 2 == 0 ? "0,2\n" : "1,3\n";
      tree.write(base + "/topology/thread_siblings_list", siblings);
      cache(base + "/cache/index0", "1", "Data", "48K", siblings);
      cache(base + "/cache/index1", "1", "Instruction", "32K", siblings);
      cache(base + "/cache/index3", "3", "Unified", "32768K", "0-3\n");
    }
    make(KindSet::all());
  }
  void cache(const std::string& path, const std::string& level, const std::string& type, const std::string& size,
             const std::string& cpus) {
    tree.write(path + "/level", level + "\n");
    tree.write(path + "/type", type + "\n");
    tree.write(path + "/size", size + "\n");
    tree.write(path + "/shared_cpu_list", cpus);
  }
  void make(KindSet kinds) {
    collector =
        collectors::container::make_machine_collector({tree.at("proc"), tree.at("sys"), "", tree.at("root")}, kinds);
  }
  // Without the machine's own labels.
  std::string family(std::string_view name) {
    MetricWriter writer;
    (void)collector->collect(writer).has_value();
    std::string text = page_text(writer.finish(), name);
    constexpr std::string_view kOwn = "boot_id=\"595d8c60\",machine_id=\"3d1219c7\",system_uuid=\"AAAA-BBBB\",";
    for (size_t at = text.find(kOwn); at != std::string::npos; at = text.find(kOwn)) text.erase(at, kOwn.size());
    return text;
  }
};

TEST_F(Topology, Caches) {
  EXPECT_EQ(family("machine_cpu_cache"),
            "machine_cpu_cache_capacity_bytes{node_id=\"0\",core_id=\"\",type=\"Unified\",level=\"3\"} 33554432\n"
            "machine_cpu_cache_capacity_bytes{node_id=\"0\",core_id=\"0\",type=\"Data\",level=\"1\"} 49152\n"
            "machine_cpu_cache_capacity_bytes{node_id=\"0\",core_id=\"0\",type=\"Instruction\",level=\"1\"} 32768\n"
            "machine_cpu_cache_capacity_bytes{node_id=\"1\",core_id=\"\",type=\"Unified\",level=\"3\"} 33554432\n"
            "machine_cpu_cache_capacity_bytes{node_id=\"1\",core_id=\"1\",type=\"Data\",level=\"1\"} 49152\n"
            "machine_cpu_cache_capacity_bytes{node_id=\"1\",core_id=\"1\",type=\"Instruction\",level=\"1\"} 32768\n");
}

TEST_F(Topology, SeveralCachesOfANodeAreSummed) {
  for (int cpu = 0; cpu < 4; ++cpu) {
    const std::string base = "sys/devices/system/cpu/cpu" + std::to_string(cpu);
    tree.write("sys/devices/system/node/node0/cpulist", "0-3\n");
    tree.write("sys/devices/system/node/online", "0\n");
    tree.write(base + "/topology/core_id", std::to_string(cpu) + "\n");
    tree.write(base + "/topology/thread_siblings_list", std::to_string(cpu) + "\n");
    cache(base + "/cache/index3", "3", "Unified", "8M", cpu < 2 ? "0-1\n" : "2-3\n");
  }
  make(KindSet::all());
  EXPECT_THAT(family("machine_cpu_cache"), HasSubstr("core_id=\"\",type=\"Unified\",level=\"3\"} 16777216\n"));
}

TEST_F(Topology, ThreadsAndNodes) {
  EXPECT_EQ(family("machine_thread"),
            "machine_thread_siblings_count{node_id=\"0\",core_id=\"0\",thread_id=\"0\"} 2\n"
            "machine_thread_siblings_count{node_id=\"1\",core_id=\"1\",thread_id=\"1\"} 2\n"
            "machine_thread_siblings_count{node_id=\"0\",core_id=\"0\",thread_id=\"2\"} 2\n"
            "machine_thread_siblings_count{node_id=\"1\",core_id=\"1\",thread_id=\"3\"} 2\n");
  EXPECT_EQ(family("machine_node"),
            "machine_node_memory_capacity_bytes{node_id=\"0\"} 2097152\n"
            "machine_node_memory_capacity_bytes{node_id=\"1\"} 2097152\n"
            "machine_node_hugepages_count{node_id=\"0\",page_size=\"2048\"} 5\n"
            "machine_node_hugepages_count{node_id=\"1\",page_size=\"2048\"} 5\n"
            "machine_node_distance{node_id=\"0\",target_node_id=\"0\"} 10\n"
            "machine_node_distance{node_id=\"0\",target_node_id=\"1\"} 21\n"
            "machine_node_distance{node_id=\"1\",target_node_id=\"0\"} 21\n"
            "machine_node_distance{node_id=\"1\",target_node_id=\"1\"} 10\n");
}

TEST_F(Topology, OffUnlessAskedFor) {
  make(KindSet::defaults());
  EXPECT_EQ(family("machine_cpu_cache") + family("machine_thread") + family("machine_node"), "");
}

TEST_F(Topology, GarbageIsAbsent) {
  tree.write("sys/devices/system/node/node0/distance", "10\n");
  tree.write("sys/devices/system/node/node1/distance", "21 10 30\n");
  tree.write("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 18446744073709551615 kB\n");
  tree.write("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:\n");
  tree.write("sys/devices/system/cpu/cpu0/cache/index0/size", "big\n");
  tree.write("sys/devices/system/cpu/cpu2/cache/index0/shared_cpu_list", "\n");
  tree.write("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "x\n");
  make(KindSet::all());
  EXPECT_EQ(family("machine_node_distance") + family("machine_node_memory"), "");
  EXPECT_THAT(family("machine_cpu_cache"), Not(HasSubstr("node_id=\"0\",core_id=\"0\",type=\"Data\"")));
  EXPECT_THAT(family("machine_thread"), Not(HasSubstr("thread_id=\"1\"")));
}

TEST_F(Topology, WithoutNumaThePackageStandsForTheNode) {
  ASSERT_TRUE(remove_tree(tree.at("sys/devices/system/node")));
  make(KindSet::all());
  EXPECT_THAT(family("machine_thread"), HasSubstr("{node_id=\"0\",core_id=\"1\",thread_id=\"3\"} 2\n"));
  EXPECT_EQ(family("machine_node"), "");
}

TEST_F(MachineCollector, BooksAndDrawersWhereThereAreAny) {
  EXPECT_THAT(collect(), Not(HasSubstr("machine_cpu_books")));
  for (int cpu = 0; cpu < 4; ++cpu) {
    const std::string topology = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    tree.write(topology + "book_id", std::to_string(cpu / 2) + "\n");
    tree.write(topology + "drawer_id", "0\n");
  }
  collector = collectors::container::make_machine_collector({tree.at("proc"), tree.at("sys"), "", tree.at("root")});
  const std::string text = collect();
  EXPECT_THAT(text, testing::ContainsRegex("machine_cpu_books[^\n]* 2\n"));
  EXPECT_THAT(text, testing::ContainsRegex("machine_cpu_drawers[^\n]* 1\n"));
}

TEST_F(MachineCollector, MemoryModulesByType) {
  for (const char* dimm : {"mc0/dimm0", "mc0/dimm1", "mc1/dimm0"}) {
    tree.write(std::string("sys/devices/system/edac/mc/") + dimm + "/size", "16384\n");
    tree.write(std::string("sys/devices/system/edac/mc/") + dimm + "/dimm_mem_type", "Registered-DDR5\n");
  }
  tree.write("sys/devices/system/edac/mc/mc1/dimm1/size", "x\n");
  const std::string text = collect();
  EXPECT_THAT(text, testing::ContainsRegex("machine_dimm_count[^\n]*,type=\"Registered-DDR5\"} 3\n"));
  EXPECT_THAT(text, testing::ContainsRegex("machine_dimm_capacity_bytes[^\n]*\"Registered-DDR5\"} 51539607552\n"));
}

// What is written is described, in that order.
TEST_F(Topology, EveryFamilyIsDescribed) {
  tree.write("sys/devices/system/edac/mc/mc0/dimm0/size", "1\n");
  tree.write("sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type", "t\n");
  tree.write("sys/devices/system/cpu/cpu0/topology/book_id", "0\n");
  tree.write("sys/devices/system/cpu/cpu0/topology/drawer_id", "0\n");
  make(KindSet::all());
  MetricWriter writer;
  ASSERT_TRUE(collector->collect(writer));
  const MetricPage page = writer.finish();
  std::vector<std::string_view> written, described;
  for (const MetricPage::Family& family : page.families()) written.push_back(family.desc.name);
  for (const auto& family : collectors::container::machine_descriptions()) described.push_back(family.desc.name);
  EXPECT_EQ(written, described);
}

}  // namespace
}  // namespace plimsoll::test
