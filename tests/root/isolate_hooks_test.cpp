// SPDX-License-Identifier: Apache-2.0
// Starting in two steps, and the programs that run in a container before its own: hooks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/root/isolation.h"

namespace plimsoll::isolate {
namespace {

using test::Ended;
using test::HostState;
using test::Sandbox;
using test::StartSocket;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class IsolateStart : public test::RootTest {};
class IsolateHooks : public test::RootTest {};

std::string message_of(const std::variant<std::monostate, LaunchError>& started) {
  const auto* const failed = std::get_if<LaunchError>(&started);
  return failed == nullptr ? "" : failed->error.message();
}

std::string message_of(const std::variant<Launched, LaunchError>& launched) {
  const auto* const failed = std::get_if<LaunchError>(&launched);
  return failed == nullptr ? "" : failed->error.message();
}

bool waits_until(const std::function<bool()>& condition) {
  const int64_t deadline = monotonic_ns() + int64_t{test::kTimeoutMs} * 1'000'000;
  while (!condition()) {
    if (monotonic_ns() > deadline) return false;
    ::usleep(1000);
  }
  return true;
}

TEST_F(IsolateStart, ProgramWaitsUntilItIsStarted) {
  Sandbox sandbox;
  StartSocket socket(sandbox.tree().at("start"));
  sandbox.launch.start_socket = socket.fd();
  auto launched = sandbox.start({"sh", "-c", "echo ran; ls /proc/$$/fd; true"});
  ASSERT_EQ(message_of(launched), "");
  const pid_t pid = std::get<Launched>(launched).pid;
  pollfd output{sandbox.output_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&output, 1, 50), 0);
  EXPECT_FALSE(read_file("/proc/" + std::to_string(pid) + "/cmdline")->starts_with("sh"));
  UniqueFd connection = socket.connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(message_of(start(connection.get(), -1, {})), "");
  EXPECT_EQ(test::read_all(sandbox.output_fd()), "ran\n0\n1\n2\n");
  EXPECT_EQ(test::wait_for(pid), 0);
}

TEST_F(IsolateStart, MissingProgramIsFoundBeforeTheStart) {
  Sandbox sandbox;
  StartSocket socket(sandbox.tree().at("start"));
  sandbox.launch.start_socket = socket.fd();
  const Ended ended = sandbox.run({"no-such-program"});
  EXPECT_EQ(ended.exit_code, kExitNotFound);
  EXPECT_THAT(ended.output, StartsWith("\"no-such-program\": executable file not found"));
}

TEST_F(IsolateStart, ProgramThatCannotRunIsReportedAtTheStart) {
  Sandbox sandbox;
  StartSocket socket(sandbox.tree().at("start"));
  sandbox.launch.start_socket = socket.fd();
  sandbox.tree().write("rootfs/bin/plain", "no program");
  ASSERT_EQ(::chmod(sandbox.in_rootfs("bin/plain").c_str(), 0755), 0);
  auto launched = sandbox.start({"plain"});
  ASSERT_EQ(message_of(launched), "");
  UniqueFd connection = socket.connect();
  auto started = start(connection.get(), -1, {});
  EXPECT_THAT(message_of(started), HasSubstr("/bin/plain\": neither a program for this machine"));
  ASSERT_TRUE(std::holds_alternative<LaunchError>(started));
  EXPECT_EQ(std::get<LaunchError>(started).exit_code, kExitNotExecutable);
  EXPECT_EQ(test::wait_for(std::get<Launched>(launched).pid), 1);
}

TEST_F(IsolateStart, WaitingProcessCanBeKilled) {
  const HostState before;
  {
    Sandbox sandbox;
    StartSocket socket(sandbox.tree().at("start"));
    sandbox.launch.start_socket = socket.fd();
    auto launched = sandbox.start({"true"});
    ASSERT_EQ(message_of(launched), "");
    ASSERT_EQ(::kill(std::get<Launched>(launched).pid, SIGKILL), 0);
    EXPECT_EQ(test::wait_for(std::get<Launched>(launched).pid), 137);
    EXPECT_TRUE(sandbox.group->wait_empty(test::kTimeoutMs));
    socket.close();
    EXPECT_FALSE(socket.connect());
  }
  EXPECT_EQ(HostState(), before);
}

TEST_F(IsolateStart, LauncherMayEnd) {
  Sandbox sandbox;
  sandbox.tree().make_dir("out");
  sandbox.binds = {{sandbox.tree().at("out"), "/out", false}};
  StartSocket socket(sandbox.tree().at("start"));
  sandbox.launch.start_socket = socket.fd();
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const std::string failed = message_of(sandbox.start({"sh", "-c", "echo done > /out/file; sleep 1000"}));
    if (!failed.empty()) std::fprintf(stderr, "%s\n", failed.c_str());
    ::_exit(failed.empty() ? 0 : 1);
  }
  ASSERT_EQ(test::wait_for(launcher), 0);
  socket.close();
  ::usleep(20'000);
  UniqueFd connection = socket.connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(message_of(start(connection.get(), -1, {})), "");
  EXPECT_TRUE(waits_until([&] { return read_file(sandbox.tree().at("out/file")).value_or("") == "done\n"; }));
}

TEST_F(IsolateStart, HooksThatFailAreReportedAtTheStart) {
  Sandbox sandbox;
  StartSocket socket(sandbox.tree().at("start"));
  sandbox.launch.start_socket = socket.fd();
  sandbox.container.hooks.start_container = {{"/bin/false", {}, {}, {}}};
  auto launched = sandbox.start({"true"});
  ASSERT_EQ(message_of(launched), "");
  UniqueFd connection = socket.connect();
  EXPECT_THAT(
      message_of(start(connection.get(), -1, {})),
      StartsWith("error running startContainer hook #0: /bin/false: startContainer hook failed with exit code 1"));
  EXPECT_EQ(test::wait_for(std::get<Launched>(launched).pid), 1);
}

// A program of the image as the hook `name`, which writes into /log what it was given.
spec::Hook logging_hook(const std::string& name, const std::string& more = "true") {
  return {"/bin/sh",
          {"sh", "-c", "echo \"" + name + " $0 $COLOUR\" >> /log; cat >> /log; " + more, "argument"},
          {"COLOUR=red", "PATH=/bin"},
          {}};
}

// createContainer hooks are the host's programs: there is no other root yet.
spec::Hook host_hook(const Sandbox& sandbox, const std::string& name, const std::string& more = "true") {
  return {"/bin/busybox",
          {"sh", "-c",
           "echo '" + name + "' >> " + sandbox.in_rootfs("log") + "; " + "cat >> " + sandbox.in_rootfs("log") + "; " +
               more},
          {},
          {}};
}

std::string state_of(pid_t pid, std::string_view status) {
  return "{" + std::to_string(pid) + " " + std::string(status) + "}\n";
}

TEST_F(IsolateHooks, RunInOrderWithTheStateOnTheirInput) {
  Sandbox sandbox;
  sandbox.launch.hooks.state_json = state_of;
  pid_t seen = 0;
  sandbox.launch.hooks.before_pivot = [&](pid_t pid) -> Result<void> {
    seen = pid;
    // The mounts are there already, in the container's namespace.
    const std::string mounts = read_file("/proc/" + std::to_string(pid) + "/mountinfo").value_or("");
    EXPECT_THAT(mounts, HasSubstr(sandbox.in_rootfs("proc")));
    sandbox.tree().write("rootfs/log", "before\n");
    return {};
  };
  sandbox.container.hooks.create_container = {
      host_hook(sandbox, "create 1", "ls -d " + sandbox.in_rootfs("proc/1") + " >> " + sandbox.in_rootfs("log")),
      host_hook(sandbox, "create 2")};
  sandbox.container.hooks.start_container = {logging_hook("start 1"), logging_hook("start 2")};
  const Ended ended = sandbox.run({"cat", "/log"});
  const std::string creating = state_of(seen, "creating"), created = state_of(seen, "created");
  EXPECT_GT(seen, 0);
  EXPECT_EQ(ended.output, "before\ncreate 1\n" + creating + sandbox.in_rootfs("proc/1") + "\ncreate 2\n" + creating +
                              "start 1 argument red\n" + created + "start 2 argument red\n" + created);
}

TEST_F(IsolateHooks, RunWithoutAState) {
  Sandbox sandbox;
  sandbox.container.hooks.start_container = {logging_hook("start 1")};
  EXPECT_EQ(sandbox.run({"cat", "/log"}).output, "start 1 argument red\n");
}

TEST_F(IsolateHooks, FailureEndsTheLaunch) {
  Sandbox sandbox;
  sandbox.launch.hooks.state_json = state_of;
  const HostState before;
  sandbox.container.hooks.create_container = {{"/bin/false", {}, {}, {}}, host_hook(sandbox, "not reached")};
  EXPECT_EQ(sandbox.run({"true"}).output,
            "error running createContainer hook #0: /bin/false: createContainer hook failed with exit code 1");
  EXPECT_NE(::access(sandbox.in_rootfs("log").c_str(), F_OK), 0);
  sandbox.container.hooks.create_container = {{"/no/such/hook", {}, {}, {}}};
  EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("error running createContainer hook #0: /no/such/hook: "));
  sandbox.container.hooks.create_container.clear();
  sandbox.container.hooks.start_container = {logging_hook("only", "kill -9 $$")};
  EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("error running startContainer hook #0: /bin/sh: "));
  EXPECT_TRUE(sandbox.group->wait_empty(test::kTimeoutMs));
  EXPECT_EQ(HostState(), before);
}

