// SPDX-License-Identifier: Apache-2.0
// What is worked out before clone: paths, the program's candidates, messages about failures,
// namespaces. No privilege needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/container/defaults.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/isolate/mount_plan.h"
#include "runtime/isolate/parent.h"
#include "runtime/isolate/plan.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::isolate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(InnerPath, LevelsAreRelativeAndShortestFirst) {
  EXPECT_THAT(inner_path("/a/b/c")->levels, ElementsAre("a", "a/b", "a/b/c"));
  EXPECT_THAT(inner_path("//a/./b//")->levels, ElementsAre("a", "a/b"));
  EXPECT_THAT(inner_path("/")->levels, IsEmpty());
  EXPECT_THAT(inner_path("")->levels, IsEmpty());
  EXPECT_EQ(inner_path("/a//b")->shown, "/a//b");
}

TEST(InnerPath, UpwardsAndNulAreRefused) {
  for (const char* path : {"..", "/..", "/a/..", "/../a", "/a/../b"}) {
    auto inner = inner_path(path);
    ASSERT_FALSE(inner) << path;
    EXPECT_THAT(inner.error().message(), HasSubstr(path));
  }
  EXPECT_TRUE(inner_path("/a/..b/...")) << "names that only begin with dots are ordinary";
  EXPECT_FALSE(inner_path(std::string_view("/a\0b", 4)));
}

TEST(ProgramCandidates, SlashMeansNoSearch) {
  EXPECT_THAT(program_candidates("/bin/x", {"PATH=/a"}), ElementsAre("/bin/x"));
  EXPECT_THAT(program_candidates("./x", {"PATH=/a"}), ElementsAre("./x"));
}

TEST(ProgramCandidates, PathIsSearchedInOrder) {
  EXPECT_THAT(program_candidates("x", {"HOME=/", "PATH=/a:/b"}), ElementsAre("/a/x", "/b/x"));
  EXPECT_THAT(program_candidates("x", {"PATH=/a::/b"}), ElementsAre("/a/x", "./x", "/b/x"));
  EXPECT_THAT(program_candidates("x", {"PATH="}), ElementsAre("./x"));
  EXPECT_EQ(program_candidates("x", {}).size(), 6u);
  EXPECT_EQ(program_candidates("x", {"XPATH=/a"}).front(), "/usr/local/sbin/x");
}

spec::Process process_of(std::vector<std::string> args, std::vector<std::string> env, std::string cwd) {
  return container::exec_process(std::move(args), std::move(env), std::move(cwd));
}

TEST(MakeProcessPlan, BadInputIsNamed) {
  EXPECT_FALSE(make_process_plan(process_of({}, {}, "/")));
  EXPECT_FALSE(make_process_plan(process_of({""}, {}, "/")));
  EXPECT_FALSE(make_process_plan(process_of({"x"}, {}, "relative")));
  EXPECT_FALSE(make_process_plan(process_of({"x"}, {}, "/a/../b")));
  EXPECT_FALSE(make_process_plan(process_of({std::string("a\0b", 3)}, {}, "/")));
  EXPECT_FALSE(make_process_plan(process_of({"x"}, {std::string("A=\0b", 4)}, "/")));
}

TEST(MakeProcessPlan, ArraysEndWithNull) {
  const spec::Process process = process_of({"sh", "-c", "true"}, {"A=1"}, "/tmp");
  auto plan = make_process_plan(process);
  ASSERT_TRUE(plan);
  ASSERT_EQ(plan->argv.size(), 4u);
  EXPECT_STREQ(plan->argv[2], "true");
  EXPECT_EQ(plan->argv[3], nullptr);
  EXPECT_EQ(plan->env.back(), nullptr);
}

TEST(MakeProcessPlan, WithoutCapabilitiesThereAreNone) {
  spec::Process process = process_of({"x"}, {}, "/");
  process.capabilities.reset();
  auto plan = make_process_plan(process);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->capabilities.bounding, 0u);
  EXPECT_EQ(plan->capabilities.permitted, 0u);
}

spec::Namespace namespace_at(spec::NamespaceType type, std::string path) { return {type, std::move(path)}; }

TEST(PlanNamespaces, NewOnesAreFlagsAndOwnOnesAreLeftOut) {
  spec::Spec spec;
  spec.namespaces = {namespace_at(spec::NamespaceType::kPid, ""), namespace_at(spec::NamespaceType::kCgroup, ""),
                     namespace_at(spec::NamespaceType::kTime, ""),
                     namespace_at(spec::NamespaceType::kNetwork, "/proc/self/ns/net")};
  spec.time_offsets = {{"monotonic", -3, 5}};
  auto plan = plan_namespaces(spec, "/proc");
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->created, uint64_t{CLONE_NEWPID});
  EXPECT_TRUE(plan->new_cgroup && plan->new_time);
  EXPECT_EQ(plan->time_offsets, "monotonic -3 5\n");
  EXPECT_THAT(plan->joins, IsEmpty());
  EXPECT_FALSE(plan->needs_helper());
}

