// SPDX-License-Identifier: Apache-2.0
// Real containers: what they see, how they fail to start, what they leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <algorithm>
#include <thread>

#include "runtime/isolate/protected_program.h"
#include "tests/root/sandbox.h"

namespace plimsoll::isolate {
namespace {

using test::Ended;
using test::Sandbox;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Isolate : public test::RootTest {};

std::string namespace_of(const std::string& process, const std::string& kind) {
  char target[64] = {};
  const ssize_t size = ::readlink(("/proc/" + process + "/ns/" + kind).c_str(), target, sizeof(target) - 1);
  return size < 0 ? "" : std::string(target, static_cast<size_t>(size));
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    all.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return all;
}

size_t open_descriptors() { return Dir::open("/proc/self/fd")->list()->size(); }

TEST_F(Isolate, RunsAsProcessOneWithItsOwnHostName) {
  Sandbox sandbox;
  const Ended ended = sandbox.shell("echo $$ $(hostname) $(pwd) $(id -u) $(id -G)");
  EXPECT_EQ(ended.output, "1 inside / 0 0\n");
  EXPECT_EQ(ended.exit_code, 0);
}

TEST_F(Isolate, EachNamespaceDiffersFromTheHosts) {
  Sandbox sandbox;
  for (const char* kind : {"pid", "mnt", "uts", "ipc", "net", "cgroup"}) {
    const std::string inside = sandbox.run({"readlink", std::string("/proc/self/ns/") + kind}).output;
    EXPECT_THAT(inside, StartsWith(kind));
    EXPECT_NE(inside, namespace_of("self", kind) + "\n") << kind;
  }
}

TEST_F(Isolate, HostNetworkKeepsTheHostsInterfaces) {
  Sandbox sandbox;
  sandbox.use_host_network();
  EXPECT_EQ(sandbox.run({"readlink", "/proc/self/ns/net"}).output, namespace_of("self", "net") + "\n");
}

TEST_F(Isolate, LoopbackIsUp) {
  Sandbox sandbox;
  EXPECT_THAT(sandbox.run({"ip", "link", "show", "lo"}).output, HasSubstr("LOOPBACK,UP"));
}

TEST_F(Isolate, SeesOnlyItsOwnRootFileSystem) {
  Sandbox sandbox;
  const Ended ended = sandbox.shell("ls / && cat /../../etc/hostname; ls -d " + sandbox.tree().path());
  EXPECT_THAT(ended.output, StartsWith("bin\ndev\nproc\nsys\ntmp\n"));
  EXPECT_THAT(ended.output, HasSubstr("No such file"));
  EXPECT_NE(ended.exit_code, 0);
}

TEST_F(Isolate, MountTableHasNothingOfTheHost) {
  Sandbox sandbox;
  const std::vector<std::string> mounts = lines(sandbox.run({"cat", "/proc/self/mountinfo"}).output);
  ASSERT_GT(mounts.size(), 10u);
  for (const std::string& mount : mounts) {
    const std::string point = mount.substr(mount.find(" /", mount.find(" /") + 1) + 1);
    EXPECT_TRUE(point == "/" || point.starts_with("/ ") || point.starts_with("/proc") || point.starts_with("/sys") ||
                point.starts_with("/dev"))
        << mount;
    EXPECT_THAT(mount, Not(HasSubstr("shared:")));
  }
}

TEST_F(Isolate, DevHasTheUsualDevicesAndNoOther) {
  Sandbox sandbox;
  const Ended ended = sandbox.shell(
      "cd /dev; ls; echo x > null; dd if=zero bs=4 count=1 2>/dev/null | wc -c; readlink ptmx; touch shm/a; ls shm");
  EXPECT_EQ(
      ended.output,
      "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n4\npts/ptmx\na\n");
}

TEST_F(Isolate, CgroupNamespaceAndMountShowOnlyTheOwnGroup) {
  Sandbox sandbox;
  const Ended own = sandbox.run({"cat", "/proc/self/cgroup"});
  for (const std::string& line : lines(own.output)) EXPECT_TRUE(line.ends_with(":/")) << line;
  const Ended write = sandbox.shell(
      "find=$(ls -d /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs 2>/dev/null); echo $find; "
      "for f in $find; do cat $f; echo 1 > $f; done");
  EXPECT_THAT(write.output, HasSubstr("/cgroup.procs"));
  EXPECT_THAT(write.output, HasSubstr("\n1\n"));
  EXPECT_THAT(write.output, HasSubstr("Read-only file system"));
  EXPECT_NE(write.exit_code, 0);
}

TEST_F(Isolate, ProgramIsLookedUpInPathOfTheContainer) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
  EXPECT_EQ(sandbox.run({"false"}).exit_code, 1);
  sandbox.container.process->env = {"PATH=/nowhere:/bin", "GREETING=a b"};
  EXPECT_EQ(sandbox.shell("echo $GREETING").output, "a b\n");
  sandbox.container.process->env = {"PATH=/nowhere"};
  const Ended missing = sandbox.run({"sh"});
  EXPECT_EQ(missing.exit_code, kExitNotFound);
  EXPECT_EQ(missing.output, "\"sh\": executable file not found in $PATH (PATH=/nowhere)");
}

TEST_F(Isolate, MissingProgramIs127) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.run({"no-such-program"}).exit_code, kExitNotFound);
  const Ended ended = sandbox.run({"/bin/no-such-program"});
  EXPECT_EQ(ended.exit_code, kExitNotFound);
  EXPECT_EQ(ended.output, "\"/bin/no-such-program\": no such file or directory: not found in the container");
}

