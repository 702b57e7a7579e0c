// SPDX-License-Identifier: Apache-2.0
// Namespaces of a container: new ones, joined ones, those of users, time; and containers of ordinary users.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include <fstream>

#include "tests/root/isolation.h"

namespace plimsoll::isolate {
namespace {

using spec::NamespaceType;
using test::Ended;
using test::Holder;
using test::HostState;
using test::namespace_of;
using test::run_as;
using test::Sandbox;
using test::set_namespace;
using test::use_user_namespace;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr uid_t kOrdinaryUser = 1000;

class IsolateNamespaces : public test::RootTest {};

std::string host_name() {
  char name[65] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

double uptime(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

struct Kind {
  NamespaceType type;
  const char* name;
  int flag;
};
constexpr Kind kKinds[] = {
    {NamespaceType::kNetwork, "net", CLONE_NEWNET}, {NamespaceType::kIpc, "ipc", CLONE_NEWIPC},
    {NamespaceType::kUts, "uts", CLONE_NEWUTS},     {NamespaceType::kCgroup, "cgroup", CLONE_NEWCGROUP},
    {NamespaceType::kTime, "time", CLONE_NEWTIME},  {NamespaceType::kPid, "pid", CLONE_NEWPID},
    {NamespaceType::kMount, "mnt", CLONE_NEWNS},
};

// unshare(2) makes those two for children only.
std::string path_of(const Holder& holder, const Kind& kind) {
  const bool for_children = kind.flag == CLONE_NEWTIME || kind.flag == CLONE_NEWPID;
  return holder.path(std::string(kind.name) + (for_children ? "_for_children" : ""));
}

std::string target_of(const std::string& path) {
  char target[64] = {};
  return ::readlink(path.c_str(), target, sizeof(target) - 1) < 0 ? "" : target;
}

TEST_F(IsolateNamespaces, EachIsJoinedByPath) {
  for (const Kind& kind : kKinds) {
    Sandbox sandbox;
    Holder holder(kind.flag);
    set_namespace(sandbox.container, kind.type, path_of(holder, kind));
    const Ended ended = sandbox.run({"readlink", std::string("/proc/self/ns/") + kind.name});
    EXPECT_EQ(ended.output, target_of(path_of(holder, kind)) + "\n") << kind.name;
    EXPECT_NE(ended.output, namespace_of("self", kind.name) + "\n") << kind.name;
    EXPECT_EQ(ended.exit_code, 0);
  }
}

TEST_F(IsolateNamespaces, NewOfEveryKind) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  set_namespace(sandbox.container, NamespaceType::kTime, "");
  for (const char* kind : {"pid", "mnt", "uts", "ipc", "net", "cgroup", "user", "time"}) {
    const Ended ended = sandbox.run({"readlink", std::string("/proc/self/ns/") + kind});
    EXPECT_THAT(ended.output, StartsWith(std::string(kind) + ":["));
    EXPECT_NE(ended.output, namespace_of("self", kind) + "\n") << kind;
  }
}

TEST_F(IsolateNamespaces, WrongPathsAreRefused) {
  const HostState before;
  {
    Sandbox sandbox;
    set_namespace(sandbox.container, NamespaceType::kNetwork, "/proc/self/ns/uts");
    EXPECT_EQ(sandbox.run({"true"}).output, "network namespace /proc/self/ns/uts: is a namespace of another type");
    set_namespace(sandbox.container, NamespaceType::kNetwork, "/etc/passwd");
    EXPECT_EQ(sandbox.run({"true"}).output, "network namespace /etc/passwd: is no namespace");
    set_namespace(sandbox.container, NamespaceType::kNetwork, "/no/such");
    EXPECT_EQ(sandbox.run({"true"}).output, "network namespace /no/such: No such file or directory");
  }
  EXPECT_EQ(HostState(), before);
}

// They are the same as none: nothing may then be done that would change the host.
TEST_F(IsolateNamespaces, OwnNamespacesAreNotChanged) {
  const HostState before;
  const std::string name = host_name();
  {
    Sandbox sandbox;
    set_namespace(sandbox.container, NamespaceType::kUts, "/proc/self/ns/uts");
    EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("needs a uts namespace"));
    sandbox.container.hostname = "";
    EXPECT_EQ(sandbox.run({"hostname"}).output, name + "\n");
    set_namespace(sandbox.container, NamespaceType::kIpc, "/proc/self/ns/ipc");
    sandbox.container.sysctl = {{"kernel/shm_rmid_forced", "1"}};
    EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("linux.sysctl kernel/shm_rmid_forced: needs a namespace"));
    sandbox.container.sysctl.clear();
    set_namespace(sandbox.container, NamespaceType::kMount, "/proc/self/ns/mnt");
    sandbox.launch.rootfs = "/";
    EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("root file system /: needs a mount namespace"));
  }
  EXPECT_EQ(host_name(), name);
  EXPECT_EQ(*read_file("/proc/sys/kernel/shm_rmid_forced"), "0\n");
  EXPECT_EQ(HostState(), before);
}

