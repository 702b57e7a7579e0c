// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

#include "tests/unit/temp_tree.h"

namespace plimsoll::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct StoreTest : ::testing::Test {
  static Config config(const std::string& id, const std::string& name) {
    Config result;
    result.id = id;
    result.name = name;
    return result;
  }
  std::vector<std::string> list(const std::string& directory) const {
    std::vector<std::string> names;
    auto dir = Dir::open(tree.at(directory));
    if (!dir) return names;
    for (const auto& entry : dir->list().value_or({})) names.push_back(entry.name);
    return names;
  }

  test::TempTree tree;
  Store store{StateRoots{tree.at("root"), tree.at("run")}};
};

TEST_F(StoreTest, WhatIsCreatedIsCompleteAndLocked) {
  auto lock = store.create(config("abc1", "web"));
  ASSERT_TRUE(lock) << lock.error().message();
  EXPECT_THAT(store.ids().value_or({}), ElementsAre("abc1"));
  EXPECT_EQ(store.config("abc1").value_or({}).name, "web");
  auto state = store.state("abc1");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, Status::kCreated);
  auto second = store.open_lock("abc1");
  ASSERT_TRUE(second);
  EXPECT_FALSE(try_lock(*second).value_or(true));
  lock->reset();
  EXPECT_TRUE(try_lock(*second).value_or(false));
}

TEST_F(StoreTest, ATakenNameIsRefusedAndLeavesNothing) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  auto again = store.create(config("abc2", "web"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_THAT(again.error().context, HasSubstr("abc1"));
  EXPECT_THAT(list("root/containers"), ElementsAre("abc1"));
  EXPECT_EQ(store.resolve("web").value_or(""), "abc1");
}

TEST_F(StoreTest, AMadeUpNameThatIsTakenIsMadeUpAgain) {
  const std::string id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  ASSERT_TRUE(store.create(config("abc1", name_from_id(id))));
  Config second = config(id, "");
  ASSERT_TRUE(store.create_named(second));
  EXPECT_NE(second.name, name_from_id(id));
  EXPECT_EQ(store.resolve(second.name).value_or(""), id);
  EXPECT_EQ(store.config(id)->name, second.name);
}

TEST_F(StoreTest, ManyCreatorsOfOneNameLeaveOneContainer) {
  std::vector<std::thread> threads;
  std::atomic<int> created = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { created += store.create(config("id" + std::to_string(i), "same")) ? 1 : 0; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(created, 1);
  EXPECT_EQ(list("root/containers").size(), 1u);
}

TEST_F(StoreTest, RemoveGivesTheNameBack) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  ASSERT_TRUE(store.remove("abc1", "web"));
  EXPECT_THAT(list("root/containers"), IsEmpty());
  EXPECT_THAT(list("root/names"), IsEmpty());
  EXPECT_TRUE(store.remove("abc1", "web")) << "a second time is fine";
  EXPECT_TRUE(store.create(config("abc2", "web")));
}

TEST_F(StoreTest, RemoveLeavesANameThatIsSomebodyElses) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  ASSERT_TRUE(store.remove("zzz", "web"));
  EXPECT_EQ(store.resolve("web").value_or(""), "abc1");
}

TEST_F(StoreTest, ANameThatLeadsNowhereCanBeTaken) {
  tree.make_dir("root/names");
  ASSERT_EQ(::symlink("gone", tree.at("root/names/web").c_str()), 0);
  EXPECT_FALSE(store.resolve("web"));
  EXPECT_TRUE(store.create(config("abc1", "web")));
  EXPECT_EQ(store.resolve("web").value_or(""), "abc1");
}

TEST_F(StoreTest, ResolveTakesNamesIdsAndUniqueBeginnings) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  ASSERT_TRUE(store.create(config("abd2", "abc")));
  EXPECT_EQ(store.resolve("web").value_or(""), "abc1");
  EXPECT_EQ(store.resolve("abd").value_or(""), "abd2");
  EXPECT_EQ(store.resolve("abc1").value_or(""), "abc1");
  EXPECT_EQ(store.resolve("abc").value_or(""), "abd2") << "a name goes before the beginning of an id";
  auto ambiguous = store.resolve("ab");
  ASSERT_FALSE(ambiguous);
  EXPECT_THAT(ambiguous.error().message(), HasSubstr("more than one"));
}

