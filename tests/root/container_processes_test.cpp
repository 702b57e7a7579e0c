// SPDX-License-Identifier: Apache-2.0
// Sums over real processes: this one, with a known number of files, threads and children.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "base/text.h"
#include "collectors/container/processes.h"
#include "collectors/container/taskstats.h"

namespace plimsoll::test {
namespace {

using namespace collectors::container;

constexpr uint64_t kMs = 1'000'000;

class RealProcesses : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  bool read(Processes& processes, const std::vector<pid_t>& pids, int cgroup_fd = -1) {
    return processes.read(pids, cgroup_fd, INT64_MAX, buffer, history, sums);
  }
  static Processes with(Kind kind) {
    KindSet set = KindSet::none();
    set.set(kind, true);
    return Processes("/proc", set);
  }
  ReadBuffer buffer;
  ProcessHistory history;
  ProcessSums sums;
};

// A child that lives until this object is gone.
class Child {
 public:
  explicit Child(void (*body)() = nullptr) : pid_(::fork()) {
    if (pid_ != 0) return;
    if (body != nullptr) body();
    while (true) ::pause();
  }
  ~Child() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

void spin(uint64_t ns) {
  timespec time;
  do {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  } while (static_cast<uint64_t>(time.tv_sec) * 1000 * kMs + static_cast<uint64_t>(time.tv_nsec) < ns);
}

TEST_F(RealProcesses, FilesAndSocketsOfThisOne) {
  Processes processes = with(Kind::kProcess);
  ASSERT_TRUE(read(processes, {::getpid()}));
  ASSERT_TRUE(sums.file_descriptors && sums.sockets);
  const uint64_t files = *sums.file_descriptors, sockets = *sums.sockets;
  struct stat st {};
  ASSERT_EQ(::stat("/proc/self/fd", &st), 0);
  const bool tells = st.st_size > 0;  // since 6.2
  EXPECT_TRUE(!tells || files == static_cast<uint64_t>(st.st_size));
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
      socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(read(processes, {::getpid()}));
  EXPECT_EQ(sums.file_descriptors, files + 2);
  EXPECT_EQ(sums.sockets, sockets + 1);
  EXPECT_GT(sums.open_files_soft_limit.value_or(0), 0U);
}

TEST_F(RealProcesses, AZombieAndAThreadOfTheKernel) {
  Processes processes = with(Kind::kProcess);
  const pid_t zombie = ::fork();
  if (zombie == 0) ::_exit(0);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT), 0);
  ASSERT_TRUE(read(processes, {zombie, 2}));
  EXPECT_EQ(::waitpid(zombie, nullptr, 0), zombie);
  EXPECT_EQ(sums.zombies, 1U);
  EXPECT_EQ(sums.file_descriptors, 0U);
}

TEST_F(RealProcesses, ReferencedMemory) {
  const Child child(+[] {
    constexpr size_t kSize = 32 << 20;
    void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) ::_exit(1);
  });
  Processes processes = with(Kind::kReferencedMemory);
  for (int i = 0; i < 500 && sums.referenced_bytes.value_or(0) < (32 << 20); ++i) {
    ASSERT_TRUE(read(processes, {child.pid(), 2}));
    ::usleep(10'000);
  }
  EXPECT_GE(sums.referenced_bytes.value_or(0), 32U << 20);
  EXPECT_LT(sums.referenced_bytes.value_or(0), 64U << 20);
}

