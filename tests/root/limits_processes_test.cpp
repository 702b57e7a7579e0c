// SPDX-License-Identifier: Apache-2.0
// Processes of real groups: frozen, signalled, killed while frozen; device rules by opening devices; threaded
// groups and groups with processes in v2.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/text.h"
#include "runtime/limits/controllers.h"
#include "runtime/limits/delegate.h"
#include "runtime/limits/device_filter.h"
#include "runtime/limits/freezer.h"
#include "tests/root/sandbox.h"

namespace plimsoll::limits {
namespace {

using test::TestGroup;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class LimitsProcessesTest : public test::RootTest {};

// A process in the group that counts in shared memory until it is killed, or ends with 7 by SIGTERM.
pid_t counter_in(const OwnCgroup& group, volatile uint64_t* count) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::signal(SIGTERM, [](int) { ::_exit(7); });
  if (!group.enter()) ::_exit(1);
  for (;; ::usleep(1000)) *count = *count + 1;
}

// Shared with child processes.
class Shared {
 public:
  Shared() : memory_(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {}
  ~Shared() { ::munmap(memory_, 4096); }
  volatile uint64_t* count() { return static_cast<volatile uint64_t*>(memory_); }
  // Whether it grows before long.
  bool grows() {
    const uint64_t before = *count();
    for (const int64_t end = monotonic_ns() + int64_t{test::kTimeoutMs} * 1'000'000; monotonic_ns() < end;) {
      if (*count() != before) return true;
      ::usleep(1000);
    }
    return false;
  }

 private:
  void* memory_;
};

TEST_F(LimitsProcessesTest, FrozenProcessesStandStill) {
  TestGroup group;
  Shared shared;
  const pid_t pid = counter_in(*group, shared.count());
  ASSERT_TRUE(shared.grows());
  EXPECT_EQ(*freezer_state(*group), FreezerState::kThawed);
  ASSERT_TRUE(freeze(*group));
  EXPECT_EQ(*freezer_state(*group), FreezerState::kFrozen);
  ASSERT_TRUE(freeze(*group)) << "again";
  const uint64_t frozen_at = *shared.count();
  ::usleep(50'000);
  EXPECT_EQ(*shared.count(), frozen_at);
  ASSERT_TRUE(thaw(*group));
  EXPECT_TRUE(shared.grows());
  EXPECT_EQ(*freezer_state(*group), FreezerState::kThawed);
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
}

TEST_F(LimitsProcessesTest, KillReachesAFrozenGroup) {
  TestGroup group;
  Shared shared;
  const pid_t pid = counter_in(*group, shared.count());
  ASSERT_TRUE(shared.grows());
  ASSERT_TRUE(freeze(*group));
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
  EXPECT_TRUE(group->wait_empty(test::kTimeoutMs));
}

TEST_F(LimitsProcessesTest, FreezingAnEmptyGroupWorks) {
  TestGroup group;
  ASSERT_TRUE(freeze(*group));
  EXPECT_EQ(*freezer_state(*group), FreezerState::kFrozen);
  ASSERT_TRUE(thaw(*group));
}

TEST_F(LimitsProcessesTest, SignalsReachAllGroupsBelow) {
  TestGroup group;
  Shared one, other;
  // Before the child, for whose sake v2 would otherwise have no process in the parent.
  const pid_t first = counter_in(*group, one.count());
  ASSERT_TRUE(one.grows());
  auto child = OwnCgroup::create(group.layout(), group->path() + "/child");
  ASSERT_TRUE(child);
  const pid_t second = counter_in(*child, other.count());
  ASSERT_TRUE(other.grows());
  EXPECT_THAT(*group->processes(), UnorderedElementsAre(first, second));
  ASSERT_TRUE(group->signal_all(0));
  EXPECT_EQ(*freezer_state(*group), FreezerState::kThawed);
  ASSERT_TRUE(group->signal_all(SIGTERM));
  EXPECT_EQ(test::wait_for(first), 7);
  EXPECT_EQ(test::wait_for(second), 7);
}

TEST_F(LimitsProcessesTest, RemoveTakesThreadedGroupsAway) {
  TestGroup group;
  const CgroupPlace* place = group->unified_place();
  if (place == nullptr) GTEST_SKIP() << "needs a v2 tree";
  const std::string below = place->directory + "/threads";
  ASSERT_EQ(::mkdir(below.c_str(), 0755), 0);
  ASSERT_TRUE(write_existing(AT_FDCWD, below + "/cgroup.type", "threaded"));
  ASSERT_EQ(::mkdir((below + "/more").c_str(), 0755), 0);
  EXPECT_TRUE(group->processes()->empty());
  EXPECT_TRUE(group->remove());
  EXPECT_NE(::access(place->directory.c_str(), F_OK), 0);
}

TEST_F(LimitsProcessesTest, ControllersBelowAGroupWithProcessesAreExplained) {
  TestGroup group;
  const CgroupPlace* place = group->unified_place();
  if (place == nullptr) GTEST_SKIP() << "needs a v2 tree";
  const std::string mount = place->directory.substr(0, place->directory.size() - group->path().size());
  if (!enable_controller(mount, group->path(), "hugetlb")) GTEST_SKIP() << "needs the controller hugetlb in v2";
  Shared shared;
  const pid_t pid = counter_in(*group, shared.count());
  ASSERT_TRUE(shared.grows());
  auto refused = enable_controller(mount, group->path() + "/child", "hugetlb");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr(place->directory + " has processes of its own"));
  ASSERT_TRUE(group->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
}

TEST_F(LimitsProcessesTest, ExecFollowsAnInitThatHasGroupsOfItsOwn) {
  TestGroup group;
  const CgroupPlace* place = group->unified_place();
  if (place == nullptr) GTEST_SKIP() << "needs a v2 tree";
  auto inner = OwnCgroup::create(group.layout(), group->path() + "/init");
  ASSERT_TRUE(inner);
  Shared shared, second_shared;
  const pid_t init = counter_in(*inner, shared.count());
  ASSERT_TRUE(shared.grows());
  const std::string mount = place->directory.substr(0, place->directory.size() - group->path().size());
  if (!enable_controller(mount, inner->path(), "hugetlb")) GTEST_SKIP() << "needs the controller hugetlb in v2";
  ASSERT_TRUE(group->follow(init));
  const pid_t second = counter_in(*group, second_shared.count());
  EXPECT_TRUE(second_shared.grows()) << "the group itself would have refused it";
  EXPECT_THAT(*read_file(place->directory + "/init/cgroup.procs"), HasSubstr(std::to_string(second) + "\n"));
  auto elsewhere = group->follow(::getpid());
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().message(), HasSubstr("has left it"));
  ASSERT_TRUE(inner->kill_all());
  EXPECT_EQ(test::wait_for(init), 137);
  for (const pid_t pid : group->processes().value_or({})) ::kill(pid, SIGKILL);
  EXPECT_EQ(test::wait_for(second), 137);
}

TEST_F(LimitsProcessesTest, DelegationIsOfPureV2Only) {
  TestGroup group;
  ASSERT_TRUE(delegate(*group, 4711));
  const bool pure_v2 = group->places().size() == 1 && group->places().front().v2;
  for (const CgroupPlace& place : group->places()) {
    struct stat st {};
    ASSERT_EQ(::stat((place.directory + "/cgroup.procs").c_str(), &st), 0);
    EXPECT_EQ(st.st_uid, pure_v2 ? 4711u : 0u);
  }
}

// errno of opening a device from within the group, 0 when it opens, -1 when the node cannot be made.
int open_within(const OwnCgroup& group, mode_t type, unsigned major, unsigned minor, int flags) {
  test::TempTree tree;
  const std::string node = tree.at("node");
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!group.enter()) ::_exit(250);
    if (::mknod(node.c_str(), type | 0600, ::makedev(major, minor)) != 0) ::_exit(251);
    ::_exit(::open(node.c_str(), flags) < 0 ? errno : 0);
  }
  const int ended = test::wait_for(pid);
  EXPECT_NE(ended, 250);
  return ended == 251 ? -1 : ended;
}

