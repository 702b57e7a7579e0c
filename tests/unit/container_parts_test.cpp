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

TEST(Diskstats, EveryFigureOfADiskIsTheRootGroups) {
  const auto disks = parse_diskstats("254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n");
  ASSERT_EQ(disks.size(), 1u);
  const cgroup::IoDevice device = io_device_of(disks[0]);
  EXPECT_EQ(device.major, 254u);
  EXPECT_EQ(device.reads, 1u);
  EXPECT_EQ(device.reads_merged, 2u);
  EXPECT_EQ(device.sectors_read, 3u);
  EXPECT_EQ(device.read_bytes, 3u * 512);
  EXPECT_EQ(device.read_ns, 4'000'000u);
  EXPECT_EQ(device.writes, 5u);
  EXPECT_EQ(device.writes_merged, 6u);
  EXPECT_EQ(device.sectors_written, 7u);
  EXPECT_EQ(device.write_ns, 8'000'000u);
  EXPECT_EQ(device.in_flight, 9u);
  EXPECT_EQ(device.busy_ns, 10'000'000u);
  EXPECT_EQ(device.weighted_busy_ns, 11'000'000u);
  EXPECT_FALSE(device.total_bytes);
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

TEST(ExtraLabels, PairsAreEscapedAndForgottenWhenThereAreTooMany) {
  ExtraLabels labels("/nowhere");
  MetricWriter writer;
  for (int page = 0; page < 3; ++page) {
    labels.start_page();
    for (int i = 0; i < 5000; ++i) (void)labels.pair(writer, "device", std::to_string(i));
    const LabelRef first = labels.pair(writer, "device", "a\"b");
    EXPECT_EQ(labels.pair(writer, "device", "a\"b"), first);
    EXPECT_NE(labels.pair(writer, "state", "a\"b"), first);
    EXPECT_EQ(writer.finish().labels(first), "device=\"a\\\"b\"");
  }
}

TEST(ExtraLabels, NumaNodes) {
  ExtraLabels labels("/nowhere");
  MetricWriter writer;
  labels.start_page();
  const LabelRef one = labels.numa(writer, "anon", false, 1), other = labels.numa(writer, "anon", true, 1);
  EXPECT_EQ(labels.numa(writer, "anon", false, 1), one);
  const MetricPage page = writer.finish();
  EXPECT_EQ(page.labels(one), R"(node="1",scope="container",type="anon")");
  EXPECT_EQ(page.labels(other), R"(node="1",scope="hierarchy",type="anon")");
}

TEST(Families, AreEachThereOnceWithAHelpThatEndsInAFullStop) {
  std::set<std::string_view> names;
  for (const MetricDesc& desc : family_descriptions()) {
    EXPECT_TRUE(names.insert(desc.name).second) << desc.name;
    EXPECT_TRUE(desc.name.starts_with("container_") || desc.name.starts_with("plimsoll_container_")) << desc.name;
    EXPECT_TRUE(desc.help.ends_with('.')) << desc.name;
  }
  EXPECT_GT(names.size(), 50u);
}

}  // namespace
}  // namespace plimsoll::collectors::container
