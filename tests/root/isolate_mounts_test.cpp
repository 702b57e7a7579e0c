// SPDX-License-Identifier: Apache-2.0
// A container's mounts, devices and hidden paths: what was asked for is there, images cannot lead them elsewhere, the
// host has the same mounts as before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <atomic>
#include <optional>
#include <thread>

#include "tests/root/isolation.h"

namespace plimsoll::isolate {
namespace {

using spec::NamespaceType;
using test::bind_of;
using test::Ended;
using test::HostMount;
using test::HostState;
using test::mount_of;
using test::Sandbox;
using test::use_user_namespace;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class IsolateMounts : public test::RootTest {};

void allow_everything(Sandbox& sandbox) {
  constexpr uint64_t kAll = (uint64_t{1} << (CAP_LAST_CAP + 1)) - 1;
  sandbox.container.process->capabilities = spec::Capabilities{kAll, kAll, 0, kAll, 0};
  sandbox.launch.filter = {};
}

// The root file system becomes a mount of the host of its own.
class BoundRoot {
 public:
  BoundRoot(const Sandbox& sandbox, unsigned long propagation) : path_(sandbox.launch.rootfs) {
    EXPECT_EQ(::mount(path_.c_str(), path_.c_str(), "", MS_BIND, nullptr), 0);
    EXPECT_EQ(::mount("", path_.c_str(), "", propagation, nullptr), 0);
  }
  ~BoundRoot() { EXPECT_EQ(::umount2(path_.c_str(), MNT_DETACH), 0); }
  BoundRoot(const BoundRoot&) = delete;
  BoundRoot& operator=(const BoundRoot&) = delete;