TEST_F(Isolate, ProgramThatCannotRunIs126) {
  Sandbox sandbox;
  sandbox.tree().write("rootfs/bin/plain", "text");
  EXPECT_EQ(sandbox.run({"/bin/plain"}).exit_code, kExitNotExecutable);
  EXPECT_EQ(sandbox.run({"plain"}).exit_code, kExitNotExecutable);
  EXPECT_EQ(sandbox.run({"/bin"}).exit_code, kExitNotExecutable);
  ASSERT_EQ(::chmod(sandbox.in_rootfs("bin/plain").c_str(), 0755), 0);
  const Ended no_format = sandbox.run({"/bin/plain"});
  EXPECT_EQ(no_format.exit_code, kExitNotExecutable);
  EXPECT_THAT(no_format.output, HasSubstr("neither a program for this machine"));
}

TEST_F(Isolate, MissingInterpreterSaysSo) {
  Sandbox sandbox;
  sandbox.tree().write("rootfs/bin/script", "#!/usr/bin/nothing\n");
  ASSERT_EQ(::chmod(sandbox.in_rootfs("bin/script").c_str(), 0755), 0);
  const Ended ended = sandbox.run({"script"});
  EXPECT_EQ(ended.exit_code, kExitNotFound);
  EXPECT_THAT(ended.output, AllOf(HasSubstr("script"), HasSubstr("interpreter")));
}

TEST_F(Isolate, ExitCodesAndSignalsArriveAtTheParent) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.shell("exit 42").exit_code, 42);
  auto started = sandbox.start({"sleep", "1000"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
  Launched& launched = std::get<Launched>(started);
  ASSERT_EQ(::kill(launched.pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(launched.pid), 137);
}

TEST_F(Isolate, EndOfProcessOneEndsAllOthers) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.shell("sleep 1000 & sleep 1000 & echo started").output, "started\n");
  EXPECT_TRUE(sandbox.group->wait_empty(test::kTimeoutMs));
}

TEST_F(Isolate, DescriptorsAndSignalStateDoNotLeakIn) {
  UniqueFd leak(::open("/etc/passwd", O_RDONLY));  // without O_CLOEXEC
  UniqueFd high(::fcntl(leak.get(), F_DUPFD, 200));
  ASSERT_TRUE(high);
  struct sigaction before;
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  ASSERT_EQ(::sigaction(SIGPIPE, &ignore, &before), 0);
  Sandbox sandbox;
  EXPECT_EQ(sandbox.probe({"signals"}), "default open 022\nok\n");
  EXPECT_EQ(sandbox.shell("ls /proc/self/fd | wc -l; ls /proc/1/fd; true").output,
            "4\n0\n1\n2\n");  // ls holds one itself
  ASSERT_EQ(::sigaction(SIGPIPE, &before, nullptr), 0);
}

TEST_F(Isolate, DescriptorsDoNotLeakIntoTheParent) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
  const size_t before = open_descriptors();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sandbox.run({"nothing"}).exit_code, kExitNotFound);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Isolate, StartsWhenTheCallerHasNoStandardStreams) {
  Sandbox sandbox;
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    const Ended ended = sandbox.shell("ls /proc/1/fd; true");
    ::_exit(ended.output == "0\n1\n2\n" && ended.exit_code == 0 ? 0 : 1);
  }
  EXPECT_EQ(test::wait_for(pid), 0);
}

TEST_F(Isolate, WorkingDirectoryIsMadeAndStaysInside) {
  Sandbox sandbox;
  sandbox.container.process->cwd = "/made/for/me";
  EXPECT_EQ(sandbox.run({"pwd"}).output, "/made/for/me\n");
  sandbox.container.process->cwd = "/proc/self/fd/7";
  EXPECT_EQ(sandbox.run({"pwd"}).exit_code, kExitEngineFailed);
  sandbox.container.process->cwd = "relative";
  EXPECT_EQ(sandbox.run({"pwd"}).output, "working directory \"relative\": must be an absolute path");
}