TEST_F(IsolateHooks, FailureBeforeThePivotEndsTheLaunch) {
  Sandbox sandbox;
  sandbox.launch.hooks.before_pivot = [](pid_t) -> Result<void> { return fail("createRuntime hook 0: refused"); };
  EXPECT_EQ(sandbox.run({"true"}).output, "createRuntime hook 0: refused");
  EXPECT_TRUE(sandbox.group->wait_empty(0));
}

TEST_F(IsolateHooks, TimeIsLimited) {
  Sandbox sandbox;
  sandbox.container.hooks.create_container = {{"/bin/busybox", {"sleep", "1000"}, {}, 1}};
  EXPECT_EQ(sandbox.run({"true"}).output, "error running createContainer hook #0: /bin/busybox: Connection timed out");
  // Neither does one stop us that does not read what it is told.
  sandbox.launch.hooks.state_json = [](pid_t, std::string_view) { return std::string(90'000, 'x'); };
  EXPECT_EQ(sandbox.run({"true"}).output, "error running createContainer hook #0: /bin/busybox: Connection timed out");
  sandbox.container.hooks.create_container = {{"/bin/busybox", {"true"}, {}, 10}};
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
}

TEST_F(IsolateHooks, LongStatesArriveWhole) {
  Sandbox sandbox;
  sandbox.launch.hooks.state_json = [](pid_t, std::string_view) { return std::string(300'000, 'x'); };
  sandbox.container.hooks.start_container = {{"/bin/sh", {"sh", "-c", "wc -c > /log"}, {"PATH=/bin"}, 60}};
  EXPECT_EQ(sandbox.run({"cat", "/log"}).output, "300000\n");
}

// Those of the image must not get what is open here (CVE-2024-21626).
TEST_F(IsolateHooks, GetNoDescriptorsOfTheHost) {
  UniqueFd directory(::open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  UniqueFd leak(::fcntl(directory.get(), F_DUPFD, 200));
  ASSERT_TRUE(leak);
  Sandbox sandbox;
  sandbox.container.hooks.start_container = {
      {"/bin/sh", {"sh", "-c", "for f in /proc/$$/fd/*; do echo ${f##*/}; done > /log"}, {"PATH=/bin"}, {}}};
  const std::string listed = sandbox.run({"cat", "/log"}).output;
  EXPECT_THAT(listed, StartsWith("0\n1\n"));
  EXPECT_THAT(listed, Not(HasSubstr("\n" + std::to_string(leak.get()) + "\n")));
}

TEST_F(IsolateHooks, RunInAUserNamespace) {
  Sandbox sandbox;
  test::use_user_namespace(sandbox, {{0, 100000, 1000}});
  sandbox.launch.hooks.state_json = state_of;
  sandbox.container.hooks.start_container = {logging_hook("start 1")};
  EXPECT_THAT(sandbox.run({"cat", "/log"}).output, AllOf(StartsWith("start 1 argument red\n{"), HasSubstr("created}")));
}

// Process 1 is told when the container's own children end, not the hooks'.
TEST_F(IsolateHooks, LeaveNoChildren) {
  Sandbox sandbox;
  sandbox.container.hooks.start_container = {logging_hook("start 1"), logging_hook("start 2")};
  const Ended ended = sandbox.run({"ps"});
  EXPECT_EQ(test::count_lines(ended.output), 2u) << ended.output;  // heading, ps
}

}  // namespace
}  // namespace plimsoll::isolate