 private:
  std::string path_;
};

TEST_F(IsolateMounts, FlagsOfBindsTakeEffect) {
  Sandbox sandbox;
  const std::string data = sandbox.tree().at("data");
  sandbox.tree().make_dir("data");
  ASSERT_TRUE(test::copy_file("/bin/busybox", data + "/busybox"));
  ASSERT_EQ(::mknod((data + "/null").c_str(), S_IFCHR | 0666, ::makedev(1, 3)), 0);
  sandbox.mounts = {bind_of(data, "/plain", {}), bind_of(data, "/ro", {"ro"}), bind_of(data, "/noexec", {"noexec"}),
                    bind_of(data, "/nodev", {"nodev"}), bind_of(data, "/nosuid", {"nosuid", "noatime"})};
  const Ended ended = sandbox.shell(
      "echo x > /plain/null && /plain/busybox true && touch /plain/new && echo fine; touch /ro/x; /noexec/busybox true;"
      "echo x > /nodev/null; grep ' /nosuid ' /proc/self/mountinfo");
  EXPECT_THAT(ended.output, AllOf(StartsWith("fine\n"), HasSubstr("/ro/x: Read-only"),
                                  HasSubstr("/noexec/busybox: Permission denied"),
                                  HasSubstr("/nodev/null: Permission denied"), HasSubstr("/nosuid rw,nosuid,noatime")));
}

TEST_F(IsolateMounts, RecursiveFlagsHoldBelow) {
  Sandbox sandbox;
  HostMount data(sandbox.tree().at("data")), below(sandbox.tree().at("data/below"));
  sandbox.mounts = {bind_of(data.path(), "/ro", {"ro"}), bind_of(data.path(), "/rro", {"rro"}),
                    mount_of("/flat", "bind", data.path(), {"bind"})};
  const Ended ended = sandbox.shell(
      "touch /ro/x; touch /ro/below/allowed && echo writable; touch /rro/below/x; ls /flat/below; ls /rro/below");
  EXPECT_THAT(ended.output,
              AllOf(HasSubstr("/ro/x: Read-only"), HasSubstr("writable\n"), HasSubstr("/rro/below/x: Read-only"),
                    testing::EndsWith("Read-only file system\nallowed\n")));
}

TEST_F(IsolateMounts, SlavesReceiveLaterMountsOfTheHost) {
  for (const bool in_user_namespace : {false, true}) {
    Sandbox sandbox;
    if (in_user_namespace) use_user_namespace(sandbox, {{0, 100000, 1000}});
    HostMount data(sandbox.tree().at("data"), MS_SHARED);
    sandbox.mounts = {bind_of(data.path(), "/slave", {"rslave"}), bind_of(data.path(), "/private", {"rprivate"}),
                      bind_of(data.path(), "/none", {})};
    const HostState before;
    auto started = sandbox.start({"sleep", "1000"});
    ASSERT_TRUE(std::holds_alternative<Launched>(started)) << std::get<LaunchError>(started).error.message();
    const std::string root = "/proc/" + std::to_string(std::get<Launched>(started).pid) + "/root/";
    {
      HostMount later(data.path() + "/later");
      ASSERT_TRUE(write_all(UniqueFd(::creat((later.path() + "/file").c_str(), 0644)).get(), "x"));
      EXPECT_EQ(::access((root + "slave/later/file").c_str(), F_OK), 0) << in_user_namespace;
      EXPECT_NE(::access((root + "private/later/file").c_str(), F_OK), 0) << in_user_namespace;
      EXPECT_NE(::access((root + "private/later/file").c_str(), F_OK), 0) << in_user_namespace;
    }
    EXPECT_NE(::access((root + "slave/later/file").c_str(), F_OK), 0) << in_user_namespace;
    ASSERT_EQ(::kill(std::get<Launched>(started).pid, SIGKILL), 0);
    EXPECT_EQ(test::wait_for(std::get<Launched>(started).pid), 137);
    EXPECT_EQ(HostState().mounts, before.mounts);
  }
}

TEST_F(IsolateMounts, SharedOnesGiveMountsToTheHost) {
  Sandbox sandbox;
  HostMount data(sandbox.tree().at("data"), MS_SHARED);
  allow_everything(sandbox);
  sandbox.container.rootfs_propagation = "rshared";
  sandbox.mounts = {bind_of(data.path(), "/shared", {"rshared"}), bind_of(data.path(), "/private", {"rprivate"})};
  EXPECT_EQ(sandbox
                .shell("mkdir /shared/in /shared/own; mount -t tmpfs none /shared/in; mount -t tmpfs none "
                       "/private/own; touch /shared/in/file /private/own/file")
                .exit_code,
            0);
  EXPECT_EQ(::access((data.path() + "/in/file").c_str(), F_OK), 0);
  EXPECT_NE(::access((data.path() + "/own/file").c_str(), F_OK), 0);
}

void check_that_nothing_leaks(const char* propagation, bool in_user_namespace, bool pivot, bool bound_root) {
  Sandbox sandbox;
  if (in_user_namespace) use_user_namespace(sandbox, {{0, 100000, 1000}});
  std::optional<BoundRoot> bound;
  if (bound_root) bound.emplace(sandbox, MS_SHARED);
  sandbox.container.rootfs_propagation = propagation;
  sandbox.launch.pivot = pivot;
  const HostState before;
  const Ended ended = sandbox.run({"true"});
  EXPECT_EQ(ended.exit_code, 0) << propagation << ended.output;
  EXPECT_EQ(HostState(), before) << propagation << in_user_namespace << pivot << bound_root;
  sandbox.launch.rootfs += "/missing";
  EXPECT_EQ(sandbox.run({"true"}).exit_code, kExitEngineFailed);
  EXPECT_EQ(HostState(), before) << propagation << in_user_namespace << pivot << bound_root;
}

TEST_F(IsolateMounts, NothingLeaksToTheHostsSharedMounts) {
  EXPECT_EQ(test::with_shared_mounts([] {
              for (const char* propagation : {"", "private", "rslave", "slave", "rshared", "shared", "unbindable"}) {
                for (int variant = 0; variant < 8; ++variant) {
                  check_that_nothing_leaks(propagation, (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0);
                }
              }
            }),
            0);
}

// Its source is opened by the parent, in the host's mount namespace.
TEST_F(IsolateMounts, MountsBelowBindsStayInAUserNamespace) {
  Sandbox sandbox;
  HostMount data(sandbox.tree().at("data"), MS_SHARED);
  ASSERT_EQ(::mkdir((data.path() + "/below").c_str(), 0755), 0);
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  allow_everything(sandbox);
  sandbox.mounts = {bind_of(data.path(), "/data", {}), mount_of("/data/below", "tmpfs", "tmpfs", {"mode=755"})};
  const HostState before;
  EXPECT_EQ(sandbox.shell("touch /data/below/x && mount -t tmpfs none /data/below && touch /data/below/y").output, "");
  auto started = sandbox.start({"sleep", "1000"});
  ASSERT_TRUE(std::holds_alternative<Launched>(started));
  EXPECT_EQ(HostState().mounts, before.mounts);
  ASSERT_EQ(::kill(std::get<Launched>(started).pid, SIGKILL), 0);
  EXPECT_EQ(test::wait_for(std::get<Launched>(started).pid), 137);
}

TEST_F(IsolateMounts, RootHasItsPropagationInTheEnd) {
  const std::pair<const char*, const char*> kWanted[] = {{"rshared", " shared:"}, {"unbindable", " unbindable"}};
  for (const auto& [propagation, seen] : kWanted) {
    Sandbox sandbox;
    sandbox.container.rootfs_propagation = propagation;
    EXPECT_THAT(sandbox
                    .shell("grep -v ' /[a-z]' /proc/self/mountinfo; grep -E '^[0-9]+ [0-9]+ [0-9:]+ [^ ]+ / ' "
                           "/proc/self/mountinfo")
                    .output,
                HasSubstr(seen));
  }
}

TEST_F(IsolateMounts, IdsOfBindsAreMapped) {
  Sandbox sandbox;
  HostMount memory(sandbox.tree().at("memory"));
  sandbox.tree().make_dir("disk");
  for (const char* place : {"memory", "disk"}) {
    sandbox.tree().write(std::string(place) + "/file", "");
    ASSERT_EQ(::chmod(sandbox.tree().at(place).c_str(), 0755), 0);
    ASSERT_EQ(::chown(sandbox.tree().at(std::string(place) + "/file").c_str(), 1005, 1006), 0);
    auto mount = bind_of(sandbox.tree().at(place), std::string("/") + place, {"idmap"});
    mount.uid_mappings = mount.gid_mappings = {{1000, 3000, 100}};
    sandbox.mounts.push_back(mount);
  }
  const Ended first = sandbox.shell("stat -c %u:%g /memory/file /disk/file");
  if (first.output.find("the file system may not support it") != std::string::npos) {
    GTEST_SKIP() << "this kernel maps no ids on tmpfs (Linux 6.3)";
  }
  EXPECT_EQ(first.output, "3005:3006\n3005:3006\n");
  use_user_namespace(sandbox, {{0, 3000, 100}});
  EXPECT_EQ(sandbox.shell("stat -c %u:%g /memory/file /disk/file").output, "5:6\n5:6\n");
  for (spec::Mount& mount : sandbox.mounts) mount.uid_mappings.clear(), mount.gid_mappings.clear();
  for (spec::Mount& mount : sandbox.mounts) mount.options = {"bind", "idmap=uids=1000-3001-50;gids=@1000-2-50"};
  EXPECT_EQ(sandbox.shell("stat -c %u:%g /memory/file /disk/file").output, "6:8\n6:8\n");
  for (spec::Mount& mount : sandbox.mounts) mount.options = {"bind", "idmap"};
  ASSERT_EQ(::chown(sandbox.tree().at("disk/file").c_str(), 8, 9), 0);
  EXPECT_EQ(sandbox.shell("stat -c %u:%g /disk/file").output, "8:9\n");
  sandbox.mounts = {bind_of("/proc", "/mapped", {"idmap"})};
  EXPECT_THAT(sandbox.run({"true"}).output, StartsWith("/mapped: map the ids of the mount"));
}

TEST_F(IsolateMounts, TmpfsHasItsSizeAndMode) {
  Sandbox sandbox;
  sandbox.tree().make_dir("rootfs/kept");
  ASSERT_EQ(::chmod(sandbox.in_rootfs("kept").c_str(), 01771), 0);
  sandbox.mounts = {mount_of("/sized", "tmpfs", "tmpfs", {"size=64k", "mode=0710", "noexec"}),
                    mount_of("/kept", "tmpfs", "tmpfs", {}), mount_of("/kept-ro", "tmpfs", "tmpfs", {"ro"})};
  const Ended ended = sandbox.shell(
      "stat -c %a /sized /kept /kept-ro; dd if=/dev/zero of=/sized/x bs=1k count=100 2>/dev/null; wc -c < /sized/x; "
      "touch /kept-ro/x");
  EXPECT_THAT(ended.output, StartsWith("710\n1771\n1777\n65536\n"));
  EXPECT_THAT(ended.output, HasSubstr("Read-only file system"));
  sandbox.mounts = {mount_of("/x", "tmpfs", "tmpfs", {"nonsense=1"})};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /x: Invalid argument");
  sandbox.mounts = {mount_of("/x", "nonsense", "none", {})};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /x: No such device");
}

TEST_F(IsolateMounts, TmpfsCopiesUpWhatTheImageHas) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"tmpcopyup"}, {"tmpcopyup", "ro"}, {"tmpcopyup", "mode=751"}}) {
    Sandbox sandbox;
    sandbox.tree().write("rootfs/var/deep/file", std::string(100'000, 'x'));
    sandbox.tree().write("outside", "secret");
    ASSERT_EQ(::symlink("/../outside", sandbox.in_rootfs("var/link").c_str()), 0);
    ASSERT_EQ(::mkfifo(sandbox.in_rootfs("var/pipe").c_str(), 0600), 0);
    ASSERT_EQ(::chown(sandbox.in_rootfs("var/deep/file").c_str(), 11, 12), 0);
    ASSERT_EQ(::chmod(sandbox.in_rootfs("var/deep/file").c_str(), 04755), 0);
    ASSERT_EQ(::chmod(sandbox.in_rootfs("var").c_str(), 0751), 0);
    ASSERT_EQ(::chmod(sandbox.in_rootfs("var/deep").c_str(), 0500), 0);
    sandbox.mounts = {mount_of("/var", "tmpfs", "tmpfs", options)};
    const Ended ended = sandbox.shell(
        "cd /var; stat -c '%n %a %u:%g %s' deep/file; stat -c '%n %a' . deep pipe; readlink link; touch new");
    EXPECT_THAT(ended.output, StartsWith("deep/file 4755 11:12 100000\n. 751\ndeep 500\npipe 600\n/../outside\n"));
    EXPECT_NE(::access(sandbox.in_rootfs("var/new").c_str(), F_OK), 0);
    EXPECT_EQ(ended.output.find("Read-only file system") != ended.output.npos, options.back() == "ro");
  }
}

TEST_F(IsolateMounts, OverlayTakesManyLowerDirectories) {
  Sandbox sandbox;
  std::string lower;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "layer-" + std::to_string(i) + std::string(90, 'x');
    sandbox.tree().write(name + "/file" + std::to_string(i), "");
    lower += (i == 0 ? "" : ":") + sandbox.tree().at(name);
  }
  ASSERT_GT(lower.size(), 400u);
  for (const char* name : {"upper", "work"}) sandbox.tree().make_dir(name);
  const std::vector<std::string> options = {"lowerdir=" + lower, "upperdir=" + sandbox.tree().at("upper"),
                                            "workdir=" + sandbox.tree().at("work"), "nosuid"};
  sandbox.mounts = {mount_of("/all", "overlay", "overlay", options)};
  const Ended ended = sandbox.shell("ls /all; touch /all/new; grep ' /all ' /proc/self/mountinfo | grep -c nosuid");
  struct statfs fs {};
  ASSERT_EQ(::statfs(sandbox.tree().path().c_str(), &fs), 0);
  if (fs.f_type == OVERLAYFS_SUPER_MAGIC) GTEST_SKIP() << "the test's own directory is on overlayfs: no layer may be";
  EXPECT_EQ(ended.output, "file0\nfile1\nfile2\nfile3\n1\n");
  EXPECT_EQ(::access(sandbox.tree().at("upper/new").c_str(), F_OK), 0);
  sandbox.mounts[0].options.push_back("ro");
  EXPECT_THAT(sandbox.shell("touch /all/newer").output, HasSubstr("Read-only file system"));
  sandbox.mounts[0].options[0] += ":/no/such";
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /all: No such file or directory");
}

