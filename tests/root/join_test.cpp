// SPDX-License-Identifier: Apache-2.0
// Further programs in a running container (exec).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <cerrno>

#include "tests/root/sandbox.h"

namespace plimsoll::isolate {
namespace {

using test::Ended;
using test::Sandbox;
using testing::HasSubstr;

class Join : public test::RootTest {
 protected:
  void SetUp() override {
    test::RootTest::SetUp();
    if (IsSkipped()) return;
    sandbox_ = std::make_unique<Sandbox>();
    auto started = sandbox_->start({"sleep", "10000"});
    ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
    launched_ = std::get<Launched>(std::move(started));
  }

  std::variant<Launched, LaunchError> start(std::vector<std::string> argv, UniqueFd& output) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return LaunchError{errno_error("pipe")};
    output.reset(ends[0]);
    UniqueFd write_end(ends[1]);
    process_.args = std::move(argv);
    spec_.process = &process_;
    spec_.stdio[0] = -1;
    spec_.stdio[1] = spec_.stdio[2] = write_end.get();
    spec_.pid = launched_.pid;
    spec_.pidfd = launched_.pidfd.get();
    spec_.namespaces = container::entered_namespaces();
    spec_.group = &*sandbox_->group;
    spec_.filter.program = seccomp::default_filter();
    spec_.exec_stub = sandbox_->launch.exec_stub;
    return join(spec_);
  }

  Ended run(std::vector<std::string> argv) {
    UniqueFd output;
    auto started = start(std::move(argv), output);
    if (auto* failed = std::get_if<LaunchError>(&started)) return {failed->error.message(), failed->exit_code};
    Ended ended;
    ended.output = test::read_all(output.get());
    ended.exit_code = test::wait_for(std::get<Launched>(started).pid);
    return ended;
  }

  std::unique_ptr<Sandbox> sandbox_;
  Launched launched_;
  spec::Process process_ = container::exec_process({}, {}, "/");
  JoinSpec spec_;
};

std::string namespace_of(pid_t pid, const std::string& kind) {
  char target[64] = {};
  const ssize_t size = ::readlink(("/proc/" + std::to_string(pid) + "/ns/" + kind).c_str(), target, sizeof(target) - 1);
  return size < 0 ? "" : std::string(target, static_cast<size_t>(size));
}

TEST_F(Join, RunsInEveryNamespaceOfTheContainer) {
  for (const char* kind : {"pid", "mnt", "uts", "ipc", "net", "cgroup"}) {
    EXPECT_EQ(run({"readlink", std::string("/proc/self/ns/") + kind}).output, namespace_of(launched_.pid, kind) + "\n");
  }
  const Ended ended = run({"sh", "-c", "hostname; ps"});
  EXPECT_THAT(ended.output, HasSubstr("inside\n"));
  EXPECT_THAT(ended.output, HasSubstr("sleep 10000"));
}

TEST_F(Join, ProcessIsInTheGroupInEveryHierarchy) {
  UniqueFd output;
  auto started = start({"sleep", "1000"}, output);
  ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
  const pid_t pid = std::get<Launched>(started).pid;
  for (const limits::CgroupPlace& place : sandbox_->group->places()) {
    EXPECT_THAT("\n" + *read_file(place.directory + "/cgroup.procs"), HasSubstr("\n" + std::to_string(pid) + "\n"))
        << place.directory;
  }
  EXPECT_EQ(::kill(pid, SIGTERM), 0);
  EXPECT_EQ(test::wait_for(pid), 128 + SIGTERM);
}

TEST_F(Join, LimitsAndPrioritiesAreGiven) {
  process_.rlimits = {{RLIMIT_NOFILE, 77, 88}};
  process_.oom_score_adj = 321;
  const Ended ended = run({"sh", "-c", "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj"});
  EXPECT_EQ(ended.output, "77\n88\n321\n");
}

TEST_F(Join, HasTheSamePrivilegesAsTheFirstProgram) {
  const std::string status = run({"cat", "/proc/self/status"}).output;
  const std::string first = *read_file("/proc/" + std::to_string(launched_.pid) + "/status");
  for (const char* name :
       {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Groups:"}) {
    const size_t at = first.find(name);
    ASSERT_NE(at, first.npos);
    EXPECT_THAT(status, HasSubstr(first.substr(at, first.find('\n', at) - at))) << name;
  }
  EXPECT_EQ(run({"probe", "unshare"}).output, std::to_string(EPERM) + "\n");
}

TEST_F(Join, OnlyStandardStreamsAreOpen) {
  UniqueFd leak(::open("/etc/passwd", O_RDONLY));
  EXPECT_EQ(run({"sh", "-c", "ls /proc/self/fd | wc -l"}).output, "4\n");  // ls holds one itself
}

TEST_F(Join, ExitCodesAndEnvironmentArrive) {
  process_.env = {"PATH=/bin", "COLOUR=red"};
  const Ended ended = run({"sh", "-c", "echo $COLOUR; exit 7"});
  EXPECT_EQ(ended.output, "red\n");
  EXPECT_EQ(ended.exit_code, 7);
}

TEST_F(Join, ProgramsThatCannotRunHaveShellsExitCodes) {
  EXPECT_EQ(run({"nothing"}).exit_code, kExitNotFound);
  EXPECT_EQ(run({"/tmp"}).exit_code, kExitNotExecutable);
  EXPECT_EQ(run({}).exit_code, kExitEngineFailed);
}

TEST_F(Join, MissingWorkingDirectoryIsNamed) {
  process_.cwd = "/not/there";
  EXPECT_EQ(run({"true"}).output, "chdir to working directory /not/there: No such file or directory");
  process_.cwd = "/tmp";
  EXPECT_EQ(run({"pwd"}).output, "/tmp\n");
}

TEST_F(Join, ReplacedNullDeviceIsRefused) {
  EXPECT_EQ(run({"sh", "-c", "cd /dev && busybox rm null && busybox mkfifo null"}).exit_code, 0);
  EXPECT_EQ(run({"true"}).output, "connect standard streams /dev/null: No such device");
  EXPECT_EQ(run({"true"}).exit_code, kExitEngineFailed);
}

TEST_F(Join, EndedContainerIsAnError) {
  ASSERT_EQ(::kill(launched_.pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(launched_.pid), 137);
  EXPECT_EQ(run({"true"}).exit_code, kExitEngineFailed);
}

TEST_F(Join, EndOfTheContainerEndsIt) {
  UniqueFd output;
  auto started = start({"sleep", "1000"}, output);
  ASSERT_TRUE(std::holds_alternative<Launched>(started));
  ASSERT_EQ(::kill(launched_.pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(std::get<Launched>(started).pid), 137);
  EXPECT_EQ(test::wait_for(launched_.pid), 137);
}

TEST_F(Join, LeavesNoHelperBehind) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(run({"true"}).exit_code, 0);
  const Ended ended = run({"ps"});
  EXPECT_EQ(std::count(ended.output.begin(), ended.output.end(), '\n'), 3) << ended.output;  // heading, sleep, ps
}

}  // namespace
}  // namespace plimsoll::isolate
