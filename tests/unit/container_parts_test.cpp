// SPDX-License-Identifier: Apache-2.0
// The small parts of the container collector: CPU lists, disk lines, families' table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "collectors/container/cpu_list.h"
#include "collectors/container/diskstats.h"
#include "collectors/container/extra_labels.h"
#include "collectors/container/families.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CpuList, RangesAndSingles) {
  EXPECT_THAT(parse_cpu_list("0-2\n"), ElementsAre(true, true, true));
  EXPECT_THAT(parse_cpu_list("1,3\n"), ElementsAre(false, true, false, true));
  EXPECT_THAT(parse_cpu_list("0\n"), ElementsAre(true));
}

TEST(CpuList, WhatIsNoListIsEmpty) {
  for (const char* text : {"", "\n", "x", "0-", "-1", "3-1", "0,,1", "0-999999999", "0-18446744073709551615"})
    EXPECT_THAT(parse_cpu_list(text), IsEmpty()) << text;
}

TEST(Diskstats, TakesNamesAndCounters) {
  const auto disks = parse_diskstats(
      " 254       0 vda 93680 29162 4535058 20733 16735 19951 2273792 6441 0 12524 27820 44 439392 539 2135 105\n"
      "   8       1 sda1 1 0 2 0 3 0 4 0 0 0 0\n");
  ASSERT_EQ(disks.size(), 2u);
  EXPECT_EQ(disks[0].major, 254u);
  EXPECT_EQ(disks[0].name, "vda");
  EXPECT_EQ(disks[0].reads, 93680u);
  EXPECT_EQ(disks[0].read_bytes, 4535058u * 512);
  EXPECT_EQ(disks[0].writes, 16735u);
  EXPECT_EQ(disks[0].written_bytes, 2273792u * 512);
  EXPECT_EQ(disks[1].minor, 1u);
}

TEST(Diskstats, MalformedLinesAreLeftOut) {
  const auto disks =
      parse_diskstats("\n254 0\n254 0 vda 1 2 3\nx 0 vdb 1 1 1 1 1 1 1\n254 9 vdc 1 1 1 1 1 1 1 1 1 1 1");
  ASSERT_EQ(disks.size(), 1u);
  EXPECT_EQ(disks[0].name, "vdc");
}

TEST(Diskstats, WholeDisks) {
  const test::TempTree sys({{"class/block/vda1/partition", "1\n"}, {"class/block/vda/size", "1\n"}});
  for (const char* name : {"vda", "nvme0n1", "dm-0", "md127", "ramdisk"})
    EXPECT_TRUE(is_whole_disk(sys.path(), name)) << name;
  for (const char* name : {"vda1", "ram0", "zram1", "loop12", "fd0"})
    EXPECT_FALSE(is_whole_disk(sys.path(), name)) << name;
}

TEST(ExtraLabels, AreStoredOncePerPage) {
  ExtraLabels labels("/nowhere");
  MetricWriter writer;
  labels.start_page();
  const LabelRef first = labels.interface(writer, "eth0");
  EXPECT_EQ(labels.interface(writer, "eth0"), first);
  EXPECT_NE(labels.interface(writer, "eth1"), first);
  writer.single({"a", "A.", MetricType::kGauge}, 1);
  (void)writer.finish();
  labels.start_page();
  const LabelRef again = labels.interface(writer, "eth0");
  writer.family({"a", "A.", MetricType::kGauge});
  writer.sample(again, 1);
  EXPECT_EQ(writer.finish().labels(again), "interface=\"eth0\"");
}

TEST(ExtraLabels, CpusHaveTwoDigits) {
  ExtraLabels labels("/nowhere");
  MetricWriter writer;
  labels.start_page();
  const LabelRef high = labels.cpu(writer, 128), low = labels.cpu(writer, 7);
  const MetricPage page = writer.finish();
  EXPECT_EQ(page.labels(high), "cpu=\"cpu128\"");
  EXPECT_EQ(page.labels(low), "cpu=\"cpu07\"");
}

TEST(Families, AreEachThereOnceWithAHelpThatEndsInAFullStop) {
  std::set<std::string_view> names;
  for (const MetricDesc& desc : family_descriptions()) {
    EXPECT_TRUE(names.insert(desc.name).second) << desc.name;
    EXPECT_TRUE(desc.name.starts_with("container_")) << desc.name;
    EXPECT_TRUE(desc.help.ends_with('.')) << desc.name;
  }
  EXPECT_GT(names.size(), 50u);
}

// An ended container has neither gauges nor limits; no counter row may look at them.
TEST(Families, CounterRowsNeedCountersOnly) {
  const cgroup::Counters counters{.cpu_usage_ns = 1, .cfs_periods = 5, .cfs_throttled_ns = 6};
  const Subject subject{.counters = &counters};
  ExtraLabels extra("/nowhere");
  extra.start_page();
  MetricWriter writer;
  PageContext page{writer, extra, {}};
  write_families(page, {&subject, 1});
  const MetricPage written = writer.finish();
  for (const auto& family : written.families()) EXPECT_EQ(family.desc.type, MetricType::kCounter) << family.desc.name;
}

}  // namespace
}  // namespace plimsoll::collectors::container