void expect_default_rules(const OwnCgroup& group) {
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 3, O_RDWR), 0) << "null";
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 9, O_RDONLY), 0) << "urandom";
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 11, O_RDONLY), EPERM) << "kmsg can be made but not opened";
  EXPECT_EQ(open_within(group, S_IFBLK, 1, 0, O_RDONLY), EPERM) << "a block device";
}

TEST_F(LimitsProcessesTest, DefaultDeviceRulesAreInForce) {
  TestGroup group;
  ASSERT_TRUE(restrict_devices(*group, default_device_rules()));
  expect_default_rules(*group);
}

void expect_replaced_rules(const OwnCgroup& group) {
  auto rules = default_device_rules();
  rules.insert(rules.begin(), spec::DeviceRule{false, 'a', {}, {}, "rwm"});
  ASSERT_TRUE(restrict_devices(group, rules));
  expect_default_rules(group);
  rules.push_back({true, 'c', 1, 11, "r"});
  ASSERT_TRUE(restrict_devices(group, rules));
  EXPECT_NE(open_within(group, S_IFCHR, 1, 11, O_RDONLY), EPERM) << "kmsg is allowed now";
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 11, O_RDWR), EPERM) << "for reading";
  ASSERT_TRUE(restrict_devices(group, {{true, 'c', 1, 3, "rm"}}));
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 3, O_RDONLY), 0);
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 3, O_WRONLY), EPERM);
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 9, O_RDONLY), -1) << "not even made";
  ASSERT_TRUE(restrict_devices(group, {{true, 'a', {}, {}, "rwm"}}));
  EXPECT_EQ(open_within(group, S_IFCHR, 1, 9, O_RDWR), 0);
}

TEST_F(LimitsProcessesTest, LaterDeviceRulesReplaceEarlierOnes) {
  TestGroup group;
  expect_replaced_rules(*group);
}

// Also where v1 has the devices controller: the v2 tree alone, so that the program does it.
TEST_F(LimitsProcessesTest, TheDeviceProgramAloneDoesTheSame) {
  TestGroup with_all;
  const cgroup::Hierarchy* unified = with_all.layout().unified();
  if (unified == nullptr) GTEST_SKIP() << "needs a v2 tree";
  const cgroup::Layout alone{cgroup::Mode::kV2, {*unified}};
  auto group = OwnCgroup::create(alone, with_all->path() + "/program");
  ASSERT_TRUE(group) << group.error().message();
  expect_replaced_rules(*group);
}

}  // namespace
}  // namespace plimsoll::limits
