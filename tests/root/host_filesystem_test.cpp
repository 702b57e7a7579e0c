// SPDX-License-Identifier: Apache-2.0
// File systems that hang for real: FUSE, with a server that answers when this test wants it to. They are mounted
// in a mount namespace of the test's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>
#include <vector>

#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kBlocks = 1000, kBlockSize = 4096;

// The server of one FUSE file system. It answers the kernel's greeting; statfs waits for release().
class FuseServer {
 public:
  // Mounts at `point`; check mounted().
  explicit FuseServer(const std::string& point) : point_(point), fd_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    if (!fd_) return;
    const std::string options = "fd=" + std::to_string(fd_.get()) + ",rootmode=40000,user_id=0,group_id=0";
    mounted_ = ::mount("silent", point.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    if (mounted_) thread_ = std::thread([this] { serve(); });
  }
  FuseServer(const FuseServer&) = delete;
  ~FuseServer() {
    die();
    if (mounted_) ::umount2(point_.c_str(), MNT_DETACH);
  }

  // Closing the device ends the connection: whoever still waits gets an error, and so do all later ones.
  void die() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    fd_.reset();
  }

  bool mounted() const { return mounted_; }
  bool is_asked() const { return asked_; }

  // Answers what waits, and everything from now on.
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    for (const uint64_t unique : waiting_) answer_statfs(unique);
    waiting_.clear();
  }

 private:
  void serve() {
    std::vector<char> buffer(1 << 17);
    while (!ended_) {
      pollfd ready{fd_.get(), POLLIN, 0};
      if (::poll(&ready, 1, 10) <= 0) continue;
      const ssize_t length = ::read(fd_.get(), buffer.data(), buffer.size());
      if (length < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
      handle(*reinterpret_cast<const fuse_in_header*>(buffer.data()));
    }
  }

  void handle(const fuse_in_header& request) {
    const std::lock_guard lock(mutex_);
    if (request.opcode == FUSE_INIT) return greet(request.unique);
    if (request.opcode == FUSE_FORGET || request.opcode == FUSE_INTERRUPT) return;
    if (request.opcode != FUSE_STATFS) return answer(request.unique, -ENOSYS, nullptr, 0);
    asked_ = true;
    if (released_) return answer_statfs(request.unique);
    waiting_.push_back(request.unique);
  }

  void greet(uint64_t unique) {
    fuse_init_out out{};
    out.major = FUSE_KERNEL_VERSION;
    out.minor = FUSE_KERNEL_MINOR_VERSION;
    out.max_write = 4096;
    answer(unique, 0, &out, sizeof out);
  }

  void answer_statfs(uint64_t unique) {
    fuse_statfs_out out{};
    out.st = {kBlocks, kBlocks / 2, kBlocks / 4, 70, 60, kBlockSize, 255, kBlockSize, 0, {}};
    answer(unique, 0, &out, sizeof out);
  }

  void answer(uint64_t unique, int error, const void* body, size_t length) {
    fuse_out_header header{static_cast<uint32_t>(sizeof(fuse_out_header) + length), error, unique};
    const iovec parts[] = {{&header, sizeof header}, {const_cast<void*>(body), length}};
    EXPECT_GT(::writev(fd_.get(), parts, length == 0 ? 1 : 2), 0);
  }

  std::string point_;
  UniqueFd fd_;
  bool mounted_ = false;
  std::atomic<bool> ended_{false}, asked_{false};
  std::mutex mutex_;
  bool released_ = false;
  std::vector<uint64_t> waiting_;
  std::thread thread_;
};

std::string missing() {
  if (::geteuid() != 0) return "needs root";
  if (::access("/dev/fuse", R_OK | W_OK) != 0) return "needs /dev/fuse";
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return "needs a mount namespace of its own";
  return "";
}

// The collector sees this namespace's mounts: there is no process 1 in its /proc, so that it takes its own.
class HangingMount : public testing::Test {
 protected:
  void SetUp() override {
    const std::string lacks = missing();
    if (!lacks.empty()) GTEST_SKIP() << lacks;
    tree_.make_dir("proc");
    ASSERT_EQ(::symlink("/proc/self", tree_.at("proc/self").c_str()), 0);
    for (const char* point : {"one", "two", "well"}) tree_.make_dir(point);
    ASSERT_EQ(::mount("healthy", tree_.at("well").c_str(), "tmpfs", 0, "size=1m"), 0);
  }
  void TearDown() override { ::umount2(tree_.at("well").c_str(), MNT_DETACH); }

  // Shows the mounts below this test's tree.
  std::unique_ptr<Collector> make(const char* timeout) const {
    HostRoots roots;
    roots.proc = tree_.at("proc");
    return kFilesystemCollector.make(test::setup_of(kFilesystemCollector, roots,
                                                    {{"filesystem.mount-timeout", timeout},
                                                     {"filesystem.mount-points-include", "^" + tree_.path() + "/"},
                                                     {"filesystem.stat-workers", "1"}}));
  }

  std::string error_of(const char* point, const std::string& error) const {
    return "node_filesystem_device_error{device=\"silent\",device_error=\"" + error +
           "\",fstype=\"fuse\",mountpoint=\"" + tree_.at(point) + (error.empty() ? "\"} 0\n" : "\"} 1\n");
  }
  std::string size_of(const char* point) const { return "mountpoint=\"" + tree_.at(point) + "\"} "; }

