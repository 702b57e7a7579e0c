// SPDX-License-Identifier: Apache-2.0
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "collectors/host/parts/mount_probe.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using namespace std::chrono_literals;
using test::collect;
using test::collect_with;
using test::expect_golden_families;
using test::expect_refused;
using test::flag_of;
using test::FlagValues;
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
  test::Collected collect_it(FlagValues values = {}) const { return collect_with(kFilesystemCollector, tree, values); }
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
  expect_golden_families("filesystem", collected.page);
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

// The source keeps the kernel's escapes, as node_exporter's does.
TEST(Filesystem, UndoesTheMountPointsEscapesAndReadsOptionalFields) {
  const MountTree mounts(
      "1 1 8:1 /sub /with\\040blank\\134 ro,nosuid shared:7 master:1 - nfs4 server:/a\\040b rw,vers=4\n",
      {"/with blank\\"});
  const auto collected = mounts.collect_it();
  EXPECT_EQ(collected.text("node_filesystem_readonly"),
            "node_filesystem_readonly{device=\"server:/a\\\\040b\",device_error=\"\",fstype=\"nfs4\","
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

std::string points_with(FlagValues values) {
  const MountTree mounts(
      "1 1 8:1 / / rw - ext4 a rw\n2 1 0:2 / /dev/shm rw - tmpfs b rw\n3 1 0:3 / /data rw - xfs c rw\n"
      "4 1 0:4 / /merged rw - overlay d rw\n");
  for (const auto& [name, value] : values) EXPECT_TRUE(check_flag(flag_of(kFilesystemCollector, name), value));
  return mount_points(mounts.collect_it(values));
}

TEST(Filesystem, FlagsChooseMountPoints) {
  EXPECT_EQ(points_with({}), "/ /data ");
  EXPECT_EQ(points_with({{"filesystem.mount-points-exclude", "^/data$"}}), "/ /dev/shm ");
  EXPECT_EQ(points_with({{"filesystem.mount-points-exclude", ""}}), "/ /dev/shm /data ");
  EXPECT_EQ(points_with({{"filesystem.mount-points-include", "^/d"}}), "/dev/shm /data ");
  EXPECT_EQ(points_with({{"filesystem.ignored-mount-points", "^/$"}}), "/dev/shm /data ");
  EXPECT_EQ(points_with({{"filesystem.ignored-mount-points", "^/$"}, {"filesystem.mount-points-include", "^/$"}}),
            "/ ");
}

TEST(Filesystem, FlagsChooseTypes) {
  EXPECT_EQ(points_with({{"filesystem.fs-types-exclude", "^xfs$"}}), "/ /merged ");
  EXPECT_EQ(points_with({{"filesystem.fs-types-include", "^(overlay|xfs)$"}}), "/data /merged ");
  EXPECT_EQ(points_with({{"filesystem.ignored-fs-types", "^(ext4|xfs)$"}}), "/merged ");
}

TEST(Filesystem, NoticesWhatChangesInTheTable) {
  const std::string root = "1 1 8:1 / / rw - ext4 /dev/a ";
  const MountTree mounts(root + "rw\n", {"/m"});
  const auto collector = kFilesystemCollector.make(roots_of(mounts.tree));
  for (int round = 0; round < 2; ++round)
    EXPECT_NE(collect(*collector).text("node_filesystem_readonly").find("\"/\"} 0\n"), std::string::npos);
  mounts.tree.write("proc/1/mountinfo", root + "ro\n");
  EXPECT_NE(collect(*collector).text("node_filesystem_readonly").find("\"/\"} 1\n"), std::string::npos);
  mounts.tree.write("proc/1/mountinfo", root + "ro\n2 1 8:2 / /m rw - ext4 /dev/b rw\n");
  EXPECT_EQ(mount_points(collect(*collector)), "/ /m ");
  mounts.tree.write("proc/1/mountinfo", "garbage\n");
  for (int round = 0; round < 2; ++round) {
    const auto refused = collect(*collector);
    EXPECT_FALSE(refused.result);
    EXPECT_EQ(refused.text(), "");
  }
  mounts.tree.write("proc/1/mountinfo", root + "rw\n");
  EXPECT_EQ(mount_points(collect(*collector)), "/ ");
}

TEST(Filesystem, HostileNamesAreEscapedAndStayUnique) {
  const MountTree mounts(
      "1 1 8:1 / /q\"\\134\\012 rw - ext4 s\" rw\n2 1 8:2 / /\xff rw - ext4 a rw\n3 1 8:3 / /\xfe rw - ext4 a rw\n",
      {"/q\"\\\n", "/\xff", "/\xfe"});
  const auto collected = mounts.collect_it();
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_filesystem_readonly"),
            "node_filesystem_readonly{device=\"s\\\"\",device_error=\"\",fstype=\"ext4\","
            "mountpoint=\"/q\\\"\\\\\\n\"} 0\n"
            "node_filesystem_readonly{device=\"a\",device_error=\"\",fstype=\"ext4\","
            "mountpoint=\"/\xEF\xBF\xBD\"} 0\n");
}

TEST(Filesystem, ShowsThousandsOfMounts) {
  MountTree mounts("");
  std::string table;
  for (int i = 0; i < 5000; ++i)
    table += std::to_string(i) + " 1 0:" + std::to_string(i) + " / /m/" + std::to_string(i) + " rw - " +
             (i % 2 == 0 ? "tmpfs" : "nfs4") + " s rw\n";
  mounts.tree.write("proc/1/mountinfo", table);
  for (int i = 0; i < 5000; i += 100) mounts.tree.make_dir("root/m/" + std::to_string(i));
  for (int i = 1; i < 5000; i += 100) mounts.tree.make_dir("root/m/" + std::to_string(i));
  const auto collected = mounts.collect_it();
  EXPECT_TRUE(collected.result) << collected.error();
  const std::string errors = collected.text("node_filesystem_device_error");
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 5000);
  const std::string sizes = collected.text("node_filesystem_size");
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), '\n'), 100);
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
  MountProbe probe([](const std::string& path) { return gate.ask(path); }, {.timeout = 2s});
  const auto first = probe.ask_all({"a", "hang1", "bb", "hang2", "ccc"});
  EXPECT_TRUE(first[0].has_value() && first[2].has_value() && first[4].has_value());
  EXPECT_EQ(first[4]->size_bytes, 3u);
  EXPECT_EQ(first[1].error().code, ETIMEDOUT);
  EXPECT_EQ(first[3].error().code, ETIMEDOUT);
  gate.open = true;
}