TEST_F(Isolate, BindsDirectoriesAndFiles) {
  Sandbox sandbox;
  sandbox.tree().write("data/file", "content\n");
  sandbox.binds = {{sandbox.tree().at("data"), "/volumes/rw", false},
                   {sandbox.tree().at("data"), "/volumes/ro", true},
                   {sandbox.tree().at("data/file"), "/etc/one-file", true}};
  const Ended ended = sandbox.shell(
      "cat /etc/one-file /volumes/ro/file; echo new > /volumes/rw/new; touch /volumes/ro/x; echo x > /etc/one-file");
  EXPECT_THAT(ended.output, StartsWith("content\ncontent\n"));
  EXPECT_THAT(ended.output, AllOf(HasSubstr("/volumes/ro/x: Read-only"), HasSubstr("/etc/one-file: Read-only")));
  EXPECT_EQ(*read_file(sandbox.tree().at("data/new")), "new\n");
}

TEST_F(Isolate, ReadOnlyBindHoldsForWhatIsMountedBelow) {
  Sandbox sandbox;
  sandbox.tree().make_dir("data/below");
  ASSERT_EQ(::mount("none", sandbox.tree().at("data/below").c_str(), "tmpfs", 0, nullptr), 0);
  sandbox.binds = {{sandbox.tree().at("data"), "/data", true}};
  EXPECT_THAT(sandbox.shell("touch /data/below/x").output, HasSubstr("Read-only file system"));
  EXPECT_EQ(::umount2(sandbox.tree().at("data/below").c_str(), 0), 0);
}

TEST_F(Isolate, SymbolicLinksCannotLeadABindOutside) {
  Sandbox sandbox;
  sandbox.tree().make_dir("data");
  sandbox.tree().make_dir("outside");
  ASSERT_EQ(::symlink(sandbox.tree().at("outside").c_str(), sandbox.in_rootfs("absolute").c_str()), 0);
  ASSERT_EQ(::symlink("../outside", sandbox.in_rootfs("relative").c_str()), 0);
  sandbox.binds = {{sandbox.tree().at("data"), "/relative/made", false}};
  EXPECT_EQ(sandbox.shell("ls -d /outside/made").output, "/outside/made\n");  // made inside, as the link names it
  sandbox.binds = {{sandbox.tree().at("data"), "/absolute/made", false}};
  EXPECT_EQ(sandbox.shell("ls -d " + sandbox.tree().at("outside") + "/made").exit_code, 0);
  EXPECT_TRUE(Dir::open(sandbox.tree().at("outside"))->list()->empty());
}

TEST_F(Isolate, BindTargetsInProcAreRefused) {
  Sandbox sandbox;
  sandbox.tree().make_dir("data");
  for (const char* target : {"/proc/sys", "/proc", "/through"}) {
    sandbox.binds = {{sandbox.tree().at("data"), target, false}};
    ::symlink("/proc/fs", sandbox.in_rootfs("through").c_str());
    EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("must not lie in /proc")) << target;
  }
  sandbox.binds = {{sandbox.tree().at("data"), "/a/../../b", false}};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount \"/a/../../b\": \"/a/../../b\": must not contain \"..\"");
}

TEST_F(Isolate, MissingBindSourceIsNamed) {
  Sandbox sandbox;
  sandbox.binds = {{"/no/such/source", "/x", false}};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /no/such/source: No such file or directory");
}

TEST_F(Isolate, MountPointsThatAreLinksAreRefused) {
  for (const char* name : {"proc", "sys", "dev"}) {
    Sandbox sandbox;
    sandbox.tree().make_dir("outside");
    ASSERT_EQ(::symlink("/tmp", sandbox.in_rootfs(name).c_str()), 0);
    const Ended ended = sandbox.run({"true"});
    EXPECT_EQ(ended.exit_code, kExitEngineFailed);
    EXPECT_THAT(ended.output,
                AllOf(StartsWith(std::string("mount /") + name), HasSubstr("must be mounted on ordinary directory")));
  }
}

TEST_F(Isolate, MissingRootFileSystemIsNamed) {
  Sandbox sandbox;
  sandbox.launch.rootfs = "/no/such/rootfs";
  EXPECT_EQ(sandbox.run({"true"}).output, "attach root file system /no/such/rootfs: No such file or directory");
  sandbox.launch.rootfs = "/etc/passwd";
  EXPECT_EQ(sandbox.run({"true"}).exit_code, kExitEngineFailed);
}

