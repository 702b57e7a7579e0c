// SPDX-License-Identifier: Apache-2.0
#include <sys/statvfs.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "collectors/host/mount_probe.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::collect_file;
using test::expect_refused;
using test::roots_of;
using test::TempTree;
using test::type_of;

// Mounts named in a tree exist as plain directories below root/, so that they can be asked.
struct MountTree {
  explicit MountTree(const std::string& mountinfo, std::initializer_list<const char*> directories = {}) {
    tree.write("proc/1/mountinfo", mountinfo);
    tree.make_dir("root");
    for (const char* directory : directories) tree.make_dir(std::string("root") + directory);
  }
  test::Collected collect_it() const { return collect(*kFilesystemCollector.make(roots_of(tree))); }
  TempTree tree;
};

// The mount points that were exported, in order.
std::string mount_points(const test::Collected& collected) {
  std::string points;
  const std::string text = collected.text("node_filesystem_readonly");
  const std::string key = "mountpoint=\"";
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1))
    points += text.substr(at + key.size(), text.find('"', at + key.size()) - at - key.size()) + ' ';
  return points;
}

TEST(Filesystem, SaysWhatStatvfsSays) {
  const MountTree mounts("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n");
  const auto collected = mounts.collect_it();
  EXPECT_TRUE(collected.result) << collected.error();
  struct statvfs st;
  ASSERT_EQ(::statvfs(mounts.tree.at("root").c_str(), &st), 0);
  const std::string labels = "{device=\"/dev/vda\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/\"} ";
  EXPECT_EQ(collected.text("node_filesystem_device_error"), "node_filesystem_device_error" + labels + "0\n");
  EXPECT_EQ(collected.text("node_filesystem_readonly"), "node_filesystem_readonly" + labels + "0\n");
  EXPECT_EQ(collected.text("node_filesystem_size"),
            "node_filesystem_size_bytes" + labels + std::to_string(st.f_blocks * st.f_frsize) + "\n");
  EXPECT_NE(collected.text("node_filesystem_files_free"), "");
  EXPECT_EQ(collected.text("node_filesystem_mount_info"),
            "node_filesystem_mount_info{device=\"/dev/vda\",major=\"254\",minor=\"0\",mountpoint=\"/\"} 1\n");
  EXPECT_EQ(type_of(collected.page, "node_filesystem_avail_bytes"), "gauge");
}

TEST(Filesystem, LeavesOutKernelInterfacesAndContainerLayers) {
  const MountTree mounts(
      "1 1 0:1 / / rw - tmpfs root rw\n"
      "2 1 0:2 / /proc rw - tmpfs t rw\n3 1 0:3 / /dev/shm rw - tmpfs t rw\n4 1 0:4 / /sys/x rw - tmpfs t rw\n"
      "5 1 0:5 / /run/credentials/a.service rw - tmpfs t rw\n6 1 0:6 / /var/lib/docker/x rw - ext4 t rw\n"
      "7 1 0:7 / /var/lib/containers/storage/x rw - ext4 t rw\n8 1 0:8 / /m rw - overlay t rw\n"
      "9 1 0:9 / /m2 rw - cgroup2 t rw\n10 1 0:10 / /m3 rw - fuse.sshfs t rw\n"
      "11 1 0:11 / /devices rw - tmpfs t rw\n12 1 0:12 / /var/lib/docker rw - ext4 t rw\n"
      "13 1 0:13 / /run/credentials rw - tmpfs t rw\n");
  EXPECT_EQ(mount_points(mounts.collect_it()), "/ /m3 /devices /var/lib/docker /run/credentials ");
}

TEST(Filesystem, UndoesEscapesAndReadsOptionalFields) {
  const MountTree mounts(
      "1 1 8:1 /sub /with\\040blank\\134 ro,nosuid shared:7 master:1 - nfs4 server:/a\\040b rw,vers=4\n",
      {"/with blank\\"});
  const auto collected = mounts.collect_it();
  EXPECT_EQ(collected.text("node_filesystem_readonly"),
            "node_filesystem_readonly{device=\"server:/a b\",device_error=\"\",fstype=\"nfs4\","
            "mountpoint=\"/with blank\\\\\"} 1\n");
}