// The last one is asked while the others hang, although there is one worker: it is what ends their hanging.
TEST(MountProbe, HangingMountsDoNotUseUpThePatience) {
  static Gate gate;
  MountProbe probe(
      [](const std::string& path) {
        if (path == "last") gate.open = true;
        return gate.ask(path);
      },
      {.timeout = 1h, .workers = 1, .slow = 1ms});
  const auto answers = probe.ask_all({"hang1", "hang2", "hang3", "last"});
  for (const auto& answer : answers) EXPECT_TRUE(answer.has_value());
  EXPECT_EQ(gate.calls, 4);
}

TEST(MountProbe, AsksSideBySideButNoMoreThanAllowed) {
  static std::atomic<int> now{0}, most{0}, calls{0};
  MountProbe probe(
      [](const std::string& path) {
        const int running = ++now;
        for (int seen = most; seen < running && !most.compare_exchange_weak(seen, running);) continue;
        ++calls;
        while (calls < 3) std::this_thread::sleep_for(1ms);
        --now;
        return usage_of(path.size());
      },
      {.timeout = 1h, .workers = 3, .slow = 1h});
  const std::vector<std::string> paths(50, "path");
  for (const auto& answer : probe.ask_all(paths)) EXPECT_TRUE(answer.has_value());
  EXPECT_EQ(calls, 50);
  EXPECT_EQ(most, 3);
}

// Not an hour.
TEST(MountProbe, TheDeadlineEndsThePatience) {
  static Gate gate;
  MountProbe probe([](const std::string& path) { return gate.ask(path); }, {.timeout = 1h, .workers = 1, .slow = 1h});
  const auto answers = probe.ask_all({"hang", "a"}, MountProbe::Clock::now() + 20ms);
  EXPECT_EQ(answers[0].error().code, ETIMEDOUT);
  EXPECT_EQ(answers[1].error().code, ETIMEDOUT) << "its turn never came";
  EXPECT_TRUE(probe.ask_all({"hang", "a"})[1].has_value()) << "another thread takes over";
  gate.open = true;
}

TEST(MountProbe, LeavesABoundedNumberOfThreadsBehind) {
  static Gate gate;
  MountProbe probe([](const std::string& path) { return gate.ask(path); },
                   {.timeout = 20s, .workers = 1000, .slow = 0ms});
  std::vector<std::string> paths;
  for (int i = 0; i < 400; ++i) paths.push_back("hang" + std::to_string(i));
  for (const auto& answer : probe.ask_all(paths, MountProbe::Clock::now() + 2s))
    EXPECT_EQ(answer.error().code, ETIMEDOUT);
  EXPECT_LE(gate.calls, 256);
  EXPECT_GT(gate.calls, 1);
  gate.open = true;
  bool recovered = false;
  for (int i = 0; i < 5000 && !recovered; ++i, std::this_thread::sleep_for(2ms))
    recovered = probe.ask_all({"a"})[0].has_value();
  EXPECT_TRUE(recovered);
}

TEST(MountProbe, AStuckMountIsNotAskedAgainUntilItRecovers) {
  static Gate gate;
  MountProbe probe([](const std::string& path) { return gate.ask(path); }, {.timeout = 2s});
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
    MountProbe probe([](const std::string& path) { return gate.ask(path); }, {.timeout = 50ms});
    EXPECT_EQ(probe.ask_all({"hang"})[0].error().code, ETIMEDOUT);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
  gate.open = true;
}

}  // namespace
}  // namespace plimsoll::collectors::host