TEST_F(IsolateMounts, MissingTargetsAreMadeThroughLinksInside) {
  Sandbox sandbox;
  sandbox.tree().write("file", "content\n");
  sandbox.tree().make_dir("rootfs/run");
  sandbox.tree().make_dir("rootfs/var");
  ASSERT_EQ(::symlink("/run", sandbox.in_rootfs("var/run").c_str()), 0);
  sandbox.mounts = {bind_of(sandbox.tree().at("file"), "/var/run/a/b/file", {"ro"}),
                    mount_of("/var/run/c/d", "tmpfs", "tmpfs", {})};
  EXPECT_EQ(sandbox.shell("cat /run/a/b/file; ls -d /run/c/d; readlink /var/run").output, "content\n/run/c/d\n/run\n");
}

TEST_F(IsolateMounts, LinksThatLeadNowhereAreMadeToLeadSomewhere) {
  Sandbox sandbox;
  sandbox.tree().write("file", "content\n");
  sandbox.tree().make_dir("rootfs/etc/deep");
  const HostState before;
  ASSERT_EQ(::symlink("../run/./resolved//file", sandbox.in_rootfs("etc/one").c_str()), 0);
  ASSERT_EQ(::symlink("/etc/deep/../two", sandbox.in_rootfs("etc/deep/first").c_str()), 0);
  ASSERT_EQ(::symlink("../../../../new/place", sandbox.in_rootfs("etc/two").c_str()), 0);
  ASSERT_EQ(::symlink("round", sandbox.in_rootfs("round").c_str()), 0);
  sandbox.mounts = {bind_of(sandbox.tree().at("file"), "/etc/one", {"ro"}),
                    bind_of(sandbox.tree().at("file"), "/etc/deep/first/below/file", {"ro"})};
  EXPECT_EQ(sandbox.shell("cat /run/resolved/file /new/place/below/file; readlink /etc/one").output,
            "content\ncontent\n../run/./resolved//file\n");
  sandbox.mounts = {mount_of("/round/x", "tmpfs", "tmpfs", {})};
  EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("Too many levels of symbolic links"));
  EXPECT_EQ(HostState(), before);
}