  // The first page that has `line`, or the last of many: the thread that hung comes back when the kernel wakes it.
  static std::string collect_until(Collector& collector, const std::string& line) {
    std::string text;
    for (int i = 0; i < 3000 && text.find(line) == std::string::npos; ++i, ::usleep(10'000))
      text = test::collect(collector).text();
    return text;
  }

  test::TempTree tree_;
};

// The table is read again only when the kernel says that it has changed.
TEST_F(HangingMount, ChangesOfTheTableAreSeenAtOnce) {
  const auto collector = make("1s");
  const auto read_only = [&](const char* point, int value) {
    return "mountpoint=\"" + tree_.at(point) + "\"} " + std::to_string(value) + "\n";
  };
  const auto shown = [&] { return test::collect(*collector).text("node_filesystem_readonly"); };
  for (int round = 0; round < 3; ++round) EXPECT_THAT(shown(), HasSubstr(read_only("well", 0)));
  EXPECT_THAT(shown(), Not(HasSubstr(tree_.at("one"))));
  ASSERT_EQ(::mount("later", tree_.at("one").c_str(), "tmpfs", 0, "size=1m"), 0);
  EXPECT_THAT(shown(), HasSubstr(read_only("one", 0)));
  ASSERT_EQ(::mount(nullptr, tree_.at("one").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  for (int round = 0; round < 2; ++round) EXPECT_THAT(shown(), HasSubstr(read_only("one", 1)));
  ASSERT_EQ(::umount(tree_.at("one").c_str()), 0);
  EXPECT_THAT(shown(), Not(HasSubstr(tree_.at("one"))));
}

// As in a unit with ProtectSystem=strict, or in a container with the host's root mounted read-only: the table of process 1
// says what the host may do, statvfs(3) what we may.
TEST_F(HangingMount, WhatIsReadOnlyForUsAloneIsNotReadOnly) {
  const pid_t host = ::fork();
  if (host == 0) {
    for (;;) ::pause();
  }
  ASSERT_EQ(::symlink(("/proc/" + std::to_string(host)).c_str(), tree_.at("proc/1").c_str()), 0);
  const auto shown = [&](Collector& collector) { return test::collect(collector).text("node_filesystem_readonly"); };
  const std::string writable = "mountpoint=\"" + tree_.at("well") + "\"} 0\n";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  const auto collector = make("1s");
  EXPECT_THAT(shown(*collector), HasSubstr(writable));
  ASSERT_EQ(::mount(nullptr, tree_.at("well").c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  const auto narrowed = make("1s");
  for (int round = 0; round < 3; ++round) EXPECT_THAT(shown(*narrowed), HasSubstr(writable));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
}

TEST_F(HangingMount, IsReportedAndTheOthersAreShown) {
  FuseServer one(tree_.at("one")), two(tree_.at("two"));
  ASSERT_TRUE(one.mounted() && two.mounted());
  const auto collector = make("1s");
  for (int round = 0; round < 2; ++round) {
    const auto collected = test::collect(*collector);
    EXPECT_TRUE(collected.result) << collected.error();
    const std::string errors = collected.text("node_filesystem_device_error");
    EXPECT_THAT(errors, HasSubstr(error_of("one", "mountpoint timeout")));
    EXPECT_THAT(errors, HasSubstr(error_of("two", "mountpoint timeout")));
    const std::string sizes = collected.text("node_filesystem_size_bytes");
    EXPECT_THAT(sizes, HasSubstr(size_of("well") + "1048576\n"));
    EXPECT_THAT(sizes, Not(HasSubstr("silent")));
  }
  EXPECT_TRUE(one.is_asked() && two.is_asked()) << "one worker, and yet both were asked";
}

TEST_F(HangingMount, IsShownAgainOnceItAnswers) {
  FuseServer one(tree_.at("one"));
  ASSERT_TRUE(one.mounted());
  const auto collector = make("200ms");
  EXPECT_THAT(test::collect(*collector).text(), HasSubstr(error_of("one", "mountpoint timeout")));
  one.release();
  EXPECT_THAT(collect_until(*collector, error_of("one", "")),
              HasSubstr(size_of("one") + std::to_string(kBlocks * kBlockSize)));
}

// An hour's patience, of which the scrape's deadline leaves less than a second.
TEST_F(HangingMount, DoesNotOutlastTheScrapesDeadline) {
  FuseServer one(tree_.at("one"));
  ASSERT_TRUE(one.mounted());
  const auto collector = make("1h");
  MetricWriter writer(monotonic_ns() + 500'000'000);
  EXPECT_TRUE(collector->collect(writer));
  EXPECT_THAT(test::page_text(writer.finish()), HasSubstr(error_of("one", "mountpoint timeout")));
}

TEST_F(HangingMount, SaysSoWhenItsServerDies) {
  FuseServer one(tree_.at("one"));
  ASSERT_TRUE(one.mounted());
  const auto collector = make("200ms");
  EXPECT_THAT(test::collect(*collector).text(), HasSubstr(error_of("one", "mountpoint timeout")));
  one.die();
  const std::string dead = error_of("one", "transport endpoint is not connected");
  EXPECT_THAT(collect_until(*collector, dead), HasSubstr(dead));
}

}  // namespace
}  // namespace plimsoll::collectors::host
