// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/temp_tree.h"

namespace plimsoll::cgroup {
namespace {

using test::TempTree;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(CgroupLayout, PureV2IsOneTreeWithItsControllers) {
  const TempTree tree({{"cgroup.controllers", "cpu io memory pids\n"}, {"system.slice/cgroup.controllers", "cpu\n"}});
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->mode, Mode::kV2);
  ASSERT_EQ(layout->hierarchies.size(), 1u);
  EXPECT_THAT(layout->hierarchies[0].controllers, ElementsAre("cpu", "io", "memory", "pids"));
  EXPECT_EQ(layout->unified(), &layout->hierarchies[0]);
  EXPECT_EQ(layout->v1("memory"), nullptr);
}

TEST(CgroupLayout, V1TakesControllersFromTheDirectoryName) {
  const TempTree tree({{"cpu,cpuacct/cgroup.procs", ""}, {"memory/cgroup.procs", ""}, {"systemd/cgroup.procs", ""}});
  ASSERT_EQ(::symlink("cpu,cpuacct", tree.at("cpu").c_str()), 0);
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->mode, Mode::kV1);
  ASSERT_EQ(layout->hierarchies.size(), 3u);
  ASSERT_NE(layout->v1("cpuacct"), nullptr);
  EXPECT_EQ(layout->v1("cpuacct"), layout->v1("cpu"));
  EXPECT_EQ(layout->v1("cpu")->mount_point, tree.at("cpu,cpuacct"));
  EXPECT_EQ(layout->v1("blkio"), nullptr);
  EXPECT_EQ(layout->unified(), nullptr);
}

TEST(CgroupLayout, HybridHasBoth) {
  const TempTree tree({{"memory/cgroup.procs", ""}, {"unified/cgroup.controllers", ""}, {"unified/cgroup.procs", ""}});
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->mode, Mode::kHybrid);
  ASSERT_NE(layout->unified(), nullptr);
  EXPECT_EQ(layout->unified()->mount_point, tree.at("unified"));
  EXPECT_TRUE(layout->unified()->controllers.empty());
  EXPECT_NE(layout->v1("memory"), nullptr);
}

TEST(CgroupLayout, DirectoriesThatAreNoHierarchyAreLeftOut) {
  const TempTree tree({{"memory/cgroup.procs", ""}, {"notes/readme", "x"}, {"file", "x"}});
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->hierarchies.size(), 1u);
}

TEST(CgroupLayout, MeasuredPartDropsHierarchiesThatOnlyGroup) {
  const TempTree tree({{"devices/cgroup.procs", ""},
                       {"systemd/cgroup.procs", ""},
                       {"net_cls,net_prio/cgroup.procs", ""},
                       {"cpu,cpuacct/cgroup.procs", ""},
                       {"unified/cgroup.controllers", ""}});
  const auto layout = detect_layout(tree.path());
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->hierarchies.size(), 5u);
  const Layout part = measured_part(*layout);
  EXPECT_EQ(part.mode, Mode::kHybrid);
  ASSERT_EQ(part.hierarchies.size(), 2u);
  EXPECT_THAT(part.hierarchies[0].controllers, ElementsAre("cpu", "cpuacct"));
  EXPECT_TRUE(part.hierarchies[1].v2);
}

TEST(CgroupLayout, MissingAndEmptyRootsAreErrorsThatNameTheDirectory) {
  const TempTree tree;
  const auto empty = detect_layout(tree.path());
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message(), HasSubstr(tree.path()));
  const auto missing = detect_layout(tree.at("nowhere"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message(), HasSubstr("nowhere"));
}

}  // namespace
}  // namespace plimsoll::cgroup