TEST(PlanNamespaces, WhatIsNoneOrOfAnotherTypeIsRefused) {
  spec::Spec spec;
  spec.namespaces = {namespace_at(spec::NamespaceType::kNetwork, "/proc/self/ns/uts")};
  EXPECT_THAT(plan_namespaces(spec, "/proc").error().message(), HasSubstr("of another type"));
  spec.namespaces = {namespace_at(spec::NamespaceType::kNetwork, "/etc/passwd")};
  EXPECT_THAT(plan_namespaces(spec, "/proc").error().message(), HasSubstr("is no namespace"));
  spec.namespaces = {namespace_at(spec::NamespaceType::kNetwork, "/no/such")};
  EXPECT_THAT(plan_namespaces(spec, "/proc").error().message(), HasSubstr("network namespace /no/such"));
}

TEST(PlanNamespaces, UserNamespaceNeedsBothMaps) {
  spec::Spec spec;
  spec.namespaces = {namespace_at(spec::NamespaceType::kUser, "")};
  spec.uid_mappings = {{0, 1000, 1}, {1, 100000, 65536}};
  EXPECT_FALSE(plan_namespaces(spec, "/proc"));
  spec.gid_mappings = {{5, 1000, 1}};
  auto plan = plan_namespaces(spec, "/proc");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->uid_map, "0 1000 1\n1 100000 65536\n");
  EXPECT_EQ(plan->root_gid, 5u) << "there is no group 0: the first that there is makes the mounts";
  EXPECT_FALSE(plan->needs_helper());
}

Report report_of(const char* step, int error, const char* place) {
  Report report;
  report.value = error;
  std::strncpy(report.step, step, sizeof(report.step) - 1);
  std::strncpy(report.place, place, sizeof(report.place) - 1);
  return report;
}

TEST(Explain, StepsAreNamedWithTheirPlace) {
  const LaunchError error = explain(report_of("mount", EPERM, "/proc"), "");
  EXPECT_EQ(error.error.message(), "mount /proc: Operation not permitted");
  EXPECT_EQ(error.exit_code, kExitEngineFailed);
  EXPECT_EQ(explain(report_of("new session", EPERM, ""), "").error.message(), "new session: Operation not permitted");
}

TEST(Explain, ExecutionHasShellsExitCodes) {
  EXPECT_EQ(explain(report_of(kExecuteStep, ENOENT, "x"), "").exit_code, kExitNotFound);
  EXPECT_EQ(explain(report_of(kExecuteStep, ENOENT, "/x"), "").exit_code, kExitNotFound);
  EXPECT_EQ(explain(report_of(kExecuteStep, ELIBACC, "/x"), "").exit_code, kExitNotFound);
  for (int error : {EACCES, ENOEXEC, E2BIG, ETXTBSY, ELOOP}) {
    EXPECT_EQ(explain(report_of(kExecuteStep, error, "/x"), "").exit_code, kExitNotExecutable) << error;
  }
  EXPECT_THAT(explain(report_of(kExecuteStep, ENOENT, "x"), "PATH=/a:/b").error.message(), HasSubstr("PATH=/a:/b"));
}

TEST(Reports, ArriveWholeAndAreCut) {
  auto control = make_control_pair();
  ASSERT_TRUE(control);
  EXPECT_GT(control->parent.get(), 2);
  const std::string long_place(5000, 'x');
  send_report(control->child.get(), Report::Kind::kFailed, EPERM, "mount", long_place.c_str());
  control->child.reset();
  const auto report = read_report(control->parent.get());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->value, EPERM);
  EXPECT_STREQ(report->step, "mount");
  EXPECT_EQ(std::strlen(report->place), sizeof(report->place) - 1);
  EXPECT_FALSE(read_report(control->parent.get())) << "end of the connection";
}

TEST(Reports, TruncatedOneIsNone) {
  auto control = make_control_pair();
  ASSERT_TRUE(control);
  ASSERT_EQ(::write(control->child.get(), "abc", 3), 3);
  EXPECT_FALSE(read_report(control->parent.get()));
}

TEST(Reports, ChildKnowsThatItsParentIsGone) {
  auto control = make_control_pair();
  ASSERT_TRUE(control);
  Child child;
  child.control_fd = control->child.get();
  EXPECT_FALSE(is_orphaned(child));
  EXPECT_TRUE(answer(control->parent.get(), "g"));
  char byte = 0;
  EXPECT_EQ(await_answer(child, &byte, 1), 0);
  EXPECT_EQ(byte, 'g');
  control->parent.reset();
  EXPECT_TRUE(is_orphaned(child));
  EXPECT_EQ(await_answer(child, &byte, 1), ECANCELED);
}

