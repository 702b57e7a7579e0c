// SPDX-License-Identifier: Apache-2.0
// Lives without a kernel's help: on a tree of plain files that looks like cgroup v1, with processes of our own.
#include "collectors/container/lives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "collectors/container/life_watch.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using test::TempTree;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kSecond = 1'000'000'000;

cgroup::Layout v1_layout(const TempTree& tree) {
  cgroup::Layout layout;
  for (const char* name : {"cpuacct", "memory"}) layout.hierarchies.push_back({tree.at(name), {name}, false});
  return layout;
}

void make_group(const TempTree& tree, const std::string& path, uint64_t cpu_ns, const std::string& procs = "") {
  tree.write("cpuacct" + path + "/cpuacct.usage_percpu", std::to_string(cpu_ns) + "\n");
  tree.write("cpuacct" + path + "/cgroup.procs", procs);
  tree.write("memory" + path + "/memory.usage_in_bytes", "4096\n");
  tree.write("memory" + path + "/cgroup.procs", procs);
}

void remove_group(const TempTree& tree, const std::string& path) {
  for (const char* name : {"cpuacct", "memory"}) EXPECT_TRUE(remove_tree(tree.at(name + path)));
}

class LivesTest : public testing::Test {
 protected:
  LivesTest() : inventory(v1_layout(tree), {}, cgroup::FdBudget(100)), identifier({}) { make_group(tree, "", 0); }

  void start(size_t max_ended = 10) {
    LivesOptions options;
    options.layout = v1_layout(tree);
    options.events = false;
    options.retention = std::chrono::seconds(60);
    options.max_ended = max_ended;
    lives = std::make_unique<Lives>(std::move(options), identifier, EventQueues());
  }
  void refresh() {
    ASSERT_TRUE(inventory.refresh([this](const Group& group) { lives->gone(group); }));
    for (Group* group : inventory.groups()) {
      group->live = group->reader->read(buffer, group->stats).has_value();
      if (group->path == "/" || group->identity) continue;
      group->identity.emplace();
      group->identity->engine = group->path.starts_with("/own") ? "plimsoll" : "docker";
      group->identity->id = group->path.substr(1);
      lives->adopt(*group, *group->identity);
    }
  }
  const std::vector<EndedLife>& ended(int64_t later_ns = 0) {
    return lives->ended(inventory, wall_clock_ns() + later_ns);
  }

  TempTree tree;
  Inventory inventory;
  engine::Identifier identifier;
  std::unique_ptr<Lives> lives;
  ReadBuffer buffer;
};

TEST_F(LivesTest, WithoutEventsAScrapeTellsOfTheEndAndItIsNotFinal) {
  start();
  EXPECT_EQ(lives->source(), EventSource::kNone);
  make_group(tree, "/web", 1000);
  make_group(tree, "/own-one", 1000);
  refresh();
  EXPECT_THAT(ended(), IsEmpty());
  remove_group(tree, "/web");
  remove_group(tree, "/own-one");
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_limit_changes().all);
  refresh();
  ASSERT_THAT(ended(), SizeIs(1));
  EXPECT_EQ(ended()[0].path, "/web");
  EXPECT_EQ(ended()[0].counters.cpu_usage_ns, 1000u);
  EXPECT_EQ(ended()[0].identity.id, "web");
  EXPECT_FALSE(ended()[0].final);
  EXPECT_EQ(lives->finals_missed(), 1u);
  EXPECT_EQ(lives->births_missed(), 0u);
  EXPECT_THAT(ended(61 * kSecond), IsEmpty());
  EXPECT_THAT(ended(), IsEmpty());
}

TEST_F(LivesTest, OneLifeToldTwiceIsOne) {
  start();
  make_group(tree, "/web", 1000);
  refresh();
  Group* web = inventory.find("/web");
  ASSERT_NE(web, nullptr);
  web->stats.counters.network.push_back({.name = "eth0", .receive_bytes = 5});
  lives->gone(*web);
  web->live = false;
  EXPECT_THAT(ended(), SizeIs(1));
  remove_group(tree, "/web");
  refresh();
  ASSERT_THAT(ended(), SizeIs(1));
  EXPECT_THAT(ended()[0].counters.network, SizeIs(1));
  EXPECT_EQ(lives->finals_missed(), 1u);
}