TEST(Filesystem, AReadOnlyFileSystemIsReadOnlyWhateverTheMount) {
  const MountTree mounts(
      "1 1 8:1 / / rw,errors=remount-ro - ext4 /dev/a ro,seclabel\n2 1 8:2 / /m rw - ext4 /dev/b rw,pro\n", {"/m"});
  const std::string text = mounts.collect_it().text("node_filesystem_readonly");
  EXPECT_NE(text.find("mountpoint=\"/\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("mountpoint=\"/m\"} 0\n"), std::string::npos) << text;
}

TEST(Filesystem, AnEmptySourceIsTaken) {
  const MountTree mounts("1 1 0:5 / / rw - tmpfs  rw\n");
  EXPECT_EQ(mounts.collect_it().text("node_filesystem_device_error"),
            "node_filesystem_device_error{device=\"\",device_error=\"\",fstype=\"tmpfs\",mountpoint=\"/\"} 0\n");
}

TEST(Filesystem, OnlyTheUppermostOfStackedMountsIsSeen) {
  const MountTree mounts("1 1 8:1 / / rw - ext4 below rw\n2 1 8:2 / / rw - xfs above rw\n");
  const std::string text = mounts.collect_it().text("node_filesystem_device_error");
  EXPECT_EQ(text.find("below"), std::string::npos);
  EXPECT_NE(text.find("above"), std::string::npos);
}

TEST(Filesystem, AMountThatCannotBeAskedHasAnErrorInstead) {
  const MountTree mounts("1 1 8:1 / /gone rw - ext4 /dev/a rw\n");
  const auto collected = mounts.collect_it();
  EXPECT_TRUE(collected.result);
  const std::string labels =
      "{device=\"/dev/a\",device_error=\"no such file or directory\",fstype=\"ext4\",mountpoint=\"/gone\"} ";
  EXPECT_EQ(collected.text(), "node_filesystem_device_error" + labels + "1\nnode_filesystem_readonly" + labels + "0\n");
}

TEST(Filesystem, MountsAskedOnTheSpotAndByTheProbeKeepTheirAnswers) {
  const MountTree mounts(
      "1 1 8:1 / / rw - ext4 /dev/a rw\n2 1 0:9 / /far rw - nfs4 server:/ rw\n3 1 8:3 / /far/near rw - ext4 /dev/b rw\n"
      "4 1 8:4 / /gone rw - ext4 /dev/c rw\n5 1 0:8 / /lost rw - fuse f rw\n6 1 8:5 / /farther rw - xfs /dev/d rw\n",
      {"/far/near", "/farther"});
  const auto collected = mounts.collect_it();
  EXPECT_EQ(mount_points(collected), "/ /far /far/near /gone /lost /farther ");
  std::string failed;
  for (const char* point : {"/", "/far", "/far/near", "/gone", "/lost", "/farther"})
    if (collected.text("node_filesystem_size").find(std::string("mountpoint=\"") + point + "\"") == std::string::npos)
      failed += std::string(point) + " ";
  EXPECT_EQ(failed, "/gone /lost ");
}

TEST(Filesystem, FallsBackToItsOwnMountsWithoutTheHostsRoot) {
  const TempTree tree;
  tree.make_dir("root/data");
  tree.write("proc/self/mountinfo", "1 1 8:1 / " + tree.at("root") + " rw - ext4 /dev/a rw\n2 1 8:2 / " +
                                        tree.at("root/data") + " rw - ext4 /dev/b rw\n3 1 8:3 / " + tree.at("rooted") +
                                        " rw - ext4 /dev/c rw\n");
  HostRoots roots = roots_of(tree);
  roots.rootfs += "/";
  EXPECT_EQ(mount_points(collect(*kFilesystemCollector.make(roots))), "/ /data " + tree.at("rooted") + " ");
}

