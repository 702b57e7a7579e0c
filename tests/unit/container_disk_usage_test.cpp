// SPDX-License-Identifier: Apache-2.0
// Writable layers: where they are, how large, and who walks them when.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <thread>

#include "collectors/container/disk_usage.h"
#include "collectors/container/file_systems.h"
#include "collectors/container/layer_walk.h"
#include "collectors/container/mount_table.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

using namespace collectors::container;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kMs = 1'000'000;

std::string root_line(const std::string& options, const std::string& type = "overlay") {
  return "30 20 0:40 / / rw,relatime shared:7 master:1 - " + type + " overlay " + options + "\n";
}

TEST(WritableLayer, IsTheUpperDirectoryOfTheRoot) {
  const struct {
    std::string mountinfo, layer;
  } cases[] = {
      {root_line("rw,lowerdir=/l1:/l2,upperdir=/u/diff,workdir=/w"), "/u/diff"},
      {"22 27 0:21 / /proc rw - proc proc rw\n" + root_line("rw,upperdir=/u") + "31 30 0:9 / /dev rw - tmpfs t rw\n",
       "/u"},
      {root_line("rw,upperdir=/first") + root_line("rw,upperdir=/second"), "/second"},
      {root_line("rw,upperdir=/u") + root_line("rw", "ext4"), ""},
      {root_line("rw,upperdir=/a\\040b\\011c\\012d\\134\\134e"), "/a b\tc\nd\\e"},
      {root_line("rw,upperdir=/a\\134\\054b\\134:c,workdir=/w"), "/a,b:c"},
      {root_line("rw,upperdir=/a\\,b,workdir=/w"), "/a,b"},
      {root_line("rw,lowerdir=/x\\,upperdir=/no,upperdir=/yes"), "/yes"},
      {root_line("rw,upperdir=/u\\"), "/u\\"},
      {root_line("ro,lowerdir=/l1:/l2"), ""},
      {root_line("rw,upperdir="), ""},
      {root_line("rw,upperdir=ID/diff"), ""},
      {root_line("rw,upperdir=/u", "fuse.fuse-overlayfs"), ""},
      {root_line("rw,upperdir=/a\\000b"), ""},
      {root_line("rw,upperdir=/" + std::string(PATH_MAX, 'x')), ""},
      {"30 20 0:40 / /merged rw - overlay overlay rw,upperdir=/u\n", ""},
      {"", ""},
      {"\n\n \n", ""},
      {"30 20 0:40 / / rw,relatime - overlay\n", ""},
      {"30 20 0:40 / / rw,relatime overlay overlay rw,upperdir=/u\n", ""},
      {"30 20 0:40 / / rw - overlay overlay rw,upperdir=/cut", ""},
  };
  for (const auto& [mountinfo, layer] : cases) EXPECT_EQ(writable_layer(mountinfo), layer) << mountinfo;
}

// What lstat(2) says of all of it, summed without any care for order or memory.
struct OwnSum {
  uint64_t bytes = 0, inodes = 0;
};
OwnSum own_sum(const std::string& path, std::vector<uint64_t>& seen) {
  struct stat st {};
  EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
  for (const uint64_t inode : seen) {
    if (inode == st.st_ino) return {};
  }
  seen.push_back(st.st_ino);
  OwnSum sum = {static_cast<uint64_t>(st.st_blocks) * 512, 1};
  if (!S_ISDIR(st.st_mode)) return sum;
  const auto entries = Dir::open(path)->list();
  for (const Dir::Entry& entry : *entries) {
    const OwnSum below = own_sum(path + "/" + entry.name, seen);
    sum.bytes += below.bytes;
    sum.inodes += below.inodes;
  }
  return sum;
}
OwnSum own_sum(const std::string& path) {
  std::vector<uint64_t> seen;
  return own_sum(path, seen);
}