// /proc/PID/schedstat would show the first thread alone: next to nothing.
TEST_F(RealProcesses, TimesIncludeThreadsThatHaveEnded) {
  Processes processes = with(Kind::kSched);
  ASSERT_TRUE(read(processes, {::getpid()}));
  const uint64_t before = sums.run_ns.value_or(0);
  std::thread([] { spin(200 * kMs); }).join();
  ASSERT_TRUE(read(processes, {::getpid()}));
  // join() returns a moment before the thread is gone for the kernel, which until then counts it twice:
  // among the ended ones and among those alive (taskstats_exit() comes before exit_notify()).
  for (int i = 0; i < 500 && sums.run_ns.value_or(0) - before >= 400 * kMs; ++i) {
    ::usleep(10'000);
    ASSERT_TRUE(read(processes, {::getpid()}));
  }
  if (!TaskStats::open() || !TaskStats::open()->process(::getpid())) GTEST_SKIP() << "no taskstats here";
  EXPECT_GE(sums.run_ns.value_or(0) - before, 200 * kMs);
  EXPECT_LT(sums.run_ns.value_or(0) - before, 400 * kMs);
  EXPECT_GT(sums.run_periods.value_or(0), 0U);
  EXPECT_TRUE(sums.run_queue_ns);
}

TEST_F(RealProcesses, WhatAnEndedProcessHadStays) {
  Processes processes = with(Kind::kSched);
  {
    const Child child(+[] { spin(100 * kMs); });
    for (int i = 0; i < 500 && sums.run_ns.value_or(0) < 100 * kMs; ++i) {
      ASSERT_TRUE(read(processes, {child.pid()}));
      ::usleep(10'000);
    }
  }
  ASSERT_TRUE(read(processes, {}));
  EXPECT_GE(sums.run_ns.value_or(0), 100 * kMs);
  EXPECT_TRUE(history.alive.empty());
}

TEST_F(RealProcesses, DelaysAreThereAsFarAsTheKernelCountsThem) {
  auto stats = TaskStats::open();
  if (!stats || !stats->process(::getpid())) GTEST_SKIP() << "no taskstats here";
  Processes processes = with(Kind::kDelays);
  ASSERT_TRUE(read(processes, {::getpid()}));
  EXPECT_TRUE(sums.cpu_delay_ns);
  EXPECT_FALSE(sums.run_ns) << "not asked for";
  const auto sysctl = read_file("/proc/sys/kernel/task_delayacct");
  const bool counted = !sysctl || trim(*sysctl) != "0";
  EXPECT_EQ(sums.block_io_delay_ns.has_value(), counted);
  EXPECT_EQ(sums.swap_in_delay_ns.has_value(), counted);
  EXPECT_EQ(sums.reclaim_delay_ns.has_value(), counted);
}

TEST_F(RealProcesses, TaskstatsKnowsNoProcessThatHasEnded) {
  auto stats = TaskStats::open();
  if (!stats) GTEST_SKIP() << stats.error().message();
  pid_t ended = 0;
  {
    const Child child;
    ended = child.pid();
  }
  EXPECT_EQ(stats->process(ended).error().code, ESRCH);
  EXPECT_TRUE(stats->process(::getpid())) << "an error does not spoil the next answer";
}

// A group of its own below the first v1 hierarchy that there is.
class V1Group {
 public:
  V1Group() {
    for (const char* hierarchy : {"pids", "freezer", "cpuacct"}) {
      path_ = std::string("/sys/fs/cgroup/") + hierarchy + "/plimsoll-test-load-" + std::to_string(::getpid());
      if (::access((path_.substr(0, path_.rfind('/')) + "/cgroup.clone_children").c_str(), F_OK) == 0 &&
          ::mkdir(path_.c_str(), 0755) == 0)
        return;
    }
    path_.clear();
  }
  ~V1Group() {
    for (int i = 0; i < 200 && !path_.empty() && ::rmdir(path_.c_str()) != 0; ++i) ::usleep(10'000);
  }
  bool exists() const { return !path_.empty(); }
  bool add(pid_t pid) const {
    return write_existing(AT_FDCWD, path_ + "/cgroup.procs", std::to_string(pid)).has_value();
  }
  UniqueFd open() const { return UniqueFd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

 private:
  std::string path_;
};

TEST_F(RealProcesses, TaskStatesAndLoadOfAV1Group) {
  const V1Group group;
  if (!group.exists() || !TaskStats::open()) GTEST_SKIP() << "needs a v1 hierarchy and taskstats";
  const Child sleeper, runner(+[] { spin(3600UL * 1000 * kMs); });
  ASSERT_TRUE(group.add(sleeper.pid()) && group.add(runner.pid()));
  const UniqueFd fd = group.open();
  Processes processes = with(Kind::kCpuLoad);
  for (int i = 0; i < 500 && !(sums.sleeping == 1U && sums.running == 1U); ++i) {
    history = {};
    ASSERT_TRUE(read(processes, {}, fd.get()));
    ::usleep(10'000);
  }
  EXPECT_EQ(sums.sleeping, 1U);
  EXPECT_EQ(sums.running, 1U);
  EXPECT_EQ(sums.uninterruptible, 0U);
  EXPECT_EQ(sums.load_average, 1000U);
  EXPECT_EQ(sums.load_d_average, 0U);
}

TEST_F(RealProcesses, OtherDirectoriesAreAskedOnce) {
  if (!TaskStats::open()) GTEST_SKIP() << "needs taskstats";
  const UniqueFd fd(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Processes processes = with(Kind::kCpuLoad);
  ASSERT_TRUE(read(processes, {}, fd.get()));
  EXPECT_FALSE(sums.running);
  EXPECT_FALSE(sums.load_average);
  EXPECT_TRUE(history.no_task_states);
}

}  // namespace
}  // namespace plimsoll::test