TEST_F(IsolateMounts, LinksAsTargetsAreCoveredOrMade) {
  Sandbox sandbox;
  sandbox.tree().write("file", "content\n");
  ASSERT_EQ(::symlink("no/where", sandbox.tree().at("link").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", sandbox.in_rootfs("target").c_str()), 0);
  for (const bool in_user_namespace : {false, true}) {
    if (in_user_namespace) use_user_namespace(sandbox, {{0, 100000, 1000}});
    sandbox.mounts = {bind_of(sandbox.tree().at("file"), "/target", {"dest-nofollow"}),
                      bind_of(sandbox.tree().at("link"), "/a/copy", {"copy-symlink"})};
    EXPECT_EQ(sandbox.shell("cat /target; ls /elsewhere 2>/dev/null; readlink /a/copy").output, "content\nno/where\n");
    sandbox.mounts = {bind_of(sandbox.tree().at("link"), "/target", {"src-nofollow", "dest-nofollow"})};
    EXPECT_EQ(sandbox.run({"readlink", "/target"}).output, "no/where\n");
  }
  sandbox.mounts = {bind_of(sandbox.tree().at("link"), "/target", {"copy-symlink"})};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /target: File exists");
}

TEST_F(IsolateMounts, RootCanBeCovered) {
  for (const bool in_user_namespace : {false, true}) {
    for (const bool pivot : {true, false}) {
      Sandbox sandbox;
      sandbox.tree().write("rootfs/kept", "image\n");
      for (const char* name : {"dev", "proc", "sys"}) sandbox.tree().make_dir(std::string("rootfs/") + name);
      if (in_user_namespace) use_user_namespace(sandbox, {{0, 100000, 1000}});
      sandbox.launch.pivot = pivot;
      sandbox.usual_mounts = false;
      sandbox.mounts = container::default_spec().mounts;
      const HostState before;
      sandbox.mounts.insert(sandbox.mounts.begin(), mount_of("/", "tmpfs", "tmpfs", {"tmpcopyup"}));
      EXPECT_EQ(sandbox.shell("cat /kept; echo new > /kept; cat /kept; cd /..; ls -d kept dev").output,
                "image\nnew\ndev\nkept\n");
      EXPECT_EQ(*read_file(sandbox.in_rootfs("kept")), "image\n");
      sandbox.mounts.front() = bind_of(sandbox.launch.rootfs, "/", {"ro"});
      EXPECT_THAT(sandbox.shell("cat /kept; touch /x").output, AllOf(StartsWith("image\n"), HasSubstr("Read-only")));
      EXPECT_EQ(HostState(), before);
    }
  }
}

TEST_F(IsolateMounts, RecursiveFlagsHoldOnNewFileSystems) {
  Sandbox sandbox;
  sandbox.mounts = {mount_of("/x", "tmpfs", "tmpfs", {"rro", "rnosuid"})};
  EXPECT_THAT(sandbox.shell("grep ' /x ' /proc/self/mountinfo").output, HasSubstr(" /x ro,nosuid,relatime "));
}

TEST_F(IsolateMounts, LinksInTheImageCannotLeadOutOrIntoProc) {
  Sandbox sandbox;
  sandbox.tree().make_dir("outside");
  ASSERT_EQ(::symlink("/../../outside", sandbox.in_rootfs("up").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self/attr", sandbox.in_rootfs("attr").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/1/root", sandbox.in_rootfs("magic").c_str()), 0);
  const HostState before;
  sandbox.mounts = {mount_of("/up", "tmpfs", "tmpfs", {})};
  EXPECT_EQ(sandbox.shell("grep -c ' /outside ' /proc/self/mountinfo").output, "1\n");
  sandbox.mounts = {mount_of("/magic/x", "tmpfs", "tmpfs", {})};
  EXPECT_EQ(sandbox.run({"true"}).exit_code, kExitEngineFailed);
  for (const char* target : {"/attr", "/proc/sys", "/proc/1/attr"}) {
    sandbox.mounts = {mount_of(target, "tmpfs", "tmpfs", {})};
    EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("must not lie in /proc")) << target;
  }
  EXPECT_EQ(HostState(), before);
  EXPECT_TRUE(Dir::open(sandbox.tree().at("outside"))->list()->empty());
}

TEST_F(IsolateMounts, SwappedDirectoriesNeverLeadOutside) {
  Sandbox sandbox;
  sandbox.tree().make_dir("outside");
  sandbox.tree().make_dir("data");
  sandbox.tree().make_dir("rootfs/vol");
  ASSERT_EQ(::symlink((std::string("../../../../../..") + sandbox.tree().at("outside")).c_str(),
                      sandbox.in_rootfs("evil").c_str()),
            0);
  sandbox.mounts = {bind_of(sandbox.tree().at("data"), "/vol/a/b", {}), mount_of("/vol/c", "tmpfs", "tmpfs", {})};
  const HostState before;
  std::atomic<bool> done{false};
  std::thread attacker([&] {
    const std::string directory = sandbox.in_rootfs("vol"), link = sandbox.in_rootfs("evil");
    while (!done) ::renameat2(AT_FDCWD, directory.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
  });
  int succeeded = 0;
  for (int i = 0; i < 200; ++i) succeeded += sandbox.run({"true"}).exit_code == 0 ? 1 : 0;
  done = true;
  attacker.join();
  EXPECT_GT(succeeded, 0);
  EXPECT_EQ(HostState().mounts, before.mounts);
  EXPECT_TRUE(Dir::open(sandbox.tree().at("outside"))->list()->empty());
}

TEST_F(IsolateMounts, KernelFileSystemsBehindLinksAreRefused) {
  for (const char* name : {"proc", "sys", "dev"}) {
    Sandbox sandbox;
    sandbox.tree().make_dir("rootfs/elsewhere");
    ASSERT_EQ(::symlink("/elsewhere", sandbox.in_rootfs(name).c_str()), 0);
    EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("must be mounted on ordinary directory")) << name;
    use_user_namespace(sandbox, {{0, 100000, 1000}});
    EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("must be mounted on ordinary directory")) << name;
  }
}

