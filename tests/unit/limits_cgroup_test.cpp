// SPDX-License-Identifier: Apache-2.0
// Groups of ordinary files: controllers on the way down, the freezer's files, delegation, processes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "runtime/limits/controllers.h"
#include "runtime/limits/delegate.h"
#include "runtime/limits/freezer.h"
#include "tests/unit/limits_tree.h"

namespace plimsoll::limits {
namespace {

using test::kNoFiles;
using test::LimitsTree;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

TEST(ListsWord, WholeWordsOfTheFirstLine) {
  EXPECT_TRUE(lists_word("cpuset cpu io\n", "cpu"));
  EXPECT_TRUE(lists_word("cpuset cpu io\n", "io"));
  EXPECT_FALSE(lists_word("cpuset io\n", "cpu"));
  EXPECT_FALSE(lists_word("", "cpu"));
}

TEST(EnableController, WritesOnlyWhereItIsMissing) {
  LimitsTree tree({{"", kNoFiles}}, "cpu pids");
  tree.files().write("cgroup.subtree_control", "cpu pids\n");
  ASSERT_TRUE(enable_controller(tree.files().path(), "/parent/group", "pids"));
  EXPECT_EQ(tree.root_text("", "cgroup.subtree_control"), "cpu pids\n");
  EXPECT_EQ(tree.root_text("", "parent/cgroup.subtree_control"), "+pids");
  EXPECT_EQ(tree.text("", "cgroup.subtree_control"), "") << "not in the group itself";
}

TEST(InvalidDomain, BecomesThreadedAndNothingElseDoes) {
  test::TempTree tree({{"a/cgroup.type", "domain invalid\n"}, {"b/cgroup.type", "domain\n"}});
  ASSERT_TRUE(leave_invalid_domain(tree.at("a")));
  ASSERT_TRUE(leave_invalid_domain(tree.at("b")));
  ASSERT_TRUE(leave_invalid_domain(tree.at("c")));
  EXPECT_EQ(read_file(tree.at("a/cgroup.type"))->substr(0, 8), "threaded");
  EXPECT_EQ(*read_file(tree.at("b/cgroup.type")), "domain\n");
}

TEST(OwnCgroup, FindsControllersInV1First) {
  LimitsTree tree({{"memory", kNoFiles}, {"cpu,cpuacct", kNoFiles}, {"unified", kNoFiles}}, "hugetlb");
  EXPECT_EQ(tree.group().with_controller("cpuacct")->mount_name, "cpu,cpuacct");
  EXPECT_EQ(tree.group().with_controller("hugetlb"), tree.group().unified_place());
  EXPECT_EQ(tree.group().with_controller("rdma"), nullptr);
}

// As a user who may write to one hierarchy only.
TEST(OwnCgroup, ForbiddenHierarchiesAreLeftOutOnlyWhenAsked) {
  constexpr uid_t kNobody = 65'534;
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  LimitsTree tree({{"memory", kNoFiles}, {"cpu", kNoFiles}});
  tree.files().write("memory/other/tasks", "");
  ASSERT_EQ(::chmod(tree.files().path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(tree.files().at("cpu").c_str(), 0755), 0);
  for (const char* name : {"memory", "memory/other", "memory/other/tasks"}) {
    ASSERT_EQ(::chmod(tree.files().at(name).c_str(), 0755), 0);
    ASSERT_EQ(::chown(tree.files().at(name).c_str(), kNobody, kNobody), 0);
  }
  ASSERT_EQ(::seteuid(kNobody), 0);
  auto refused = OwnCgroup::create(tree.layout(), "/other");
  auto partial = OwnCgroup::create(tree.layout(), "/other", {.skip_forbidden = true});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("delegated"));
  ASSERT_TRUE(partial) << partial.error().message();
  EXPECT_NE(partial->with_controller("memory"), nullptr);
  EXPECT_EQ(partial->with_controller("cpu"), nullptr);
}

TEST(OwnCgroup, ProcessesAreThoseOfAllGroupsBelow) {
  LimitsTree tree(
      {{"memory", {{"cgroup.procs", "5\n6\n"}, {"child/cgroup.procs", "7\n0\n"}, {"child/x/cgroup.procs", "8\n"}}}});
  EXPECT_THAT(*tree.group().processes(), UnorderedElementsAre(5, 6, 7, 8));
}

TEST(Freezer, V1GoesBeforeV2) {
  LimitsTree tree({{"freezer", {{"freezer.state", "THAWED\n"}}}, {"unified", {{"cgroup.freeze", "0\n"}}}});
  EXPECT_EQ(*freezer_state(tree.group()), FreezerState::kThawed);
  ASSERT_TRUE(thaw(tree.group()));
  EXPECT_THAT(tree.written(), ElementsAre("freezer.state"));
  EXPECT_EQ(tree.text("unified", "cgroup.freeze"), "0\n");
}

TEST(Freezer, V1StatesAreOfTheGroupItself) {
  for (const auto& [state, self, expected] : {std::tuple{"FROZEN\n", "1\n", FreezerState::kFrozen},
                                              {"FROZEN\n", "0\n", FreezerState::kThawed},
                                              {"FREEZING\n", "1\n", FreezerState::kFreezing},
                                              {"THAWED\n", "0\n", FreezerState::kThawed}}) {
    LimitsTree tree({{"freezer", {{"freezer.state", state}, {"freezer.self_freezing", self}}}});
    EXPECT_EQ(*freezer_state(tree.group()), expected) << state << self;
  }
  LimitsTree odd({{"freezer", {{"freezer.state", "MELTED\n"}}}});
  EXPECT_FALSE(freezer_state(odd.group()));
}

TEST(Freezer, V2WaitsForTheEvent) {
  LimitsTree tree({{"", {{"cgroup.freeze", "0"}, {"cgroup.events", "populated 1\nfrozen 1\n"}}}});
  ASSERT_TRUE(freeze(tree.group()));
  EXPECT_EQ(tree.text("", "cgroup.freeze"), "1");
  EXPECT_EQ(*freezer_state(tree.group()), FreezerState::kFrozen);
  tree.files().write("parent/group/cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_EQ(*freezer_state(tree.group()), FreezerState::kFreezing);
  ASSERT_TRUE(thaw(tree.group()));
  EXPECT_EQ(*freezer_state(tree.group()), FreezerState::kThawed);
}

TEST(Freezer, WithoutOneTheErrorIsENOENT) {
  LimitsTree tree({{"memory", kNoFiles}});
  for (const Result<void>& done : {freeze(tree.group()), thaw(tree.group())}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ENOENT);
    EXPECT_THAT(done.error().message(), HasSubstr("freezer"));
  }
  EXPECT_FALSE(freezer_state(tree.group()));
}

spec::Spec delegating_spec() {
  spec::Spec spec;
  spec.namespaces = {{spec::NamespaceType::kCgroup, ""}};
  spec.mounts.push_back({"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "rw"}, {}, {}});
  return spec;
}

TEST(Delegation, NeedsANewNamespaceAndAWritableMount) {
  EXPECT_TRUE(wants_delegation(delegating_spec()));
  spec::Spec spec = delegating_spec();
  spec.mounts[0].options.emplace_back("ro");
  EXPECT_FALSE(wants_delegation(spec));
  spec = delegating_spec();
  spec.namespaces[0].path = "/proc/1/ns/cgroup";
  EXPECT_FALSE(wants_delegation(spec));
  spec.namespaces.clear();
  EXPECT_FALSE(wants_delegation(spec));
  spec = delegating_spec();
  spec.mounts[0].destination = "/cgroup";
  EXPECT_FALSE(wants_delegation(spec));
}

uid_t owner_of(const std::string& path) {
  struct stat st {};
  EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
  return st.st_uid;
}

TEST(Delegation, GivesTheListedFilesThatAreThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  LimitsTree tree({{"", {{"memory.max", ""}, {"cgroup.threads", ""}, {"memory.reclaim", ""}}}}, "memory");
  tree.files().write("sys/kernel/cgroup/delegate", "cgroup.procs\nmemory.reclaim\nno.such.file\n");
  ASSERT_TRUE(delegate(tree.group(), 4711, tree.files().at("sys")));
  EXPECT_EQ(owner_of(tree.directory("")), 4711u);
  EXPECT_EQ(owner_of(tree.directory("") + "/cgroup.procs"), 4711u);
  EXPECT_EQ(owner_of(tree.directory("") + "/memory.reclaim"), 4711u);
  EXPECT_EQ(owner_of(tree.directory("") + "/cgroup.threads"), 0u);
  EXPECT_EQ(owner_of(tree.directory("") + "/memory.max"), 0u);
  ASSERT_TRUE(delegate(tree.group(), 4712, "/nowhere"));
  EXPECT_EQ(owner_of(tree.directory("") + "/cgroup.threads"), 4712u);
  EXPECT_EQ(owner_of(tree.directory("") + "/memory.reclaim"), 4711u);
}

TEST(Delegation, LeavesV1Alone) {
  LimitsTree tree({{"memory", kNoFiles}, {"unified", kNoFiles}});
  ASSERT_TRUE(delegate(tree.group(), 4711));
  EXPECT_EQ(owner_of(tree.directory("unified")), ::geteuid());
}

}  // namespace
}  // namespace plimsoll::limits
