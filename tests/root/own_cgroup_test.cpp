// SPDX-License-Identifier: Apache-2.0
// The engine's own cgroups on whatever this machine has: v1, hybrid or v2.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "tests/root/sandbox.h"

namespace plimsoll::limits {
namespace {

using test::TestGroup;
using testing::HasSubstr;

class OwnCgroupTest : public test::RootTest {};

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// A process in the group that sleeps until it is killed.
pid_t sleeper_in(const OwnCgroup& group) {
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool entered = group.enter().has_value();
    (void)!::write(ready[1], entered ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  EXPECT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  ::close(ready[0]);
  ::close(ready[1]);
  return pid;
}

TEST_F(OwnCgroupTest, StandsInEveryHierarchyUntilRemoved) {
  std::vector<CgroupPlace> places;
  {
    TestGroup group;
    places = group->places();
    EXPECT_EQ(places.size(), group.layout().hierarchies.size());
    for (const CgroupPlace& place : places) EXPECT_TRUE(exists(place.directory)) << place.directory;
  }
  for (const CgroupPlace& place : places) EXPECT_FALSE(exists(place.directory)) << place.directory;
}

TEST_F(OwnCgroupTest, CreateTakesWhatStandsAndOpenFindsIt) {
  TestGroup group;
  auto again = OwnCgroup::create(group.layout(), group->path());
  ASSERT_TRUE(again);
  auto opened = OwnCgroup::open(group.layout(), group->path());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->places().size(), group->places().size());
}

TEST_F(OwnCgroupTest, OpenOfAMissingGroupIsENOENT) {
  TestGroup group;
  auto opened = OwnCgroup::open(group.layout(), test::parent_group() + "/missing");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ENOENT);
}

TEST_F(OwnCgroupTest, PathsThatLeadElsewhereAreRefused) {
  TestGroup group;
  for (const char* path : {"", "/", "relative", "/a/../b", "/a//b", "/a/", "/./a", "/a/.."}) {
    EXPECT_FALSE(OwnCgroup::create(group.layout(), path)) << path;
    EXPECT_FALSE(OwnCgroup::open(group.layout(), path)) << path;
  }
}

TEST_F(OwnCgroupTest, EnterMovesTheCallerEverywhere) {
  TestGroup group;
  const pid_t pid = sleeper_in(*group);
  for (const CgroupPlace& place : group->places()) {
    EXPECT_EQ(*read_file(place.directory + "/cgroup.procs"), std::to_string(pid) + "\n") << place.directory;
  }
  EXPECT_TRUE(*group->contains(pid));
  EXPECT_FALSE(*group->contains(::getpid()));
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
}

TEST_F(OwnCgroupTest, WaitEmptyTimesOutAndThenSucceeds) {
  TestGroup group;
  EXPECT_TRUE(group->wait_empty(0));
  const pid_t pid = sleeper_in(*group);
  auto waited = group->wait_empty(50);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ETIMEDOUT);
  EXPECT_THAT(waited.error().message(), HasSubstr(group->path()));
  ASSERT_TRUE(group->kill_all());
  EXPECT_TRUE(group->wait_empty(test::kTimeoutMs));  // while it is a zombie still
  EXPECT_EQ(test::wait_for(pid), 137);
}

TEST_F(OwnCgroupTest, RemoveOfABusyGroupIsEBUSY) {
  TestGroup group;
  const pid_t pid = sleeper_in(*group);
  auto removed = group->remove();
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, EBUSY);
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
}

TEST_F(OwnCgroupTest, KillAndRemoveReachChildGroups) {
  TestGroup group;
  pid_t pid;
  {
    auto child = OwnCgroup::create(group.layout(), group->path() + "/child/grandchild");
    ASSERT_TRUE(child) << child.error().message();
    pid = sleeper_in(*child);
  }
  EXPECT_FALSE(group->wait_empty(20));
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
  EXPECT_TRUE(group->wait_empty(test::kTimeoutMs));
  EXPECT_TRUE(group->remove());
  for (const CgroupPlace& place : group->places()) EXPECT_FALSE(exists(place.directory));
}

TEST_F(OwnCgroupTest, RemoveTwiceIsFine) {
  TestGroup group;
  EXPECT_TRUE(group->remove());
  EXPECT_TRUE(group->remove());
  EXPECT_TRUE(group->wait_empty(100));
}

TEST_F(OwnCgroupTest, ManyShareTheParent) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([] {
      for (int i = 0; i < 10; ++i) {
        TestGroup group;
        EXPECT_GT(group->places().size(), 0u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace plimsoll::limits