TEST(Filesystem, RefusesWhatIsNone) {
  expect_refused(
      kFilesystemCollector, "proc/1/mountinfo",
      {"", "garbage\n", "1 1 8:1 / / rw - ext4\n", "1 1 8:1 / / rw ext4 /dev/a rw\n", "1 1 81 / / rw - ext4 a rw\n",
       "1 1 8:1 / relative rw - ext4 a rw\n", "1 1 8:1 / / rw - ext4 /dev/a r", "\n"});
  const TempTree tree;
  EXPECT_FALSE(collect(*kFilesystemCollector.make(roots_of(tree))).result);
}

FsUsage usage_of(uint64_t size) { return {size, 0, 0, 0, 0}; }

TEST(MountProbe, AsksEveryPathInOrder) {
  MountProbe probe(
      [](const std::string& path) -> Result<FsUsage> {
        if (path == "bad") return unexpected(Error{EACCES, path});
        return usage_of(path.size());
      },
      {});
  for (int round = 0; round < 3; ++round) {
    const auto answers = probe.ask_all({"a", "bad", "ccc"});
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0]->size_bytes, 1u);
    EXPECT_EQ(answers[1].error().code, EACCES);
    EXPECT_EQ(answers[2]->size_bytes, 3u);
  }
  EXPECT_TRUE(probe.ask_all({}).empty());
}

TEST(MountProbe, RealStatvfsOfARealDirectory) {
  const TempTree tree;
  MountProbe probe;
  const auto answers = probe.ask_all({tree.path(), tree.at("missing")});
  ASSERT_TRUE(answers[0]);
  EXPECT_GT(answers[0]->size_bytes, 0u);
  EXPECT_GE(answers[0]->size_bytes, answers[0]->free_bytes);
  EXPECT_GE(answers[0]->free_bytes, answers[0]->available_bytes);
  ASSERT_FALSE(answers[1]);
  EXPECT_EQ(answers[1].error().code, ENOENT);
}

// A path "hang..." does not answer until the gate is opened. Static, since a thread that is left
// behind outlives its test.
struct Gate {
  std::atomic<bool> open{false};
  std::atomic<int> calls{0};
  Result<FsUsage> ask(const std::string& path) {
    ++calls;
    while (path.starts_with("hang") && !open) std::this_thread::sleep_for(1ms);
    return usage_of(path.size());
  }
};

TEST(MountProbe, AHangingMountCostsOnlyItself) {
  static Gate gate;
  MountProbe probe([](const std::string& path) { return gate.ask(path); }, {100ms, 500ms});
  const auto first = probe.ask_all({"a", "hang1", "bb", "hang2", "ccc"});
  EXPECT_TRUE(first[0].has_value() && first[2].has_value() && first[4].has_value());
  EXPECT_EQ(first[4]->size_bytes, 3u);
  EXPECT_EQ(first[1].error().code, ETIMEDOUT);
  EXPECT_EQ(first[3].error().code, ETIMEDOUT);
  gate.open = true;
}

TEST(MountProbe, AStuckMountIsNotAskedAgainUntilItRecovers) {
  static Gate gate;
  MountProbe probe([](const std::string& path) { return gate.ask(path); }, {100ms, 2s});
  EXPECT_TRUE(probe.ask_all({"hang", "a"})[1]);
  const int calls = gate.calls;
  const auto stuck = probe.ask_all({"hang", "a"});
  EXPECT_EQ(stuck[0].error().code, ETIMEDOUT);
  EXPECT_TRUE(stuck[1]);
  EXPECT_EQ(gate.calls, calls + 1);
  gate.open = true;
  bool recovered = false;
  for (int i = 0; i < 500 && !recovered; ++i, std::this_thread::sleep_for(2ms))
    recovered = probe.ask_all({"hang"})[0].has_value();
  EXPECT_TRUE(recovered);
}

TEST(MountProbe, EndsAtOnceWhileAMountHangs) {
  static Gate gate;
  const auto start = std::chrono::steady_clock::now();
  {
    MountProbe probe([](const std::string& path) { return gate.ask(path); }, {50ms, 50ms});
    EXPECT_EQ(probe.ask_all({"hang"})[0].error().code, ETIMEDOUT);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  gate.open = true;
}

}  // namespace
}  // namespace plimsoll::collectors::host