TEST_F(Isolate, NetworkIsConfiguredBeforeTheProgramRuns) {
  Sandbox sandbox;
  pid_t seen = 0;
  sandbox.launch.hooks.configure = [&](pid_t pid) -> Result<void> {
    seen = pid;
    EXPECT_NE(namespace_of(std::to_string(pid), "net"), namespace_of("self", "net"));
    return {};
  };
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
  EXPECT_GT(seen, 0);
}

TEST_F(Isolate, FailedNetworkEndsTheLaunch) {
  Sandbox sandbox;
  sandbox.launch.hooks.configure = [](pid_t) -> Result<void> { return fail("no subnet left"); };
  const Ended ended = sandbox.run({"true"});
  EXPECT_EQ(ended.output, "no subnet left");
  EXPECT_EQ(ended.exit_code, kExitEngineFailed);
  EXPECT_TRUE(sandbox.group->wait_empty(0));
}

TEST_F(Isolate, ChildsOwnFailureIsToldRatherThanTheNetworks) {
  Sandbox sandbox;
  sandbox.binds = {{"/no/such/source", "/x", false}};
  sandbox.launch.hooks.configure = [](pid_t pid) -> Result<void> {
    while (::access(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), F_OK) == 0)
      ::usleep(1000);  // a zombie has none
    return fail("no such process");
  };
  EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("mount /no/such/source"));
}

TEST_F(Isolate, NetDevStaysReadableAfterTheEnd) {
  Sandbox sandbox;
  auto started = sandbox.start({"true"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
  Launched& launched = std::get<Launched>(started);
  EXPECT_EQ(test::wait_for(launched.pid), 0);
  ReadBuffer buffer;
  auto text = buffer.read(launched.net_dev.get());
  ASSERT_TRUE(text);
  EXPECT_THAT(std::string(*text), HasSubstr("lo:"));
}

TEST_F(Isolate, ChildDiesWithItsParentBeforeExec) {
  Sandbox sandbox;
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    sandbox.launch.hooks.configure = [](pid_t) -> Result<void> { ::_exit(7); };
    sandbox.run({"sleep", "1000"});
    ::_exit(0);
  }
  EXPECT_EQ(test::wait_for(launcher), 7);
  EXPECT_TRUE(sandbox.group->wait_empty(test::kTimeoutMs));
}

TEST_F(Isolate, ContainerOutlivesItsParentAfterExec) {
  Sandbox sandbox;
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    auto started = sandbox.start({"sleep", "1000"});
    ::_exit(std::holds_alternative<Launched>(started) ? 0 : 1);
  }
  EXPECT_EQ(test::wait_for(launcher), 0);
  auto empty = sandbox.group->wait_empty(100);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, ETIMEDOUT);
}

TEST_F(Isolate, ProtectedProgramCannotBeOverwrittenThroughItsProcess) {
  test::TempTree tree;
  ASSERT_TRUE(test::copy_file("/bin/busybox", tree.at("busybox")));
  auto program = open_protected(tree.at("busybox"));
  ASSERT_TRUE(program) << program.error().message();
  const pid_t pid = ::fork();
  if (pid == 0) {
    const char* argv[] = {"sleep", "1000", nullptr};
    const char* env[] = {nullptr};
    ::syscall(SYS_execveat, program->get(), "", argv, env, AT_EMPTY_PATH);
    ::_exit(1);
  }
  const std::string process = "/proc/" + std::to_string(pid);
  for (int attempt = 0; attempt < 5000 && !read_file(process + "/cmdline").value_or("").starts_with("sleep");
       ++attempt) {
    ::usleep(1000);
  }
  UniqueFd executable(::open((process + "/exe").c_str(), O_PATH | O_CLOEXEC));
  ASSERT_TRUE(executable);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(pid), 137);
  const std::string again = "/proc/self/fd/" + std::to_string(executable.get());
  EXPECT_EQ(::open(again.c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_FALSE(open_protected(tree.at("missing")));
}

// The root file systems are written before: a program that is open for writing in some other child would be ETXTBSY.
TEST_F(Isolate, ManyThreadsLaunchAtOnce) {
  constexpr int kThreads = 4;
  std::vector<std::unique_ptr<Sandbox>> sandboxes;
  for (int i = 0; i < kThreads; ++i) sandboxes.push_back(std::make_unique<Sandbox>());
  std::vector<std::thread> threads;
  for (std::unique_ptr<Sandbox>& sandbox : sandboxes) {
    threads.emplace_back([&sandbox] {
      for (int i = 0; i < 5; ++i) {
        const Ended ended = sandbox->shell("echo $$");
        EXPECT_EQ(ended.output, "1\n");
        EXPECT_EQ(ended.exit_code, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace plimsoll::isolate