TEST_F(IsolateMounts, PathsAreMaskedAndReadOnlyAlsoThroughLinks) {
  Sandbox sandbox;
  sandbox.tree().write("rootfs/etc/secret", "secret");
  sandbox.tree().write("rootfs/keys/one", "key");
  sandbox.tree().make_dir("rootfs/config");
  ASSERT_EQ(::symlink("/keys", sandbox.in_rootfs("alias").c_str()), 0);
  sandbox.container.masked_paths = {"/etc/secret", "/alias", "/no/such", "/etc/secret/below", "/sys/firmware"};
  sandbox.container.readonly_paths = {"/config", "/etc", "/no/such"};
  const Ended ended = sandbox.shell(
      "cat /etc/secret; ls /keys /alias/; touch /config/x; touch /etc/x; touch /keys/x; stat -c %t:%T /etc/secret");
  EXPECT_THAT(ended.output,
              AllOf(Not(HasSubstr("secret\n")), Not(HasSubstr("one")), HasSubstr("/config/x: Read-only"),
                    HasSubstr("/etc/x: Read-only"), HasSubstr("/keys/x: Read-only"), testing::EndsWith("1:3\n")));
  sandbox.container.masked_paths = {"relative"};
  EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("must be an absolute path"));
}

TEST_F(IsolateMounts, NullDevicesOfTheImageAreNotTrusted) {
  const auto without_dev = [](Sandbox& sandbox) {
    sandbox.usual_mounts = false;
    sandbox.mounts = {mount_of("/proc", "proc", "proc", {})};
    sandbox.tree().write("rootfs/etc/secret", "secret");
    sandbox.container.masked_paths = {"/etc/secret"};
  };
  Sandbox file, fifo, mapped, bound;
  for (Sandbox* sandbox : {&file, &fifo, &mapped}) without_dev(*sandbox);
  file.tree().write("rootfs/dev/null", "mine");
  EXPECT_EQ(file.run({"true"}).output, "make device /dev/null: File exists");
  for (Sandbox* sandbox : {&fifo, &mapped}) {
    sandbox->tree().make_dir("rootfs/dev");
    ASSERT_EQ(::mkfifo(sandbox->in_rootfs("dev/null").c_str(), 0666), 0);
  }
  EXPECT_EQ(fifo.run({"true"}).output, "make device /dev/null: File exists");
  use_user_namespace(mapped, {{0, 100000, 1000}});
  EXPECT_EQ(mapped.shell("cat /etc/secret; stat -c %t:%T /etc/secret /dev/null").output, "1:3\n1:3\n");
  bound.tree().write("dev/null", "mine");
  bound.mounts = {bind_of(bound.tree().at("dev"), "/dev", {})};
  EXPECT_EQ(bound.run({"true"}).output, "connect standard streams /dev/null: No such device");
}

