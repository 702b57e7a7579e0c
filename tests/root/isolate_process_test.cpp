// SPDX-License-Identifier: Apache-2.0
// The program in a container: who it is, what it may do, its limits, priorities, terminal and descriptors; and that
// launches which fail, and programs that join, leave nothing open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include <cstring>

#include "runtime/system_calls.h"
#include "tests/root/isolation.h"

namespace plimsoll::isolate {
namespace {

using test::Ended;
using test::HostState;
using test::in_child;
using test::Running;
using test::Sandbox;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uint64_t kAllCapabilities = (uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;

class IsolateProcess : public test::RootTest {};

constexpr uint64_t mask(int capability) { return uint64_t{1} << capability; }

std::string set_line(const char* name, uint64_t set) {
  char line[64];
  std::snprintf(line, sizeof(line), "%s:\t%016llx\n", name, static_cast<unsigned long long>(set));
  return line;
}

// As somebody who may not raise limits.
class WithoutSysResource {
 public:
  WithoutSysResource() {
    EXPECT_EQ(capability_get(before_), 0);
    __user_cap_data_struct sets[2] = {before_[0], before_[1]};
    sets[0].effective &= ~(1u << CAP_SYS_RESOURCE);
    EXPECT_EQ(capability_set(sets), 0);
  }
  ~WithoutSysResource() { EXPECT_EQ(capability_set(before_), 0); }
  WithoutSysResource(const WithoutSysResource&) = delete;
  WithoutSysResource& operator=(const WithoutSysResource&) = delete;

 private:
  __user_cap_data_struct before_[2] = {};
};

TEST_F(IsolateProcess, IsWhoItShallBe) {
  Sandbox sandbox;
  sandbox.container.process->user = {1234, 2345, 0077, {7, 8, 9}};
  ASSERT_EQ(::chmod(sandbox.in_rootfs("tmp").c_str(), 01777), 0);
  for (const char* path : {"", "bin"}) ASSERT_EQ(::chmod(sandbox.in_rootfs(path).c_str(), 0755), 0);
  EXPECT_EQ(sandbox.shell("id -u; id -g; id -G; umask; touch /tmp/x; stat -c %a:%u:%g /tmp/x").output,
            "1234\n2345\n2345 7 8 9\n0077\n600:1234:2345\n");
  sandbox.container.process->user.umask.reset();
  EXPECT_EQ(sandbox.shell("umask").output, "0022\n");
}

TEST_F(IsolateProcess, CapabilitiesAreThoseAskedFor) {
  Sandbox sandbox;
  for (const char* path : {"", "bin"}) ASSERT_EQ(::chmod(sandbox.in_rootfs(path).c_str(), 0755), 0);
  const uint64_t bind = mask(CAP_NET_BIND_SERVICE), kill = mask(CAP_KILL), chown = mask(CAP_CHOWN);
  sandbox.container.process->user.uid = 1000;
  sandbox.container.process->capabilities = spec::Capabilities{bind | kill | chown, bind, bind, bind | kill, bind};
  EXPECT_THAT(sandbox.run({"grep", "Cap", "/proc/self/status"}).output,
              set_line("CapInh", bind) + set_line("CapPrm", bind) + set_line("CapEff", bind) +
                  set_line("CapBnd", bind | kill | chown) + set_line("CapAmb", bind));
  sandbox.container.process->capabilities = spec::Capabilities{bind | kill, bind | kill, 0, bind | kill, 0};
  EXPECT_THAT(sandbox.run({"grep", "Cap", "/proc/self/status"}).output,
              set_line("CapInh", 0) + set_line("CapPrm", 0) + set_line("CapEff", 0) + set_line("CapBnd", bind | kill) +
                  set_line("CapAmb", 0));
  sandbox.container.process->capabilities.reset();
  sandbox.container.process->user.uid = 0;
  EXPECT_THAT(sandbox.run({"grep", "CapBnd", "/proc/self/status"}).output, set_line("CapBnd", 0));
}

TEST_F(IsolateProcess, CapabilitiesOfTheLauncherAreTheMost) {
  Sandbox sandbox;
  constexpr uint64_t kAll = kAllCapabilities;
  sandbox.container.process->capabilities = spec::Capabilities{kAll, kAll, kAll, kAll, kAll};
  const std::string own = *read_file("/proc/self/status");
  const size_t at = own.find("CapBnd:");
  EXPECT_THAT(sandbox.run({"grep", "CapBnd", "/proc/self/status"}).output, own.substr(at, own.find('\n', at) - at + 1));
}

TEST_F(IsolateProcess, NewPrivilegesAndFilters) {
  Sandbox sandbox;
  for (const char* path : {"", "bin"}) ASSERT_EQ(::chmod(sandbox.in_rootfs(path).c_str(), 0755), 0);
  for (const bool forbidden : {false, true}) {
    for (const uid_t uid : {0u, 1000u}) {
      sandbox.container.process->no_new_privileges = forbidden;
      sandbox.container.process->user.uid = uid;
      EXPECT_THAT(sandbox.run({"grep", "-E", "NoNewPrivs|Seccomp:", "/proc/self/status"}).output,
                  std::string("NoNewPrivs:\t") + (forbidden ? "1" : "0") + "\nSeccomp:\t2\n");
      EXPECT_EQ(sandbox.probe({"unshare"}), std::to_string(EPERM) + "\n");
    }
  }
  sandbox.launch.filter = {};
  EXPECT_THAT(sandbox.run({"grep", "Seccomp:", "/proc/self/status"}).output, "Seccomp:\t0\n");
}

TEST_F(IsolateProcess, Limits) {
  Sandbox sandbox;
  WithoutSysResource without;
  sandbox.container.process->rlimits = {{RLIMIT_NOFILE, 5, 7}, {RLIMIT_CORE, 0, 0}, {RLIMIT_FSIZE, 1024, 2048}};
  const Ended ended = sandbox.shell("ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Sf");
  EXPECT_EQ(ended.output, "5\n7\n0\n2\n");
  rlimit now;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  ASSERT_LT(now.rlim_max, 1'000'000'000u);
  sandbox.container.process->rlimits = {{RLIMIT_NOFILE, 5, now.rlim_max + 1}};
  EXPECT_THAT(sandbox.run({"true"}).output,
              AllOf(StartsWith("process.rlimits: RLIMIT_NOFILE 5:"), EndsWith("Operation not permitted")));
  sandbox.container.process->rlimits = {{RLIMIT_NPROC, 8, 7}};
  EXPECT_THAT(sandbox.run({"true"}).output, "process.rlimits: RLIMIT_NPROC 8:7: Invalid argument");
}

TEST_F(IsolateProcess, LimitsThatEnginesAskForAreCutWithAWarning) {
  EXPECT_EQ(in_child([] {
              Sandbox sandbox;
              WithoutSysResource without;
              const rlimit low{600, 700};
              ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
              sandbox.container.process->rlimits = {{RLIMIT_NOFILE, 1048576, 1048576}};
              Running running(sandbox, {"sh", "-c", "ulimit -Sn; ulimit -Hn"});
              EXPECT_EQ(test::read_all(sandbox.output_fd()), "700\n700\n");
              ASSERT_EQ(running.get().warnings.size(), 1u);
              EXPECT_THAT(running.get().warnings[0],
                          AllOf(StartsWith("RLIMIT_NOFILE 1048576:1048576"), EndsWith("cut to 700")));
            }),
            0);
}

TEST_F(IsolateProcess, CapabilitiesThatCannotBeGrantedAreLeftOutWithAWarning) {
  EXPECT_EQ(in_child([] {
              Sandbox sandbox;
              __user_cap_data_struct sets[2] = {};
              ASSERT_EQ(capability_get(sets), 0);
              sets[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
              sets[0].effective &= sets[0].permitted;
              ASSERT_EQ(capability_set(sets), 0);
              const uint64_t wanted = uint64_t{1} << CAP_SYS_RESOURCE | uint64_t{1} << CAP_CHOWN;
              sandbox.container.process->capabilities = spec::Capabilities{wanted, wanted, 0, wanted, 0};
              Running running(sandbox, {"grep", "CapEff", "/proc/self/status"});
              EXPECT_EQ(test::read_all(sandbox.output_fd()), "CapEff:\t0000000000000001\n");
              ASSERT_EQ(running.get().warnings.size(), 1u);
              EXPECT_THAT(running.get().warnings[0], StartsWith("process.capabilities: CAP_SYS_RESOURCE cannot"));
            }),
            0);
}

TEST_F(IsolateProcess, Priorities) {
  Sandbox sandbox;
  spec::Process& process = *sandbox.container.process;
  process.oom_score_adj = 654;
  process.scheduler.emplace();
  process.scheduler->policy = SCHED_BATCH;
  process.scheduler->nice = 7;
  process.io_priority = spec::IoPriority{IOPRIO_CLASS_BE, 6};
  Running running(sandbox, {"sleep", "1000"});
  EXPECT_EQ(*read_file("/proc/" + std::to_string(running.pid()) + "/oom_score_adj"), "654\n");
  EXPECT_EQ(::sched_getscheduler(running.pid()), SCHED_BATCH);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(running.pid())), 7);
  EXPECT_EQ(::syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, running.pid()), IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 6);
  Sandbox wrong;
  wrong.container.process->oom_score_adj = 5000;
  EXPECT_EQ(wrong.run({"true"}).output, "process.oomScoreAdj 5000: Invalid argument");
  wrong.container.process->oom_score_adj.reset();
  wrong.container.process->scheduler.emplace();
  wrong.container.process->scheduler->policy = 77;
  EXPECT_EQ(wrong.run({"true"}).output, "process.scheduler: sched_setattr: Invalid argument");
  wrong.container.process->scheduler.reset();
  wrong.container.process->io_priority = spec::IoPriority{7, 0};
  EXPECT_EQ(wrong.run({"true"}).output, "process.ioPriority: ioprio_set: Invalid argument");
}

TEST_F(IsolateProcess, PersonalityAndMemoryPolicy) {
  Sandbox sandbox;
  sandbox.container.personality = PER_LINUX32;
  EXPECT_EQ(sandbox.run({"busybox", "uname", "-m"}).output, "i686\n");
  constexpr int kBind = 2;  // MPOL_BIND
  sandbox.container.memory_policy = spec::MemoryPolicy{kBind, 0, "0"};
  EXPECT_THAT(sandbox.run({"cat", "/proc/self/numa_maps"}).output, HasSubstr(" bind:0 "));
  sandbox.container.memory_policy->nodes = "1000";
  EXPECT_EQ(sandbox.run({"true"}).output, "set memory policy: Invalid argument");
  sandbox.container.memory_policy->nodes = "3-1";
  EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("linux.memoryPolicy.nodes: \"3-1\" is no list of nodes"));
}

TEST_F(IsolateProcess, KernelSettingsOfItsNamespaces) {
  const std::string host = *read_file("/proc/sys/net/ipv4/ip_forward");
  Sandbox sandbox;
  const std::string other = host == "0\n" ? "1" : "0";
  sandbox.container.sysctl = {{"net/ipv4/ip_forward", other}, {"kernel/shm_rmid_forced", "1"}};
  EXPECT_EQ(sandbox.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced").output,
            other + "\n1\n");
  EXPECT_EQ(*read_file("/proc/sys/net/ipv4/ip_forward"), host);
  sandbox.container.sysctl = {{"net/ipv4/ip_forward", "nonsense"}};
  EXPECT_EQ(sandbox.run({"true"}).output, "set sysctl net/ipv4/ip_forward: Invalid argument");
  sandbox.container.sysctl = {{"net/no/such", "1"}};
  EXPECT_EQ(sandbox.run({"true"}).output, "set sysctl net/no/such: No such file or directory");
}

TEST_F(IsolateProcess, WorkingDirectory) {
  Sandbox sandbox;
  for (const char* path : {"", "bin"}) ASSERT_EQ(::chmod(sandbox.in_rootfs(path).c_str(), 0755), 0);
  sandbox.tree().make_dir("rootfs/home");
  ASSERT_EQ(::chown(sandbox.in_rootfs("home").c_str(), 1000, 1000), 0);
  sandbox.container.process->user.uid = 1000;
  sandbox.container.process->cwd = "/home";
  EXPECT_EQ(sandbox.run({"pwd"}).output, "/home\n");
  test::use_user_namespace(sandbox, {{0, 100000, 2000}});
  ASSERT_EQ(::chown(sandbox.in_rootfs("home").c_str(), 101000, 101000), 0);
  EXPECT_EQ(sandbox.run({"pwd"}).output, "/home\n");
  sandbox.tree().write("rootfs/file", "");
  sandbox.container.process->cwd = "/file";
  EXPECT_THAT(sandbox.run({"pwd"}).output, AllOf(HasSubstr("working directory /file"), HasSubstr("Not a directory")));
}

// CVE-2024-21626: a descriptor of the host's that is open here must not become the working directory.
TEST_F(IsolateProcess, LeakedDirectoriesAreNoWorkingDirectory) {
  UniqueFd leak(::open("/etc", O_RDONLY | O_DIRECTORY));
  Sandbox sandbox;
  const std::string path = "/proc/self/fd/" + std::to_string(leak.get());
  sandbox.container.process->cwd = path;
  EXPECT_EQ(sandbox.run({"ls"}).exit_code, kExitEngineFailed);
  ASSERT_EQ(::symlink(path.c_str(), sandbox.in_rootfs("link").c_str()), 0);
  sandbox.container.process->cwd = "/link";
  EXPECT_EQ(sandbox.run({"ls"}).exit_code, kExitEngineFailed);

  sandbox.container.process->cwd = "/";
  Running running(sandbox, {"sleep", "1000"});
  spec::Process process = container::exec_process({"ls"}, {}, path);
  JoinSpec join_spec;
  join_spec.process = &process;
  join_spec.pid = running.pid();
  join_spec.pidfd = running.get().pidfd.get();
  join_spec.namespaces = container::entered_namespaces();
  for (const char* cwd : {path.c_str(), "/link"}) {
    process.cwd = cwd;
    auto joined = join(join_spec);
    // Reaped in any case: the container's first process cannot end before.
    if (auto* ran = std::get_if<Launched>(&joined)) test::wait_for(ran->pid);
    ASSERT_TRUE(std::holds_alternative<LaunchError>(joined)) << cwd;
    EXPECT_THAT(std::get<LaunchError>(joined).error.message(), HasSubstr("lies outside the container"));
  }
}

struct Terminal {
  UniqueFd outer, inner;
  Terminal() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    outer.reset(ends[0]);
    inner.reset(ends[1]);
  }
  UniqueFd receive() const {
    char name[64] = {};
    iovec data{name, sizeof(name)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    if (::recvmsg(outer.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0) return {};
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header != nullptr) std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return UniqueFd(fd);
  }
};

TEST_F(IsolateProcess, TerminalIsHandedOut) {
  for (const bool in_user_namespace : {false, true}) {
    Sandbox sandbox;
    Terminal terminal;
    if (in_user_namespace) test::use_user_namespace(sandbox, {{0, 100000, 1000}});
    sandbox.container.process->terminal = true;
    sandbox.container.process->console_size = spec::ConsoleSize{33, 77};
    sandbox.launch.console_socket = terminal.inner.get();
    Running running(sandbox,
                    {"sh", "-c",
                     "busybox tty; busybox stty size; test -t 0 && test -t 1 && test -t 2 && echo all; stat -c "
                     "%F /dev/console; echo there > /dev/console; echo own > /dev/tty; read line; echo got $line"});
    UniqueFd fd = terminal.receive();
    ASSERT_TRUE(fd);
    winsize size = {};
    EXPECT_EQ(::ioctl(fd.get(), TIOCGWINSZ, &size), 0);
    EXPECT_EQ(size.ws_row, 33);
    EXPECT_EQ(size.ws_col, 77);
    ASSERT_TRUE(write_all(fd.get(), "line\n"));
    const std::string output = test::read_all(fd.get());
    // The terminal's echo of the line may come between any two of them.
    for (const char* part :
         {"/dev/", "33 77\r\n", "all\r\n", "character special file\r\n", "there\r\n", "own\r\n", "got line\r\n"}) {
      EXPECT_THAT(output, HasSubstr(part)) << in_user_namespace;
    }
  }
}

TEST_F(IsolateProcess, TerminalOfTheImageIsRefused) {
  Sandbox sandbox;
  Terminal terminal;
  sandbox.container.process->terminal = true;
  sandbox.launch.console_socket = terminal.inner.get();
  sandbox.usual_mounts = false;
  sandbox.tree().make_dir("rootfs/dev/pts");
  ASSERT_EQ(::mknod(sandbox.in_rootfs("dev/pts/ptmx").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  EXPECT_EQ(sandbox.run({"true"}).output, "open console /dev/ptmx: No such device");
  ASSERT_EQ(::unlink(sandbox.in_rootfs("dev/pts/ptmx").c_str()), 0);
  EXPECT_EQ(sandbox.run({"true"}).output, "open console /dev/ptmx: No such file or directory");
  sandbox.usual_mounts = true;
  sandbox.launch.console_socket = -1;
  EXPECT_EQ(sandbox.run({"true"}).output, "open console console socket: Bad file descriptor");
}

TEST_F(IsolateProcess, PreservedDescriptors) {
  EXPECT_EQ(in_child([] {
              ASSERT_EQ(::syscall(SYS_close_range, 3, ~0u, 0), 0);
              int pipe[2];
              ASSERT_EQ(::pipe(pipe), 0);  // 3, 4
              UniqueFd further(::open("/etc/passwd", O_RDONLY));
              Sandbox sandbox;
              sandbox.launch.preserved_fds = {3, 4};
              EXPECT_EQ(sandbox.shell("ls /proc/$$/fd; echo text >&4").output, "0\n1\n2\n3\n4\n");
              char text[8] = {};
              EXPECT_EQ(::read(3, text, sizeof(text)), 5);
              EXPECT_STREQ(text, "text\n");
              sandbox.launch.preserved_fds = {3, 4, 500};
              EXPECT_THAT(sandbox.run({"true"}).output,
                          AllOf(StartsWith("descriptor "), EndsWith(", to be preserved: Bad file descriptor")));
            }),
            0);
}

TEST_F(IsolateProcess, StandardStreamsOfTheContainersNullDevice) {
  Sandbox sandbox;
  EXPECT_EQ(sandbox.shell("readlink /proc/self/fd/0; stat -L -c %t:%T /proc/self/fd/0").output, "/dev/null\n1:3\n");
}

TEST_F(IsolateProcess, ErrorsNameTheirStepAndNothingIsLeft) {
  const std::function<void(Sandbox&)> kKinds[] = {
      [](Sandbox& s) { s.launch.rootfs += "/missing"; },
      [](Sandbox& s) { s.mounts = {test::bind_of("/no/such", "/x", {})}; },
      [](Sandbox& s) { s.mounts = {test::mount_of("/proc/self", "tmpfs", "tmpfs", {})}; },
      [](Sandbox& s) { s.container.process->cwd = "/bin/sh"; },
      [](Sandbox& s) {
        s.container.process->rlimits = {{RLIMIT_NOFILE, 8, 7}};
      },
      [](Sandbox& s) {
        s.container.sysctl = {{"net/no/such", "1"}};
      },
      [](Sandbox& s) { test::set_namespace(s.container, spec::NamespaceType::kNetwork, "/etc/passwd"); },
      [](Sandbox& s) {
        s.container.devices = {{"/bin", 'c', 1, 3, {}, {}, {}}};
      },
      [](Sandbox& s) { s.launch.hooks.configure = [](pid_t) -> Result<void> { return fail("refused"); }; },
      [](Sandbox& s) { s.container.hostname = std::string(65, 'x'); }};
  constexpr const char* kMessages[] = {"attach root file system",
                                       "mount /no/such",
                                       "mount /proc/self",
                                       "chdir to working directory /bin/sh",
                                       "process.rlimits",
                                       "set sysctl",
                                       "network namespace /etc/passwd",
                                       "make device /bin",
                                       "refused",
                                       "host name"};
  const HostState before;
  for (size_t kind = 0; kind < std::size(kKinds); ++kind) {
    Sandbox sandbox;
    kKinds[kind](sandbox);
    for (int i = 0; i < 10; ++i) {
      const Ended ended = sandbox.run({"true"});
      EXPECT_EQ(ended.exit_code, kExitEngineFailed);
      EXPECT_THAT(ended.output, StartsWith(kMessages[kind]));
    }
    EXPECT_TRUE(sandbox.group->wait_empty(0));
  }
  EXPECT_EQ(HostState(), before);
}

// The container's first program looks at everybody who comes: before they have become the program that was asked for,
// nothing of theirs may be opened.
TEST_F(IsolateProcess, JoiningProcessesCannotBeLookedInto) {
  for (const bool in_user_namespace : {false, true}) {
    Sandbox sandbox;
    sandbox.launch.filter = {};
    uint64_t joined_namespaces = container::entered_namespaces();
    if (in_user_namespace) {
      test::use_user_namespace(sandbox, {{0, 100000, 1000}});
      sandbox.container.process->capabilities =
          spec::Capabilities{kAllCapabilities, kAllCapabilities, 0, kAllCapabilities, 0};
      joined_namespaces |= CLONE_NEWUSER;
    }
    Running running(sandbox, {"probe", "spy"});
    spec::Process process = container::exec_process({"true"}, {}, "/");
    JoinSpec join_spec;
    join_spec.process = &process;
    join_spec.pid = running.pid();
    join_spec.pidfd = running.get().pidfd.get();
    join_spec.namespaces = joined_namespaces;
    join_spec.stdio[0] = join_spec.stdio[1] = join_spec.stdio[2] = -1;
    join_spec.exec_stub = sandbox.launch.exec_stub;
    for (int i = 0; i < 100; ++i) {
      auto joined = join(join_spec);
      ASSERT_TRUE(std::holds_alternative<Launched>(joined)) << std::get<LaunchError>(joined).error.message();
      EXPECT_EQ(test::wait_for(std::get<Launched>(joined).pid), 0);
    }
    ASSERT_EQ(::kill(running.pid(), SIGTERM), 0);
    EXPECT_THAT(test::read_all(sandbox.output_fd()), testing::MatchesRegex("seen [1-9][0-9]*, looked into 0\n"))
        << in_user_namespace;
  }
}

}  // namespace
}  // namespace plimsoll::isolate
