// SPDX-License-Identifier: Apache-2.0
// machine_* and cadvisor_version_info.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/container/collector.h"
#include "tests/unit/page_text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

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

}  // namespace
}  // namespace plimsoll::test