TEST_F(IsolateMounts, DevicesAreMadeAsAskedFor) {
  Sandbox sandbox;
  sandbox.container.devices = {{"/dev/deep/zero", 'c', 1, 5, 0640, 7, 8},
                               {"/dev/pipe", 'p', 0, 0, 0622, {}, {}},
                               {"/dev/null", 'c', 1, 3, 0600, {}, {}},
                               {"/dev/disk", 'b', 7, 200, {}, {}, {}},
                               {"/outside", 'u', 1, 7, 0606, {}, {}}};
  const std::string script = "stat -c '%n %F %a %u:%g %t:%T' /dev/deep/zero /dev/pipe /dev/null /dev/disk /outside";
  EXPECT_EQ(sandbox.shell(script).output,
            "/dev/deep/zero character special file 640 7:8 1:5\n/dev/pipe fifo 622 0:0 0:0\n"
            "/dev/null character special file 600 0:0 1:3\n/dev/disk block special file 666 0:0 7:c8\n"
            "/outside character special file 606 0:0 1:7\n");
  EXPECT_EQ(sandbox.shell("true").exit_code, 0);  // /outside is there already
  sandbox.container.devices = {{"/outside", 'c', 1, 5, 0666, {}, {}}};
  EXPECT_EQ(sandbox.run({"true"}).output, "make device /outside: File exists");
}

