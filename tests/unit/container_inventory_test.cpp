// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/inventory.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "base/cgroup/layout.h"
#include "tests/unit/cgroup_trees.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using test::TempTree;
using testing::ElementsAre;
using testing::IsEmpty;

// Two hierarchies, so that a group may stand in one of them only.
class TwoTrees : public testing::Test {
 protected:
  TwoTrees() {
    write("memory", "");
    write("cpuacct", "");
    auto found = cgroup::detect_layout(tree.at("cgroup"));
    EXPECT_TRUE(found);
    if (found) layout = cgroup::measured_part(*found);
  }
  void write(const std::string& controller, const std::string& path) const {
    const std::string dir = "cgroup/" + controller + path;
    tree.write(dir + "/cgroup.procs", "");
    if (controller == "memory") tree.write(dir + "/memory.usage_in_bytes", "1\n");
    if (controller == "cpuacct") tree.write(dir + "/cpuacct.usage_percpu", "1 \n");
  }
  void make(const std::string& path) const {
    write("memory", path);
    write("cpuacct", path);
  }
  void remove(const std::string& path) const {
    for (const char* controller : {"memory", "cpuacct"})
      EXPECT_TRUE(remove_tree(tree.at("cgroup/" + std::string(controller) + path)));
  }
  Inventory inventory() const { return {layout, {}, cgroup::FdBudget(200)}; }

  // Paths and identifying inodes: two inventories that agree on these show the same groups.
  static std::set<std::pair<std::string, uint64_t>> shown(const Inventory& inventory) {
    std::set<std::pair<std::string, uint64_t>> all;
    for (const Group* group : inventory.groups()) all.emplace(group->path, group->reader->inode());
    return all;
  }
  static std::vector<std::string> paths(const Inventory& inventory) {
    std::vector<std::string> all;
    for (const Group* group : inventory.groups()) all.push_back(group->path);
    return all;
  }

  TempTree tree;
  cgroup::Layout layout;
};

TEST_F(TwoTrees, OnlyTheGivenDirectoriesAreListed) {
  make("/a/old");
  make("/b/old");
  Inventory kept = inventory();
  ASSERT_TRUE(kept.refresh());
  make("/a/new");
  make("/b/new");
  const std::vector<std::string> parents = {"/a"};
  kept.refresh_below(parents);
  EXPECT_THAT(paths(kept), ElementsAre("/", "/a", "/a/new", "/a/old", "/b", "/b/old"));
}

TEST_F(TwoTrees, WhatIsNewComesWithAllBelowIt) {
  Inventory kept = inventory();
  ASSERT_TRUE(kept.refresh());
  make("/a/b/c");
  const std::vector<std::string> parents = {"/"};
  kept.refresh_below(parents);
  EXPECT_THAT(paths(kept), ElementsAre("/", "/a", "/a/b", "/a/b/c"));
}

TEST_F(TwoTrees, GoneGroupsAreToldWithAllBelowThem) {
  make("/a/b/c");
  Inventory kept = inventory();
  ASSERT_TRUE(kept.refresh());
  remove("/a/b");
  std::vector<std::string> gone;
  const std::vector<std::string> parents = {"/a"};
  kept.refresh_below(parents, [&](const Group& group) { gone.push_back(group.path); });
  EXPECT_THAT(gone, ElementsAre("/a/b", "/a/b/c"));
  EXPECT_THAT(paths(kept), ElementsAre("/", "/a"));
}

TEST_F(TwoTrees, AParentThatIsGoneOrUnknownIsNoHarm) {
  make("/a/b");
  Inventory kept = inventory();
  ASSERT_TRUE(kept.refresh());
  remove("/a");
  const std::vector<std::string> parents = {"/", "/a", "/a/b", "/never/was"};
  kept.refresh_below(parents);
  EXPECT_THAT(paths(kept), ElementsAre("/"));
}

// However groups come and go, looking where something happened shows what looking everywhere shows.
TEST_F(TwoTrees, AgreesWithAFullRefreshAfterAnyHistory) {
  std::mt19937 random(20261122);
  const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  const std::vector<std::string> names = {"/a", "/b", "/c"};
  Inventory kept = inventory();
  ASSERT_TRUE(kept.refresh());
  for (int round = 0; round < 150; ++round) {
    std::set<std::string> parents;
    for (int change = 0; change <= pick(4); ++change) {
      std::string path;
      for (int depth = 0; depth <= pick(3); ++depth) {
        parents.insert(path.empty() ? "/" : path);
        path += names[static_cast<size_t>(pick(3))];
      }
      parents.insert(path.substr(0, path.rfind('/')).empty() ? "/" : path.substr(0, path.rfind('/')));
      switch (pick(4)) {
        case 0:
          remove(path);
          break;
        case 1:
          write(pick(2) == 0 ? "memory" : "cpuacct", path);
          break;
        case 2:  // another one in its place
          remove(path);
          [[fallthrough]];
        default:
          make(path);
      }
    }
    const std::vector<std::string> list(parents.begin(), parents.end());
    kept.refresh_below(list);
    Inventory fresh = inventory();
    ASSERT_TRUE(fresh.refresh());
    ASSERT_EQ(shown(kept), shown(fresh)) << "round " << round;
  }
}

}  // namespace
}  // namespace plimsoll::collectors::container