// Then the mounts are the caller's as well, below the container's root, until they are taken back.
TEST_F(IsolateNamespaces, MountNamespaceMayBeTheCallers) {
  for (const char* path : {"", "/proc/self/ns/mnt"}) {
    Sandbox sandbox;
    const std::string before = HostState().mounts;
    set_namespace(sandbox.container, NamespaceType::kMount, path);
    if (*path == '\0') {
      std::erase_if(sandbox.container.namespaces, [](const auto& one) { return one.type == NamespaceType::kMount; });
    }
    const Ended ended = sandbox.shell("readlink /proc/self/ns/mnt; ls -d /usr; echo $$");
    EXPECT_EQ(ended.output, namespace_of("self", "mnt") + "\nls: /usr: No such file or directory\n1\n");
    EXPECT_THAT(HostState().mounts, HasSubstr(" " + sandbox.launch.rootfs + "/proc "));
    unmount_root(sandbox.launch.rootfs);
    EXPECT_EQ(HostState().mounts, before);
    EXPECT_THAT(sandbox.run({"no-such-program"}).output, HasSubstr("no-such-program"));
    EXPECT_EQ(HostState().mounts, before) << "what has failed leaves nothing";
  }
}

TEST_F(IsolateNamespaces, SecondContainerOfAPodSharesWithTheFirst) {
  Sandbox first, second;
  auto started = first.start({"sleep", "10000"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
  const pid_t pid = std::get<Launched>(started).pid;
  const std::string directory = "/proc/" + std::to_string(pid) + "/ns/";
  second.container.hostname = "";
  for (const Kind& kind : kKinds) {
    if (kind.type == NamespaceType::kMount || kind.type == NamespaceType::kTime) continue;
    if (kind.type != NamespaceType::kCgroup) set_namespace(second.container, kind.type, directory + kind.name);
  }
  const Ended ended = second.shell("hostname; ps; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done");
  EXPECT_THAT(ended.output, AllOf(StartsWith("inside\n"), HasSubstr(" 1 0        sleep 10000\n")));
  for (const char* kind : {"net", "ipc", "uts", "pid"}) {
    EXPECT_THAT(ended.output, HasSubstr(namespace_of(std::to_string(pid), kind))) << kind;
  }
  auto other = second.start({"sleep", "10000"});
  ASSERT_TRUE(std::holds_alternative<Launched>(other)) << std::get<LaunchError>(other).error.message();
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(std::get<Launched>(other).pid), 137);  // its first process takes all others along
  EXPECT_EQ(test::wait_for(pid), 137);
  EXPECT_EQ(second.run({"true"}).exit_code, kExitEngineFailed);
}

// The first container of a pod sees the second one's process before that has become its program.
TEST_F(IsolateNamespaces, ContainersOfAPodCannotLookIntoLaunches) {
  for (const bool in_user_namespace : {false, true}) {
    Sandbox first, second;
    first.launch.filter = {};
    if (in_user_namespace) {
      use_user_namespace(first, {{0, 100000, 1000}});
      test::give_tree(second.in_rootfs(""), 100000);
      constexpr uint64_t kAll = (uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;
      first.container.process->capabilities = spec::Capabilities{kAll, kAll, 0, kAll, 0};
    }
    test::Running running(first, {"probe", "spy"});
    const std::string directory = "/proc/" + std::to_string(running.pid()) + "/ns/";
    set_namespace(second.container, NamespaceType::kPid, directory + "pid");
    if (in_user_namespace) set_namespace(second.container, NamespaceType::kUser, directory + "user");
    for (int i = 0; i < 50; ++i) EXPECT_EQ(second.run({"true"}).exit_code, 0);
    ASSERT_EQ(::kill(running.pid(), SIGTERM), 0);
    EXPECT_THAT(test::read_all(first.output_fd()), testing::MatchesRegex("seen [1-9][0-9]*, looked into 0\n"))
        << in_user_namespace;
  }
}

TEST_F(IsolateNamespaces, UserNamespaceMapsSeveralRanges) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}, {1000, 200000, 500}});
  sandbox.tree().write("rootfs/file", "");
  ASSERT_EQ(::chown(sandbox.in_rootfs("file").c_str(), 200007, 200008), 0);
  const Ended ended = sandbox.shell("cat /proc/self/uid_map; stat -c %u:%g /file /bin; id -u; touch /tmp/mine");
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_THAT(ended.output, testing::MatchesRegex(" *0 +100000 +1000\n *1000 +200000 +500\n1007:1008\n0:0\n0\n"));
  struct stat st;
  ASSERT_EQ(::stat(sandbox.in_rootfs("tmp/mine").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, 100000u);
}