// The host's root makes them, whatever has the name on the host.
TEST_F(IsolateMounts, DevicesOfUserNamespacesAreMadeAsAskedFor) {
  Sandbox sandbox;
  use_user_namespace(sandbox, {{0, 100000, 1000}});
  const HostState before;
  sandbox.container.devices = {{"/dev/full", 'c', 1, 5, 0640, 7, 8},
                               {"/dev/pipe", 'p', 0, 0, 0622, {}, {}},
                               {"/dev/no-such", 'b', 1, 5, 0606, {}, {}}};
  EXPECT_EQ(sandbox.shell("stat -c '%F %t:%T %a %u:%g' /dev/full /dev/pipe /dev/no-such").output,
            "character special file 1:5 640 7:8\nfifo 0:0 622 0:0\nblock special file 1:5 606 0:0\n");
  EXPECT_EQ(sandbox.shell("head -c 3 /dev/full | wc -c; grep -c ' / / ' /proc/self/mountinfo").output, "3\n1\n");
  EXPECT_EQ(HostState(), before);
}

TEST_F(IsolateMounts, ReadOnlyRoot) {
  Sandbox sandbox;
  sandbox.container.root.readonly = true;
  for (const bool pivot : {true, false}) {
    sandbox.launch.pivot = pivot;
    EXPECT_THAT(sandbox.shell("touch /dev/shm/x && echo shm; touch /x; touch /bin/x").output,
                AllOf(StartsWith("shm\n"), HasSubstr("/x: Read-only"), HasSubstr("/bin/x: Read-only")));
  }
}