TEST_F(LivesTest, LiveWinsAndAnotherLifeAtThePathIsAnother) {
  start();
  make_group(tree, "/web", 1000);
  refresh();
  const uint64_t first = inventory.find("/web")->reader->inode();
  ASSERT_EQ(::rename(tree.at("memory/web").c_str(), tree.at("old-memory").c_str()), 0);  // keeps its inode taken
  ASSERT_EQ(::rename(tree.at("cpuacct/web").c_str(), tree.at("old-cpuacct").c_str()), 0);
  make_group(tree, "/web", 50);
  refresh();
  EXPECT_NE(inventory.find("/web")->reader->inode(), first);
  EXPECT_THAT(ended(), IsEmpty());
  remove_group(tree, "/web");
  refresh();
  EXPECT_THAT(ended(), SizeIs(2));
}

TEST_F(LivesTest, TheOldestGoFirst) {
  start(3);
  for (int i = 0; i < 6; ++i) make_group(tree, "/web" + std::to_string(i), 1000);
  refresh();
  for (int i = 0; i < 6; ++i) {
    remove_group(tree, "/web" + std::to_string(i));
    refresh();
    (void)ended();
  }
  ASSERT_THAT(ended(), SizeIs(3));
  EXPECT_EQ(ended()[0].path, "/web3");
  EXPECT_EQ(ended()[2].path, "/web5");
}

// An engine removes a container from one hierarchy after the other: the rest is nobody's container.
TEST_F(LivesTest, AContainerThatLosesItsIdentifyingHierarchyIsGone) {
  start();
  make_group(tree, "/web", 1000);
  refresh();
  ASSERT_TRUE(remove_tree(tree.at("memory/web")));
  for (int i = 0; i < 3; ++i) {
    refresh();
    EXPECT_EQ(inventory.find("/web"), nullptr);
    EXPECT_THAT(ended(), SizeIs(1));
  }
  make_group(tree, "/web", 1);
  refresh();
  EXPECT_NE(inventory.find("/web"), nullptr);
}

// A group that gets into one more hierarchy stays the group that it was.
TEST_F(LivesTest, AGroupThatIsBeingMadeIsTheSameOne) {
  start();
  tree.write("cpuacct/web/cpuacct.usage_percpu", "7\n");
  refresh();
  ASSERT_NE(inventory.find("/web"), nullptr);
  EXPECT_FALSE(inventory.is_whole(*inventory.find("/web")));
  make_group(tree, "/web", 7);
  const uint64_t before = inventory.generation();
  refresh();
  EXPECT_EQ(inventory.generation(), before + 1);
  EXPECT_TRUE(inventory.is_whole(*inventory.find("/web")));
  EXPECT_TRUE(inventory.find("/web")->identity.has_value());
  EXPECT_THAT(ended(), IsEmpty());
}

TEST(PlaceTest, TheRestOfARemovedGroupIsNoBirth) {
  TempTree tree;
  const cgroup::Layout layout = v1_layout(tree);
  EXPECT_EQ(find_place(layout, "/web").inode, 0u);
  make_group(tree, "/web", 1);
  const Place whole = find_place(layout, "/web");
  EXPECT_EQ(whole.hierarchy, 1u);
  EXPECT_EQ(whole.count, 2u);
  EXPECT_NE(whole.inode, 0u);
  EXPECT_TRUE(whole.is_rest_of(whole));
  ASSERT_EQ(::rename(tree.at("memory/web").c_str(), tree.at("old").c_str()), 0);
  const Place rest = find_place(layout, "/web");
  EXPECT_EQ(rest.hierarchy, 0u);
  EXPECT_TRUE(rest.is_rest_of(whole));
  make_group(tree, "/web", 1);
  EXPECT_FALSE(find_place(layout, "/web").is_rest_of(whole));
  EXPECT_FALSE(Place{}.is_rest_of(whole));
}