TEST(InnerTree, MakesWhatIsMissing) {
  test::TempTree tree;
  auto root = Dir::open(tree.path());
  const UniqueFd directory(open_or_make(root->fd(), *inner_path("/a/b/c"), {}));
  EXPECT_TRUE(directory);
  EXPECT_TRUE(Dir::open(tree.at("a/b/c")));
  const UniqueFd file(open_or_make(root->fd(), *inner_path("/a/file"), Making{.as_file = true}));
  EXPECT_TRUE(file);
  EXPECT_EQ(*read_file(tree.at("a/file")), "");
  const UniqueFd again(open_or_make(root->fd(), *inner_path("/a/file"), Making{.as_file = true}));
  EXPECT_TRUE(again);
}

TEST(InnerTree, LinksLeadInsideOnly) {
  test::TempTree tree;
  tree.make_dir("root/inside");
  tree.make_dir("outside");
  ASSERT_EQ(::symlink("/inside", tree.at("root/absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../../outside", tree.at("root/up").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", tree.at("root/dangling").c_str()), 0);
  auto root = Dir::open(tree.at("root"));
  EXPECT_TRUE(UniqueFd(open_or_make(root->fd(), *inner_path("/absolute/new"), {})));
  EXPECT_TRUE(Dir::open(tree.at("root/inside/new")));
  EXPECT_TRUE(UniqueFd(open_or_make(root->fd(), *inner_path("/up/new"), {})));
  EXPECT_TRUE(Dir::open(tree.at("root/outside/new"))) << "above the root is the root";
  EXPECT_TRUE(UniqueFd(open_or_make(root->fd(), *inner_path("/dangling"), Making{.as_file = true})));
  EXPECT_EQ(*read_file(tree.at("root/nowhere")), "");
  EXPECT_FALSE(UniqueFd(open_or_make(root->fd(), *inner_path("/dangling/below"), {})));
  EXPECT_TRUE(Dir::open(tree.at("outside"))->list()->empty());
  EXPECT_FALSE(UniqueFd(open_strictly(root->fd(), "absolute/new")));
}

TEST(InnerTree, FileInTheWayIsAnError) {
  test::TempTree tree({{"file", "x"}});
  auto root = Dir::open(tree.path());
  EXPECT_LT(open_or_make(root->fd(), *inner_path("/file/below"), {}), 0);
  EXPECT_EQ(errno, ENOTDIR);
}

// What a container's cgroup mount shows on a pure v2 machine, when its group is not ours to make.
CgroupMount shown_group(bool own_namespace, bool enters_by_itself) {
  spec::Spec spec = container::default_spec();
  spec.namespaces = {{spec::NamespaceType::kMount, ""}};
  if (own_namespace) spec.namespaces.push_back({spec::NamespaceType::kCgroup, ""});
  LaunchSpec launch;
  launch.spec = &spec;
  launch.rootfs = "/rootfs";
  launch.enter_group = enters_by_itself;
  launch.places = {limits::place_in({"/sys/fs/cgroup", {"memory"}, true}, "/system.slice/x.scope")};
  auto plan = plan_mounts(launch);
  if (!plan || plan->cgroups.size() != 1) return {"", "no plan", {}, {}};
  return plan->cgroups[0];
}

TEST(PlanMounts, TheGroupThatSystemdMakesIsShownWhereverItIs) {
  EXPECT_EQ(shown_group(true, false).source, "/sys/fs/cgroup/system.slice/x.scope");
  EXPECT_TRUE(shown_group(true, false).fresh);
  EXPECT_EQ(shown_group(true, false).name, "");
}

TEST(PlanMounts, AGroupOfSomebodyElseIsBound) {
  EXPECT_EQ(shown_group(true, true).source, "/sys/fs/cgroup/system.slice/x.scope");
  EXPECT_FALSE(shown_group(true, true).fresh);
}

TEST(PlanMounts, WithoutANamespaceTheWholeTreeIsShown) {
  for (const bool enters_by_itself : {false, true}) {
    EXPECT_EQ(shown_group(false, enters_by_itself).source, "/sys/fs/cgroup");
    EXPECT_FALSE(shown_group(false, enters_by_itself).fresh);
  }
}

TEST(Defaults, CapabilitiesAreDockersFourteen) {
  const auto capabilities = container::default_spec().process->capabilities;
  EXPECT_EQ(capabilities->permitted, 0xa80425fbu);
  EXPECT_EQ(capabilities->bounding, 0xa80425fbu);
  EXPECT_EQ(capabilities->inheritable | capabilities->ambient, 0u);
}

}  // namespace
}  // namespace plimsoll::isolate