TEST_F(IsolateMounts, RootIsEnteredWithoutPivot) {
  Sandbox sandbox;
  allow_everything(sandbox);
  sandbox.launch.pivot = false;
  const HostState before;
  const Ended ended = sandbox.shell("pwd; ls /; busybox chroot /proc/1/root ls /; cd /..; ls; ls -d /tmp/plimsoll-*");
  const std::string listing = "bin\ndev\nproc\nsys\ntmp\n";
  EXPECT_THAT(ended.output, StartsWith("/\n" + listing + listing + listing));
  EXPECT_THAT(ended.output, HasSubstr("No such file"));
  EXPECT_EQ(HostState(), before);
}

TEST_F(IsolateMounts, CgroupsAreReadOnly) {
  for (const bool grouped : {true, false}) {
    Sandbox sandbox;
    sandbox.grouped = grouped;
    const Ended ended = sandbox.shell(
        "for f in $(ls -d /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/*/release_agent "
        "/sys/fs/cgroup/*/tasks "
        "2>/dev/null) ; do echo $$ > $f; done; mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x; mount -o remount,rw "
        "/sys/fs/cgroup");
    EXPECT_THAT(ended.output, HasSubstr("cgroup.procs: Read-only file system"));
    EXPECT_EQ(test::count_lines(ended.output),
              static_cast<size_t>(std::count(ended.output.begin(), ended.output.end(), '\n')));
    EXPECT_THAT(ended.output, HasSubstr("can't create directory '/sys/fs/cgroup/x': Read-only"));
    EXPECT_NE(ended.exit_code, 0);
  }
}

TEST_F(IsolateMounts, SourceLinksCanBeBoundThemselves) {
  Sandbox sandbox;
  sandbox.tree().write("file", "content");
  ASSERT_EQ(::symlink("file", sandbox.tree().at("link").c_str()), 0);
  sandbox.mounts = {bind_of(sandbox.tree().at("link"), "/followed", {})};
  EXPECT_EQ(sandbox.run({"cat", "/followed"}).output, "content");
  sandbox.mounts = {bind_of(sandbox.tree().at("link"), "/link", {"src-nofollow"})};
  EXPECT_EQ(sandbox.run({"readlink", "/link"}).output, "file\n");
}

TEST_F(IsolateMounts, OptionsThatMakeNoSenseAreNamed) {
  Sandbox sandbox;
  sandbox.mounts = {bind_of("", "/x", {})};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount \"/x\": a bind needs a source");
  sandbox.mounts = {mount_of("/nowhere", "none", "none", {"remount", "ro"})};
  EXPECT_EQ(sandbox.run({"true"}).output, "mount /nowhere: Invalid argument");
  sandbox.mounts = {mount_of("/dev/shm", "none", "none", {"remount", "ro"})};
  EXPECT_THAT(sandbox.shell("touch /dev/shm/x").output, HasSubstr("Read-only file system"));
}

}  // namespace
}  // namespace plimsoll::isolate