TEST_F(IsolateNamespaces, UserNamespaceHasDevicesAndMasks) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  const Ended ended = sandbox.shell(
      "cd /dev; ls; echo x > null; dd if=zero bs=4 count=1 2>/dev/null | wc -c; stat -c %t:%T null; cat /proc/keys "
      "/proc/kcore; touch shm/a; echo x > /proc/sys/kernel/shmmax");
  EXPECT_THAT(ended.output, StartsWith("fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\n"
                                       "urandom\nzero\n4\n1:3\n"));
  EXPECT_THAT(ended.output, HasSubstr("Read-only file system"));
}

TEST_F(IsolateNamespaces, UserNamespaceNeedNotHaveARoot) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{1000, 100000, 10}});
  sandbox.container.process->user.uid = sandbox.container.process->user.gid = 1000;
  const Ended ended = sandbox.shell("id -u; cat /proc/self/uid_map; stat -c %u /bin");
  EXPECT_THAT(ended.output, testing::MatchesRegex("1000\n *1000 +100000 +10\n1000\n"));
  sandbox.container.process->user.uid = 0;
  EXPECT_EQ(sandbox.run({"true"}).output, "set user: Invalid argument");
}

TEST_F(IsolateNamespaces, UserNamespaceNeedsMapsThatFit) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 10}});
  sandbox.container.gid_mappings.clear();
  EXPECT_EQ(sandbox.run({"true"}).output, "linux.uidMappings, linux.gidMappings: a new user namespace needs both");
  sandbox.container.gid_mappings = {{0, 100000, 10}, {5, 200000, 10}};
  EXPECT_THAT(sandbox.run({"true"}).output, AllOf(StartsWith("user namespace: gid_map"), HasSubstr("Invalid arg")));
}

TEST_F(IsolateNamespaces, UserNamespaceCanShareANetworkOfTheHost) {
  Sandbox sandbox;
  Holder holder(CLONE_NEWNET);
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  set_namespace(sandbox.container, NamespaceType::kNetwork, holder.path("net"));
  const Ended ended = sandbox.shell("readlink /proc/self/ns/net; ls -d /sys/class/net; echo $$; touch /sys/x");
  EXPECT_THAT(ended.output, StartsWith(target_of(holder.path("net")) + "\n/sys/class/net\n1\n"));
  EXPECT_THAT(ended.output, HasSubstr("Read-only file system"));
  sandbox.use_host_network();
  EXPECT_EQ(sandbox.run({"readlink", "/proc/self/ns/net"}).output, namespace_of("self", "net") + "\n");
}

TEST_F(IsolateNamespaces, UserNamespaceIsJoinedWithItsNetwork) {
  Sandbox sandbox;
  Holder holder(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC, "0 100000 1000\n");
  test::give_tree(sandbox.in_rootfs(""), 100000);
  set_namespace(sandbox.container, NamespaceType::kUser, holder.path("user"));
  set_namespace(sandbox.container, NamespaceType::kNetwork, holder.path("net"));
  set_namespace(sandbox.container, NamespaceType::kIpc, holder.path("ipc"));
  const Ended ended =
      sandbox.shell("for n in user net ipc; do readlink /proc/self/ns/$n; done; id -u; stat -c %u /bin");
  EXPECT_EQ(ended.output, target_of(holder.path("user")) + "\n" + target_of(holder.path("net")) + "\n" +
                              target_of(holder.path("ipc")) + "\n0\n0\n");
}