class LifeWatchTest : public testing::Test {
 protected:
  LifeWatchTest() : context(v1_layout(tree), {}, 100) {}
  std::unique_ptr<LifeWatch> watch(const std::string& path) {
    return std::make_unique<LifeWatch>(context, path, find_place(context.layout, path));
  }
  TempTree tree;
  WatchContext context;
};

TEST_F(LifeWatchTest, OpensItsCountersOnceThereIsAProcess) {
  make_group(tree, "/web", 1000);
  auto web = watch("/web");
  EXPECT_FALSE(web->attach());
  EXPECT_FALSE(web->is_drained()) << "new, not empty";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  make_group(tree, "/web", 1000, std::to_string(pid) + "\n");
  EXPECT_TRUE(web->attach());
  EXPECT_TRUE(web->has_reading());
  EXPECT_EQ(web->first_process(), pid);
  EXPECT_FALSE(web->is_drained());
  ASSERT_EQ(web->watch_process(), LifeWatch::Outcome::kDone);
  pollfd ready{web->process_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  ::kill(pid, SIGKILL);
  EXPECT_EQ(::poll(&ready, 1, 5000), 1);
  ::waitpid(pid, nullptr, 0);
  web->drop_process();
  EXPECT_EQ(web->watch_process(), LifeWatch::Outcome::kAgain) << "the list still names it";
  make_group(tree, "/web", 2000);
  EXPECT_TRUE(web->is_drained());
  EXPECT_TRUE(web->take_reading());
  EXPECT_EQ(web->counters().cpu_usage_ns, 2000u);
  web.reset();
  EXPECT_EQ(context.extras.left(), 50u);
  EXPECT_EQ(context.readers.left(), 50u);
}

TEST_F(LifeWatchTest, AnAdoptedGroupThatHasUsedTheCpuHasHadAProcess) {
  make_group(tree, "/used", 1000);
  make_group(tree, "/new", 0);
  for (const auto& [path, drained] : {std::pair{"/used", true}, std::pair{"/new", false}}) {
    auto adopted = watch(path);
    adopted->adopted = true;
    EXPECT_TRUE(adopted->attach());
    EXPECT_EQ(adopted->is_drained(), drained) << path;
  }
}

TEST_F(LifeWatchTest, FindsProcessesBelowAndThoseItCannotSee) {
  make_group(tree, "/web", 1);
  make_group(tree, "/web/inner", 1, "0\n");
  auto web = watch("/web");
  EXPECT_EQ(web->first_process(), LifeWatch::kUnseen);
  EXPECT_TRUE(web->attach());
  EXPECT_EQ(web->watch_process(), LifeWatch::Outcome::kImpossible);
  EXPECT_FALSE(web->is_drained());
  make_group(tree, "/web/inner", 1, "12garbage\n");
  EXPECT_TRUE(web->is_drained());
}

// A reading in the middle of the removal, or of another group at the path, must not replace a good one.
TEST_F(LifeWatchTest, KeepsAFullReading) {
  make_group(tree, "/web", 1000, "0\n");
  auto web = watch("/web");
  ASSERT_TRUE(web->attach());
  tree.write("cpuacct/web/cpuacct.usage_percpu", "900\n");
  EXPECT_FALSE(web->take_reading());
  tree.write("cpuacct/web/cpuacct.usage_percpu", "");
  EXPECT_FALSE(web->take_reading());
  EXPECT_EQ(web->counters().cpu_usage_ns, 1000u);
  EXPECT_TRUE(web->is_same());
  ASSERT_EQ(::rename(tree.at("memory/web").c_str(), tree.at("old").c_str()), 0);
  EXPECT_FALSE(web->is_same());
}

}  // namespace
}  // namespace plimsoll::collectors::container