Result<TreeSize> measure(
    const std::string& path, LayerWalk::GoOn go_on = [] { return true; }) {
  const UniqueFd top(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return LayerWalk(std::move(go_on)).measure(top.get());
}

TreeSize size_of(const std::string& path) {
  auto size = measure(path);
  EXPECT_TRUE(size);
  return size ? *size : TreeSize{};
}

TEST(LayerWalk, CountsWhatIsInUse) {
  const TempTree tree({{"d/a", "text"}, {"d/e/b", std::string(100'000, 'x')}, {"d/e/f/c", std::string(5'000, 'y')}});
  const UniqueFd sparse(::open(tree.at("d/sparse").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(sparse.get(), 1L << 40), 0);
  const OwnSum expected = own_sum(tree.at("d"));
  const TreeSize size = size_of(tree.at("d"));
  EXPECT_EQ(size.bytes, expected.bytes);
  EXPECT_EQ(size.inodes, expected.inodes);
  EXPECT_EQ(size.inodes, 7U);
  EXPECT_EQ(size.left_out, 0U);
  EXPECT_GE(size.bytes, 105'000U);
  EXPECT_LT(size.bytes, 1'000'000U) << "a hole takes no space";
}

TEST(LayerWalk, HardLinksCountOnce) {
  const TempTree tree({{"d/a", std::string(1 << 20, 'x')}});
  const TreeSize one = size_of(tree.at("d"));
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(::link(tree.at("d/a").c_str(), tree.at("d/link" + std::to_string(i)).c_str()), 0);
  const TreeSize six = size_of(tree.at("d"));
  EXPECT_EQ(six.inodes, one.inodes);
  EXPECT_EQ(six.bytes, one.bytes);
}

TEST(LayerWalk, LinksAreNotFollowed) {
  const TempTree tree({{"big/file", std::string(1 << 20, 'x')}, {"d/a", "1"}});
  ASSERT_EQ(::symlink(tree.at("big").c_str(), tree.at("d/out").c_str()), 0);
  ASSERT_EQ(::symlink(".", tree.at("d/loop").c_str()), 0);
  ASSERT_EQ(::symlink("/nowhere", tree.at("d/dangling").c_str()), 0);
  ASSERT_EQ(::mkfifo(tree.at("d/fifo").c_str(), 0600), 0);
  const TreeSize size = size_of(tree.at("d"));
  EXPECT_EQ(size.inodes, 6U);
  EXPECT_LT(size.bytes, 1U << 20);
}

// Deeper than the descriptors that a walk holds, and than a path may be long; with files on both sides of each descent.
TEST(LayerWalk, ADeepTreeNeedsFewDescriptors) {
  const TempTree tree;
  tree.make_dir("d");
  constexpr int kLevels = 300;
  UniqueFd level(::open(tree.at("d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kLevels; ++i) {
    for (const char* name : {"1", "2", "3", "x", "y", "z"})
      UniqueFd(::openat(level.get(), name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string name(100, 'n');
    ASSERT_EQ(::mkdirat(level.get(), name.c_str(), 0700), 0);
    level.reset(::openat(level.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  int most = 0;
  auto size = measure(tree.at("d"), [&] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
    most = std::max(most, count);
    return true;
  });
  ASSERT_TRUE(size);
  EXPECT_EQ(size->inodes, 1U + kLevels * 7);
  EXPECT_EQ(size->left_out, 0U);
  EXPECT_LT(most, 60);
}

TEST(LayerWalk, WhatMayNotBeReadIsLeftOut) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every directory";
  const TempTree tree({{"d/open/a", "1"}, {"d/closed/b", "1"}});
  ASSERT_EQ(::chmod(tree.at("d/closed").c_str(), 0), 0);
  const TreeSize size = size_of(tree.at("d"));
  ASSERT_EQ(::chmod(tree.at("d/closed").c_str(), 0700), 0);
  EXPECT_EQ(size.inodes, 4U);
  EXPECT_EQ(size.left_out, 1U);
}

TEST(LayerWalk, EndsWhenItIsTold) {
  TempTree tree;
  for (int i = 0; i < 200; ++i) tree.write("d/" + std::to_string(i), "");
  int asked = 0;
  const auto ended = measure(tree.at("d"), [&] { return ++asked < 3; });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, ECANCELED);
  EXPECT_EQ(asked, 3);
}

TEST(LayerWalk, ATreeThatIsTakenAwayMeanwhileEndsTheWalk) {
  TempTree tree;
  for (int i = 0; i < 40; ++i) tree.write("d/" + std::to_string(i) + "/a/b/c", "");
  bool removed = false;
  const auto size = measure(tree.at("d"), [&] {
    if (!removed) removed = remove_tree(tree.at("d")).has_value();
    return true;
  });
  ASSERT_TRUE(size);
  EXPECT_LT(size->inodes, 161U);
}

// A deep directory that is moved elsewhere loses the way back up: what is above it is still counted.
TEST(LayerWalk, ADirectoryThatIsMovedDoesNotLeadOut) {
  const TempTree tree;
  std::string path = "d", moved;
  for (int i = 0; i < 60; ++i) {
    path += "/x";
    if (i == 50) moved = path;
  }
  tree.write(path + "/deepest", "");
  tree.write("elsewhere/not-ours", "");
  bool done = false;
  const auto size = measure(tree.at("d"), [&] {
    if (!done) done = ::rename(tree.at(moved).c_str(), tree.at("elsewhere/x").c_str()) == 0;
    return true;
  });
  ASSERT_TRUE(done);
  ASSERT_TRUE(size);
  EXPECT_LE(size->inodes, 62U);
  EXPECT_GE(size->inodes, 51U);
}

// A host with containers: their processes' mount tables, and their layers in a tree that is the host's root.
class Containers : public testing::Test {
 protected:
  Containers() {
    struct stat st {};
    EXPECT_EQ(::stat(tree.path().c_str(), &st), 0);
    device = std::to_string(major(st.st_dev)) + ":" + std::to_string(minor(st.st_dev));
    tree.write("proc/1/mountinfo", "27 1 " + device + " / / rw,relatime - ext4 /dev/vd\\040x rw\n");
  }
  void container(pid_t pid, const std::string& layer, const std::string& content) const {
    tree.write("proc/" + std::to_string(pid) + "/mountinfo",
               root_line("rw,lowerdir=/l,upperdir=" + layer + ",workdir=/w"));
    if (!content.empty()) tree.write("root" + layer + "/file", content);
  }
  DiskUsageOptions options(std::chrono::nanoseconds interval = seconds(60), unsigned share = 100) const {
    return {
        .roots = {tree.at("proc"), tree.at("sys"), "", tree.at("root")}, .interval = interval, .share_percent = share};
  }
  static std::optional<LayerUsage> wait_for_usage(DiskUsage& disk, uint64_t key, pid_t pid) {
    for (int i = 0; i < 2000; ++i) {
      if (auto usage = disk.usage(key, [&] { return pid_t{pid}; })) return usage;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return std::nullopt;
  }

  TempTree tree;
  std::string device;
};

TEST_F(Containers, AFigureForALayer) {
  container(50, "/layers/a/diff", std::string(50'000, 'x'));
  DiskUsage disk(options());
  const int64_t before_ns = wall_clock_ns();
  EXPECT_EQ(disk.usage(7, [&] { return pid_t{50}; }), std::nullopt) << "never waits for the walk";
  const auto usage = wait_for_usage(disk, 7, 50);
  ASSERT_TRUE(usage);
  const OwnSum expected = own_sum(tree.at("root/layers/a/diff"));
  EXPECT_EQ(usage->used_bytes, expected.bytes);
  EXPECT_EQ(usage->used_inodes, 2U);
  EXPECT_EQ(usage->device, "/dev/vd x");
  EXPECT_FALSE(usage->by_quota);
  EXPECT_GE(usage->measured_ns, before_ns);
  EXPECT_LE(usage->measured_ns, wall_clock_ns());
  struct statvfs st {};
  ASSERT_EQ(::statvfs(tree.path().c_str(), &st), 0);
  EXPECT_EQ(usage->limit_bytes, uint64_t{st.f_blocks} * st.f_frsize);
  EXPECT_EQ(usage->inodes_total.value_or(0), st.f_files);
}

TEST_F(Containers, TheProcessIsLookedForOnlyWhenTheFigureIsOld) {
  container(50, "/a", "1");
  DiskUsage disk(options(seconds(60)));
  int asked = 0;
  const auto find = [&] { return ++asked, pid_t{50}; };
  disk.usage(7, find);
  EXPECT_EQ(asked, 1);
  ASSERT_TRUE(wait_for_usage(disk, 7, 50));
  EXPECT_TRUE(disk.usage(7, find));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(disk.usage(8, [&] { return pid_t{0}; }), std::nullopt) << "no process";
}

TEST_F(Containers, AnOldFigureIsRenewed) {
  container(50, "/a", std::string(10'000, 'x'));
  DiskUsage disk(options(milliseconds(1)));
  const auto first = wait_for_usage(disk, 7, 50);
  ASSERT_TRUE(first);
  tree.write("root/a/more", std::string(1 << 20, 'x'));
  // A walk may see the file half written.
  for (int i = 0; i < 2000 && disk.usage(7, [] { return 50; })->used_bytes < first->used_bytes + (1 << 20); ++i)
    std::this_thread::sleep_for(milliseconds(2));
  const auto second = disk.usage(7, [&] { return pid_t{50}; });
  ASSERT_TRUE(second);
  EXPECT_EQ(second->used_inodes, first->used_inodes + 1);
  EXPECT_GE(second->used_bytes, first->used_bytes + (1 << 20));
  EXPECT_GT(second->measured_ns, first->measured_ns);
}

TEST_F(Containers, WithoutALayerThereIsNoFigure) {
  tree.write("proc/51/mountinfo", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n");
  container(52, "/missing", "");
  tree.write("root/file", "no directory");
  container(53, "/file", "");
  tree.write("proc/54/mountinfo", "garbage");
  container(50, "/a", "1");
  DiskUsage disk(options());
  for (pid_t pid = 51; pid <= 54; ++pid)
    EXPECT_EQ(disk.usage(static_cast<uint64_t>(pid), [&] { return pid_t{pid}; }), std::nullopt);
  EXPECT_EQ(disk.usage(55, [&] { return pid_t{55}; }), std::nullopt) << "a process that has ended";
  ASSERT_TRUE(wait_for_usage(disk, 50, 50)) << "the others before it are done by now";
  for (pid_t pid = 51; pid <= 55; ++pid)
    EXPECT_EQ(disk.usage(static_cast<uint64_t>(pid), [&] { return pid_t{pid}; }), std::nullopt);
}

// The host's own links are followed within the host's root.
TEST_F(Containers, LinksOnTheWayAreTheHosts) {
  container(50, "/var/lib/engine/diff", "");
  tree.write("root/data/diff/file", "1");
  tree.make_dir("root/var/lib");
  ASSERT_EQ(::symlink("/data", tree.at("root/var/lib/engine").c_str()), 0);
  DiskUsage disk(options());
  const auto usage = wait_for_usage(disk, 7, 50);
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->used_inodes, 2U);
}

TEST_F(Containers, WhoIsNotAskedForIsForgotten) {
  container(50, "/a", "1");
  DiskUsage disk(options());
  ASSERT_TRUE(wait_for_usage(disk, 7, 50));
  disk.end_scrape();
  disk.end_scrape();
  EXPECT_TRUE(disk.usage(7, [&] { return pid_t{0}; })) << "left out once";
  disk.end_scrape();
  disk.end_scrape();
  disk.end_scrape();
  EXPECT_EQ(disk.usage(7, [&] { return pid_t{0}; }), std::nullopt);
}

// 100,000 files in memory: a disk takes minutes to make them.
class LargeTree : public Containers {
 protected:
  void SetUp() override {
    if (::mkdtemp(memory.data()) == nullptr) GTEST_SKIP() << "needs /dev/shm";
    container(50, "/big", "");
    container(60, "/small", "");
    for (const char* name : {"/big", "/small"}) ASSERT_EQ(::mkdir((memory + name).c_str(), 0700), 0);
    const UniqueFd dir(::open((memory + "/big").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(::mkdirat(dir.get(), std::to_string(i).c_str(), 0700), 0);
      const UniqueFd below(::openat(dir.get(), std::to_string(i).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      for (int j = 0; j < 1000; ++j) ASSERT_EQ(::mknodat(below.get(), std::to_string(j).c_str(), S_IFREG | 0600, 0), 0);
    }
  }
  void TearDown() override { EXPECT_TRUE(remove_tree(memory)); }
  DiskUsageOptions in_memory(unsigned share) const {
    DiskUsageOptions wanted = options(seconds(60), share);
    wanted.roots.rootfs = memory;
    return wanted;
  }

  std::string memory = "/dev/shm/plimsoll-test-XXXXXX";
};

TEST_F(LargeTree, DestructionEndsTheWalkAtOnce) {
  auto disk = std::make_unique<DiskUsage>(in_memory(2));
  disk->usage(7, [&] { return pid_t{50}; });
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_EQ(disk->usage(7, [&] { return pid_t{50}; }), std::nullopt) << "100,000 files take longer";
  const int64_t before_ns = monotonic_ns();
  disk.reset();
  EXPECT_LT(monotonic_ns() - before_ns, 100 * kMs);
}

TEST_F(LargeTree, OthersAreMeasuredAfterItIsForgotten) {
  DiskUsage disk(in_memory(2));
  disk.usage(7, [&] { return pid_t{50}; });
  std::this_thread::sleep_for(milliseconds(50));
  for (int i = 0; i < 4; ++i) disk.end_scrape();
  const int64_t before_ns = monotonic_ns();
  EXPECT_TRUE(wait_for_usage(disk, 8, 60));
  EXPECT_LT(monotonic_ns() - before_ns, 1000 * kMs);
}

TEST_F(LargeTree, TakesItsShareOfAProcessor) {
  const auto used_ns = [] {
    timespec time;
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return int64_t{time.tv_sec} * 1000 * kMs + time.tv_nsec;
  };
  DiskUsage disk(in_memory(5));
  disk.usage(7, [&] { return pid_t{50}; });
  const int64_t before_ns = used_ns();
  std::this_thread::sleep_for(seconds(2));
  const int64_t used = used_ns() - before_ns;
  EXPECT_GT(used, 10 * kMs) << "it works";
  EXPECT_LT(used, 200 * kMs) << "twice 5 % of two seconds";
}

class FileSystems : public testing::Test {
 protected:
  FileSystems() {
    struct stat st {};
    EXPECT_EQ(::stat(tree.path().c_str(), &st), 0);
    device = std::to_string(major(st.st_dev)) + ":" + std::to_string(minor(st.st_dev));
    tree.make_dir("root/srv/data");
    tree.make_dir("root/mnt/nfs/disk");
  }
  std::vector<LayerUsage> find(const std::string& mounts) const {
    tree.write("proc/1/mountinfo", mounts);
    return machine_file_systems({tree.at("proc"), tree.at("sys"), "", tree.at("root")});
  }
  std::string line(const std::string& point, const std::string& source = "/dev/vda1",
                   const std::string& type = "ext4") const {
    return "27 1 " + device + " / " + point + " rw - " + type + " " + source + " rw\n";
  }

  TempTree tree;
  std::string device;
};

TEST_F(FileSystems, EachDeviceOnce) {
  const auto found = find(line("/") + line("/srv/data") + "28 27 0:5 / /dev rw - devtmpfs devtmpfs rw\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].device, "/dev/vda1");
  struct statvfs st {};
  ASSERT_EQ(::statvfs(tree.path().c_str(), &st), 0);
  EXPECT_EQ(found[0].limit_bytes, uint64_t{st.f_blocks} * st.f_frsize);
  EXPECT_GT(found[0].used_bytes, 0U);
  EXPECT_LE(found[0].used_bytes, *found[0].limit_bytes);
  EXPECT_FALSE(found[0].by_quota);
}

TEST_F(FileSystems, OnlyFromBlockDevices) {
  EXPECT_TRUE(find("").empty());
  EXPECT_TRUE(find("garbage\n\n27 1\n").empty());
  EXPECT_TRUE(find(line("/", "server:/x", "nfs4")).empty());
  EXPECT_TRUE(find(line("/", "/dev/fuse", "fuseblk")).empty());
  EXPECT_TRUE(find(line("/", "/dev/loop0", "squashfs")).empty());
  EXPECT_TRUE(find(line("/", "tmpfs", "tmpfs")).empty());
  EXPECT_TRUE(find(line("/missing")).empty());
}

TEST_F(FileSystems, AHiddenMountIsNotMistakenForTheOneAboveIt) {
  const std::string other = "28 27 9:99 / /srv/data rw - xfs /dev/vdb rw\n";
  const auto found = find(line("/") + other);
  ASSERT_EQ(found.size(), 1U) << "the directory is on another device than the mount table says";
  EXPECT_EQ(found[0].device, "/dev/vda1");
}

TEST_F(FileSystems, NoPathThatMightHang) {
  const std::string nfs = "28 27 0:50 / /mnt/nfs rw - nfs server:/x rw\n";
  EXPECT_TRUE(find(nfs + line("/mnt/nfs/disk")).empty());
  EXPECT_TRUE(find(line("/mnt/nfs") + nfs).empty()) << "covered by it";
  EXPECT_EQ(find(nfs + line("/mnt/nfsdisk") + line("/srv/data")).size(), 1U) << "beside it";
  const std::string automount = "28 27 0:51 / /srv/data rw - autofs systemd-1 rw\n";
  EXPECT_EQ(find(automount + line("/srv/data")).size(), 1U) << "the disk has been mounted on it";
  EXPECT_TRUE(find(automount + line("/srv/data/x")).empty());
}

TEST_F(FileSystems, NamesOfDevices) {
  tree.write("sys/dev/block/259:3/uevent", "MAJOR=259\nMINOR=3\nDEVNAME=nvme0n1p3\nDEVTYPE=partition\n");
  tree.write("sys/dev/block/259:4/uevent", "MAJOR=259\n");
  tree.write("proc/1/mountinfo",
             "27 1 259:1 / / rw - ext4 /dev/root rw\n28 1 259:1 / /a rw - ext4 /dev/disk\\040one rw\n"
             "29 1 0:44 / /b rw - btrfs /dev/vdb rw\n30 1 259:3 / /c rw - ext4 /dev/root rw\n");
  const HostRoots roots = {tree.at("proc"), tree.at("sys"), "", tree.at("root")};
  EXPECT_EQ(device_name(roots, makedev(259, 1)), "/dev/disk one");
  EXPECT_EQ(device_name(roots, makedev(0, 44)), "/dev/vdb");
  EXPECT_EQ(device_name(roots, makedev(259, 3)), "/dev/nvme0n1p3");
  EXPECT_EQ(device_name(roots, makedev(259, 4)), "259:4");
  EXPECT_EQ(device_name(roots, makedev(0, 99)), "0:99");
}

}  // namespace
}  // namespace plimsoll::test