TEST_F(IsolateNamespaces, JoinedUserNamespaceNeedNotHaveARoot) {
  Sandbox sandbox;
  Holder holder(CLONE_NEWUSER, "1000 100000 10\n");
  test::give_tree(sandbox.in_rootfs(""), 100000);
  set_namespace(sandbox.container, NamespaceType::kUser, holder.path("user"));
  sandbox.container.uid_mappings = sandbox.container.gid_mappings = {{1000, 100000, 10}};
  sandbox.container.process->user.uid = sandbox.container.process->user.gid = 1000;
  EXPECT_EQ(sandbox.run({"id", "-u"}).output, "1000\n");
}

TEST_F(IsolateNamespaces, TimeNamespaceShiftsTheClocks) {
  Sandbox sandbox;
  set_namespace(sandbox.container, NamespaceType::kTime, "");
  sandbox.container.time_offsets = {{"monotonic", 86400, 0}, {"boottime", 1'000'000, 5}};
  const double host = uptime(*read_file("/proc/uptime"));
  EXPECT_GE(uptime(sandbox.run({"cat", "/proc/uptime"}).output), host + 1'000'000);
  EXPECT_THAT(sandbox.run({"cat", "/proc/self/timens_offsets"}).output,
              testing::MatchesRegex("monotonic +86400 +0\nboottime +1000000 +5\n"));
  EXPECT_LT(uptime(*read_file("/proc/uptime")), host + 10'000);
  sandbox.container.time_offsets = {{"boottime", -1'000'000'000, 0}};
  EXPECT_EQ(sandbox.run({"true"}).output, "new time namespace timens_offsets: Numerical result out of range");
}

TEST_F(IsolateNamespaces, TimeNamespaceInAUserNamespace) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  set_namespace(sandbox.container, NamespaceType::kTime, "");
  sandbox.container.time_offsets = {{"boottime", 1'000'000, 0}};
  EXPECT_GE(uptime(sandbox.run({"cat", "/proc/uptime"}).output), 1'000'000);
}

// The root of a user namespace can trace whoever is in it: not the runtime, and not what it holds of the host.
TEST_F(IsolateNamespaces, CapabilitiesHoldInsideOnly) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  constexpr uint64_t kAll = (uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;
  sandbox.container.process->capabilities = spec::Capabilities{kAll, kAll, 0, kAll, 0};
  sandbox.launch.filter = {};
  const Ended ended = sandbox.shell(
      "grep CapEff /proc/self/status; mount -t tmpfs none /tmp && echo mounted; busybox chroot /tmp/../proc/1/root "
      "true; busybox mknod /tmp/sda b 8 0 || echo no device; echo 1 > /proc/sys/kernel/panic || echo no setting");
  EXPECT_THAT(ended.output, AllOf(HasSubstr("000001ffffffffff"), HasSubstr("mounted"), HasSubstr("no device"),
                                  HasSubstr("no setting")));
}

void use_rootless(Sandbox& sandbox, const spec::IdMappings& mappings) {
  sandbox.grouped = false;
  use_user_namespace(sandbox, mappings);
  test::give_tree(sandbox.tree().path(), kOrdinaryUser);
}

TEST_F(IsolateNamespaces, OrdinaryUserMapsTheOwnId) {
  Sandbox sandbox;
  use_rootless(sandbox, {{0, kOrdinaryUser, 1}});
  sandbox.container.process->oom_score_adj = 500;
  const Ended ended = run_as(
      kOrdinaryUser, sandbox,
      {"sh", "-c",
       "id -u; id -G; cat /proc/self/uid_map /proc/self/setgroups /proc/self/oom_score_adj; stat -c %u /bin; echo x > "
       "/dev/null; ls /dev/pts; echo $$; hostname; touch /tmp/mine; cat /sys/fs/cgroup/*/cgroup.procs | wc -l"});
  EXPECT_THAT(ended.output, testing::ContainsRegex("^0\n0\n *0 +1000 +1\ndeny\n500\n0\nptmx\n1\ninside\n"));
  EXPECT_EQ(ended.exit_code, 0);
  struct stat st;
  ASSERT_EQ(::stat(sandbox.in_rootfs("tmp/mine").c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, kOrdinaryUser);
}

TEST_F(IsolateNamespaces, OrdinaryUserBindsWhatTheKernelRefuses) {
  Sandbox sandbox;
  use_rootless(sandbox, {{0, kOrdinaryUser, 1}});
  sandbox.use_host_network();
  const Ended ended = run_as(kOrdinaryUser, sandbox, {"sh", "-c", "readlink /proc/self/ns/net; ls /sys; touch /sys/x"});
  EXPECT_THAT(ended.output, AllOf(StartsWith(namespace_of("self", "net")), HasSubstr("kernel\n"),
                                  HasSubstr("Read-only file system")));
}

TEST_F(IsolateNamespaces, OrdinaryUserMayNotMapOthers) {
  Sandbox sandbox;
  use_rootless(sandbox, {{0, 0, 1}});
  EXPECT_THAT(run_as(kOrdinaryUser, sandbox, {"true"}).output, HasSubstr("newuidmap"));
  sandbox.container.namespaces = container::default_spec().namespaces;
  const Ended ended = run_as(kOrdinaryUser, sandbox, {"true"});
  EXPECT_EQ(ended.output, "start a process in new namespaces: Operation not permitted");
  EXPECT_EQ(ended.exit_code, kExitEngineFailed);
}

TEST_F(IsolateNamespaces, OrdinaryUserJoinsTheContainer) {
  Sandbox sandbox;
  use_rootless(sandbox, {{0, kOrdinaryUser, 1}});
  EXPECT_EQ(test::in_child([&sandbox] {
              ASSERT_EQ(::setgroups(0, nullptr), 0);
              ASSERT_EQ(::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
              ASSERT_EQ(::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser), 0);
              ASSERT_EQ(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
              test::Running running(sandbox, {"sleep", "1000"});
              int ends[2];
              ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
              UniqueFd output(ends[0]), write_end(ends[1]);
              spec::Process process = container::exec_process({"sh", "-c", "id -u; hostname; echo $0"}, {}, "/");
              process.oom_score_adj = 700;
              JoinSpec join_spec;
              join_spec.process = &process;
              join_spec.pid = running.pid();
              join_spec.pidfd = running.get().pidfd.get();
              join_spec.namespaces = container::entered_namespaces() | CLONE_NEWUSER;
              join_spec.stdio[0] = -1;
              join_spec.stdio[1] = join_spec.stdio[2] = write_end.get();
              join_spec.exec_stub = sandbox.launch.exec_stub;
              auto joined = join(join_spec);
              auto* const failed = std::get_if<LaunchError>(&joined);
              ASSERT_EQ(failed, nullptr) << failed->error.message();
              write_end.reset();
              EXPECT_EQ(test::read_all(output.get()), "0\ninside\nsh\n");
              EXPECT_EQ(test::wait_for(std::get<Launched>(joined).pid), 0);
            }),
            0);
}

TEST_F(IsolateNamespaces, OrdinaryUserMapsARangeOfSubordinateIds) {
  if (::access("/usr/bin/newuidmap", X_OK) != 0) GTEST_SKIP() << "needs newuidmap (package uidmap)";
  Sandbox sandbox;
  use_rootless(sandbox, {{0, kOrdinaryUser, 1}, {1, 300000, 100}});
  sandbox.tree().write("etc/subid", "tester:300000:100\n");
  sandbox.tree().write("etc/passwd", "root:x:0:0::/:/bin/sh\ntester:x:1000:1000::/:/bin/sh\n");
  sandbox.tree().write("etc/group", "root:x:0:\ntester:x:1000:\n");
  const std::string etc = sandbox.tree().at("etc/");
  const auto know_the_user = [etc] {
    bool good = ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_PRIVATE | MS_REC, nullptr) == 0;
    for (const char* name : {"passwd", "group", "subuid", "subgid"}) {
      const std::string target = std::string("/etc/") + name;
      if (::access(target.c_str(), F_OK) != 0) good = false;
      const std::string source = etc + (std::string(name).starts_with("sub") ? "subid" : name);
      ::chmod(source.c_str(), 0644);
      good = good && ::mount(source.c_str(), target.c_str(), "", MS_BIND, nullptr) == 0;
    }
    if (!good) ::_exit(98);
  };
  ASSERT_EQ(::chmod(etc.c_str(), 0755), 0);
  sandbox.container.process->user.additional_gids = {7};
  const Ended ended = run_as(kOrdinaryUser, sandbox, {"sh", "-c", "cat /proc/self/uid_map; id -G"}, know_the_user);
  EXPECT_THAT(ended.output, testing::MatchesRegex(" *0 +1000 +1\n *1 +300000 +100\n0 7\n"));
  sandbox.container.uid_mappings = {{0, kOrdinaryUser, 1}, {1, 300000, 101}};
  EXPECT_THAT(run_as(kOrdinaryUser, sandbox, {"true"}, know_the_user).output,
              HasSubstr("newuidmap has refused \"0 1000 1\""));
}

}  // namespace
}  // namespace plimsoll::isolate