TEST_F(StoreTest, ResolveRefusesWhatIsNoContainer) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  for (const char* reference : {"", "nope", "../containers/abc1", ".", "..", "/", "abc1/", "w\neb"}) {
    auto id = store.resolve(reference);
    ASSERT_FALSE(id) << reference;
    EXPECT_EQ(id.error().message(), std::string("no such container: ") + reference);
  }
}

TEST_F(StoreTest, NothingYetIsNoContainer) {
  EXPECT_THAT(store.ids().value_or({"x"}), IsEmpty());
  EXPECT_TRUE(store.remove_leftovers());
  EXPECT_FALSE(store.config("abc1"));
  EXPECT_FALSE(store.open_lock("abc1"));
}

TEST_F(StoreTest, BrokenFilesAreErrorsThatNameThem) {
  ASSERT_TRUE(store.create(config("abc1", "web")));
  tree.write("root/containers/abc1/state.json", "{\"format\": 1, \"status\": ");
  auto state = store.state("abc1");
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message(), HasSubstr("abc1/state.json"));
  tree.write("root/containers/abc1/config.json", to_json(config("other", "web")));
  auto wrong = store.config("abc1");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("other"));
}

TEST_F(StoreTest, LeftoversOfKilledProcessesGoButNotThoseInTheMaking) {
  tree.write("root/containers/.dead/lock", "");
  tree.write("root/containers/.dead/config.json", "half");
  tree.make_dir("root/containers/.young");
  tree.make_dir("root/containers/.old");
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  tree.write("root/containers/.young/lock", "");
  tree.write("root/containers/.busy/lock", "");
  for (const char* name : {"dead", "old", "busy"}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, tree.at(std::string("root/containers/.") + name).c_str(), old, 0), 0);
  }
  UniqueFd busy(::open(tree.at("root/containers/.busy/lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(try_lock(busy).value_or(false));
  ASSERT_TRUE(store.create(config("abc1", "web")));
  ASSERT_TRUE(store.remove_leftovers());
  EXPECT_THAT(list("root/containers"), UnorderedElementsAre("abc1", ".young", ".busy"));
  EXPECT_THAT(store.ids().value_or({}), ElementsAre("abc1"));
}

TEST_F(StoreTest, WaitUnlockedReturnsWhenTheHolderDies) {
  auto lock = store.create(config("abc1", "web"));
  ASSERT_TRUE(lock);
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::usleep(50'000);
    ::raise(SIGKILL);
  }
  lock->reset();  // the child has inherited it, as the monitor does
  auto mine = store.open_lock("abc1");
  ASSERT_TRUE(mine);
  EXPECT_FALSE(try_lock(*mine).value_or(true));
  ASSERT_TRUE(store.remove("abc1", "web"));
  EXPECT_TRUE(wait_unlocked(*mine)) << "also when the file is removed meanwhile";
  EXPECT_TRUE(try_lock(*mine).value_or(false));
  ::waitpid(holder, nullptr, 0);
}

TEST(Name, Grammar) {
  for (const char* good : {"a", "Web_1", "0", "a.b-c"}) EXPECT_TRUE(is_name(good)) << good;
  for (const char* bad : {"", "-a", ".a", "_a", "a b", "a/b", "a\n", "\xC3\xA9"}) EXPECT_FALSE(is_name(bad)) << bad;
  EXPECT_TRUE(is_name(std::string(128, 'a')));
  EXPECT_FALSE(is_name(std::string(129, 'a')));
}

TEST(Id, IsSixtyFourHexadecimalDigitsAndNames) {
  std::set<std::string> ids;
  for (int i = 0; i < 50; ++i) {
    const std::string id = random_id().value_or("");
    EXPECT_EQ(id.size(), 64u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(is_name(name_from_id(id))) << name_from_id(id);
    EXPECT_THAT(name_from_id(id), HasSubstr("_"));
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_FALSE(name_from_id("").empty());
}

}  // namespace
}  // namespace plimsoll::container
