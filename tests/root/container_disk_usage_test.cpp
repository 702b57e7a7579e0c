// SPDX-License-Identifier: Apache-2.0
// The writable layer of a real overlay, found through a process that lives on it, and a real project quota.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "collectors/container/disk_usage.h"
#include "collectors/container/file_systems.h"
#include "collectors/container/mount_table.h"
#include "collectors/container/project_quota.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

using namespace collectors::container;

// A process in a mount namespace of its own whose root is an overlay; says over a pipe that it is there.
class OverlayProcess {
 public:
  OverlayProcess(const std::string& target, const std::string& options) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("overlay", target.c_str(), "overlay", 0, options.c_str()) == 0 &&
                         ::chroot(target.c_str()) == 0 && ::chdir("/") == 0;
      const char answer = ready ? '1' : '0';
      (void)!::write(ends[1], &answer, 1);
      while (true) ::pause();
    }
    ::close(ends[1]);
    char answer = '0';
    (void)!::read(ends[0], &answer, 1);
    ::close(ends[0]);
    ready_ = answer == '1';
  }
  ~OverlayProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool ready() const { return ready_; }

 private:
  pid_t pid_ = -1;
  bool ready_ = false;
};

class RealLayers : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
};

TEST_F(RealLayers, AnOverlayWithCommasInItsName) {
  TempTree tree({{"lower/only-below", std::string(1 << 20, 'x')}});
  const std::string upper = "up,per with:all\\of them";
  for (const std::string& name : {upper, std::string("work"), std::string("merged")}) tree.make_dir(name);
  tree.write(upper + "/file", std::string(300'000, 'y'));
  const OverlayProcess process(tree.at("merged"), "lowerdir=" + tree.at("lower") + ",workdir=" + tree.at("work") +
                                                      ",upperdir=" + tree.at("up\\,per with\\:all\\\\of them"));
  if (!process.ready()) GTEST_SKIP() << "needs overlayfs over " << tree.path();
  const auto mounts = read_file("/proc/" + std::to_string(process.pid()) + "/mountinfo");
  ASSERT_TRUE(mounts);
  EXPECT_EQ(writable_layer(*mounts), tree.at(upper));
  DiskUsage disk(DiskUsageOptions{});
  std::optional<LayerUsage> usage;
  for (int i = 0; i < 1000 && !(usage = disk.usage(1, [&] { return pid_t{process.pid()}; })); ++i) ::usleep(10'000);
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->used_inodes, 2U) << "what is below is not the container's";
  EXPECT_GE(usage->used_bytes, 300'000U);
  EXPECT_LT(usage->used_bytes, 400'000U);
  EXPECT_FALSE(usage->by_quota);
  EXPECT_GT(usage->limit_bytes.value_or(0), usage->used_bytes);
  struct stat st {};
  ASSERT_EQ(::stat(tree.path().c_str(), &st), 0);
  EXPECT_EQ(usage->device, device_name({}, st.st_dev));
}

TEST_F(RealLayers, TheHostsOwnRootIsNoLayer) {
  const auto mounts = read_file("/proc/self/mountinfo");
  ASSERT_TRUE(mounts);
  if (!writable_layer(*mounts).empty()) GTEST_SKIP() << "this root is an overlay";
  DiskUsage disk(DiskUsageOptions{});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(disk.usage(1, [&] { return pid_t{::getpid()}; }), std::nullopt);
    ::usleep(5'000);
  }
}

TEST_F(RealLayers, FileSystemsOfThisMachine) {
  const auto found = machine_file_systems({});
  bool any_disk = false;
  const auto mounts = read_file("/proc/1/mountinfo");
  ASSERT_TRUE(mounts);
  for_each_mount(*mounts, [&](const Mount& mount) { any_disk |= mount.type == "ext4" || mount.type == "xfs"; });
  if (!any_disk) GTEST_SKIP() << "no disk is mounted";
  ASSERT_FALSE(found.empty());
  for (const LayerUsage& one : found) {
    EXPECT_GT(one.limit_bytes.value_or(0), 0U) << one.device;
    EXPECT_LE(one.used_bytes, one.limit_bytes.value_or(0)) << one.device;
  }
}

bool run(std::vector<const char*> argv) {
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const UniqueFd null(::open("/dev/null", O_RDWR));
    for (int fd = 0; fd < 3; ++fd) ::dup2(null.get(), fd);
    ::execvp(argv[0], const_cast<char**>(argv.data()));
    ::_exit(127);
  }
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// An ext4 with project quotas in a file, mounted in a mount namespace of this process's own.
TEST_F(RealLayers, AProjectQuotaInsteadOfAWalk) {
  TempTree tree;
  const std::string image = tree.at("image"), target = tree.at("mnt");
  tree.make_dir("mnt");
  const UniqueFd file(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(file.get(), 64 << 20), 0);
  if (!run({"mkfs.ext4", "-q", "-O", "project,quota", "-E", "quotatype=prjquota", image.c_str()}))
    GTEST_SKIP() << "needs mkfs.ext4 (package e2fsprogs)";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  if (!run({"mount", "-o", "loop,prjquota", image.c_str(), target.c_str()}))
    GTEST_SKIP() << "needs a kernel with loop devices and ext4 quotas (CONFIG_QFMT_V2)";
  {
    tree.make_dir("mnt/layers/a");
    const UniqueFd top(::open(tree.at("mnt/layers/a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    fsxattr attributes = {};
    ASSERT_EQ(::ioctl(top.get(), FS_IOC_FSGETXATTR, &attributes), 0);
    attributes.fsx_projid = 4711;
    attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    ASSERT_EQ(::ioctl(top.get(), FS_IOC_FSSETXATTR, &attributes), 0);
    tree.write("mnt/layers/a/diff/file", std::string(1 << 20, 'x'));
    ::sync();
    const UniqueFd layer(::open(tree.at("mnt/layers/a/diff").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(project_of(layer.get()), 4711U) << "inherited";
    const auto usage = project_usage(layer.get(), "");
    ASSERT_TRUE(usage);
    EXPECT_GE(usage->used_bytes, 1U << 20);
    EXPECT_LT(usage->used_bytes, 2U << 20);
    EXPECT_EQ(usage->used_inodes, 3U);
    EXPECT_FALSE(usage->limit_bytes);
    tree.make_dir("mnt/layers/a/diff/deep/er");
    const UniqueFd inner(::open(tree.at("mnt/layers/a/diff/deep/er").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_FALSE(project_usage(inner.get(), "")) << "the project is that of the directory two above, too";
    const UniqueFd other(::open(tree.at("mnt/layers").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_FALSE(project_usage(other.get(), "")) << "no project";
  }
  EXPECT_EQ(::umount2(target.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace plimsoll::test
