// SPDX-License-Identifier: Apache-2.0
// Births and deaths of cgroups on the real kernel: what is read of containers that lived between two
// scrapes, against the counters of the group around them; and that nothing is left of them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "base/cgroup/layout.h"
#include "base/cgroup/reader.h"
#include "base/text.h"
#include "collectors/container/inventory.h"
#include "collectors/container/lives.h"
#include "collectors/engine/identifier.h"
#include "tests/root/groups.h"

namespace plimsoll::test {
namespace {

using collectors::container::EndedLife;
using collectors::container::EventOptions;
using collectors::container::EventQueues;
using collectors::container::EventSource;
using collectors::container::Group;
using collectors::container::Inventory;
using collectors::container::Lives;
using collectors::container::LivesOptions;
using namespace std::chrono_literals;

// Finals of 100; each is a race, which sanitizers slow down on one side.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kEnough = 80;
#else
constexpr int kEnough = 90;
#endif

constexpr const char* kNoFanotify = "needs a kernel whose cgroup file systems have an fsid";
constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

// Knows each group of this test with 64 digits as docker's, those below /own as ours, and /named-* once they
// have a process. Containers of others on this machine are none of its business.
class FakeSource final : public engine::Source {
 public:
  std::optional<engine::Identity> identify(const engine::Candidate& candidate) override {
    const std::string_view last = candidate.path.substr(candidate.path.rfind('/') + 1);
    const bool named = last.starts_with("named-") && candidate.pid > 0;
    if (candidate.hex.empty() && !named) return std::nullopt;
    engine::Identity identity;
    const bool mine = candidate.path.starts_with("/plimsoll-test-lives-" + std::to_string(::getpid()) + "/");
    identity.engine = mine && candidate.path.find("/own/") == std::string_view::npos ? "docker" : "plimsoll";
    identity.id = last;
    return identity;
  }
  void refresh(engine::Identity& identity) override {
    if (!identity.exit_code) identity.exit_code = 7;
  }
};

std::string container_name(int number) {
  char text[80];
  std::snprintf(text, sizeof(text), "/%064x", number + 0x1000);
  return text;
}

// Burns CPU time of its own.
void burn(std::chrono::milliseconds time) {
  const auto end = std::clock() + static_cast<std::clock_t>(time.count()) * CLOCKS_PER_SEC / 1000;
  while (std::clock() < end) continue;
}

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

uint64_t own_status(std::string_view key) {
  const auto text = read_file("/proc/self/status");
  return text ? find_u64(*text, key).value_or(0) : 0;
}

double thread_cpu_ms(const char* name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const auto comm = read_file(task.path().string() + "/comm");
    if (!comm || trim(*comm) != name) continue;
    const auto stat = read_file(task.path().string() + "/schedstat");
    if (stat) return static_cast<double>(parse_u64(stat->substr(0, stat->find(' '))).value_or(0)) / 1e6;
  }
  return -1;
}

class ContainerLives : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make cgroups";
    const auto layout = cgroup::detect_layout(kCgroupRoot);
    if (!layout) GTEST_SKIP() << layout.error().message();
    groups = std::make_unique<test::Groups>(*layout, "lives");
    if (!groups->made()) GTEST_SKIP() << "cgroups cannot be made here";
    std::vector<std::unique_ptr<engine::Source>> sources;
    sources.push_back(std::make_unique<FakeSource>());
    identifier = std::make_unique<engine::Identifier>(std::move(sources));
    inventory = std::make_unique<Inventory>(groups->layout(), cgroup::ReadOptions{}, cgroup::FdBudget::from_rlimit());
  }

  LivesOptions options() const {
    LivesOptions made;
    made.layout = groups->layout();
    return made;
  }
  void start(LivesOptions made, const EventOptions& events = {}) {
    EventQueues queues = open_event_queues(made.layout, made.roots.proc, events);
    lives = std::make_unique<Lives>(std::move(made), *identifier, std::move(queues));
  }
  void start(const EventOptions& events = {}) { start(options(), events); }

  // As the collector does: look for groups if there is a cause, read, identify.
  void scrape() {
    const auto gone = [this](const Group& group) {
      if (group.identity) lives->gone(group);
    };
    const Lives::TreeChanges changes = lives->take_tree_changes();
    refreshes += changes.any() || inventory->groups().empty();
    if (changes.all || inventory->groups().empty())
      ASSERT_TRUE(inventory->refresh(gone));
    else
      inventory->refresh_below(changes.parents, gone);
    for (Group* group : inventory->groups()) {
      if (!group->path.starts_with(groups->path(""))) continue;
      if (!group->identity) {
        group->reader->look_up_pids(buffer);
        group->identity = identifier->identify(group->path, group->reader->first_pid());
        if (group->identity) lives->adopt(*group, *group->identity);
      }
      cgroup::Stats stats;
      group->live = group->reader->read(buffer, stats).has_value();
      if (group->live)
        group->stats = std::move(stats);
      else if (group->identity)
        lives->gone(*group);
    }
  }
  const std::vector<EndedLife>& ended() { return lives->ended(*inventory, wall_clock_ns()); }
  const EndedLife* ended_at(const std::string& name) {
    for (const EndedLife& life : ended()) {
      if (life.path == groups->path(name)) return &life;
    }
    return nullptr;
  }
  template <typename Condition>
  bool eventually(Condition condition) {
    for (int i = 0; i < 1000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }

  // Others on this machine may make groups, too, but not all the time.
  bool is_quiet() {
    return eventually([&] { return !lives->take_tree_changes().any(); });
  }
  std::vector<std::string> mine(std::vector<std::string> paths) const {
    std::erase_if(paths, [&](const std::string& path) { return !path.starts_with(groups->path("")); });
    return paths;
  }

  pid_t spawn(const std::string& name, std::chrono::milliseconds cpu, std::chrono::milliseconds sleep = 0ms) {
    const auto doors = groups->doors(name);
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    groups->enter(doors);
    std::this_thread::sleep_for(sleep);
    burn(cpu);
    ::_exit(0);
  }
  // A container's whole life; `delay`: of its engine, from the end of the process to the removal.
  void live_and_die(const std::string& name, std::chrono::milliseconds cpu, std::chrono::microseconds delay = 0us) {
    ASSERT_TRUE(groups->make(name));
    const pid_t pid = spawn(name, cpu);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    if (delay != 0us) std::this_thread::sleep_for(delay);
    groups->remove(name);
  }
  uint64_t cpu_usage_of(const std::string& name) {
    cgroup::FdBudget budget(100);
    auto reader = cgroup::CgroupReader::open(groups->layout(), groups->path(name), budget);
    cgroup::Stats stats;
    return reader && reader->read(buffer, stats) ? stats.counters.cpu_usage_ns.value_or(0) : 0;
  }
  size_t finals() {
    size_t count = 0;
    for (const EndedLife& life : ended()) count += life.final;
    return count;
  }

  std::unique_ptr<test::Groups> groups;
  std::unique_ptr<engine::Identifier> identifier;
  std::unique_ptr<Inventory> inventory;
  std::unique_ptr<Lives> lives;
  ReadBuffer buffer;
  int refreshes = 0;
};

// What the finals add up to is what the group around them has counted.
class ContainerLivesBy : public ContainerLives, public testing::WithParamInterface<EventSource> {};

TEST_P(ContainerLivesBy, FinalCountersOfContainersThatNoScrapeSaw) {
  constexpr int kCount = 100;
  start({.best_source = GetParam()});
  if (lives->source() != GetParam()) GTEST_SKIP() << kNoFanotify;
  std::map<std::string, uint64_t> truth;
  uint64_t before = cpu_usage_of("");
  for (int i = 0; i < kCount; ++i) {
    live_and_die(container_name(i), 50ms, 1ms);
    const uint64_t now = cpu_usage_of("");
    truth[groups->path(container_name(i))] = now - before;
    before = now;
  }
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0; }));
  int exact = 0;
  double sum = 0, expected = 0;
  for (const EndedLife& life : ended()) {
    if (!life.final) continue;
    sum += static_cast<double>(life.counters.cpu_usage_ns.value_or(0));
    expected += static_cast<double>(truth[life.path]);
    exact +=
        std::abs(1 - static_cast<double>(*life.counters.cpu_usage_ns) / static_cast<double>(truth[life.path])) < 0.01;
  }
  std::printf("  %d of %d within 1 %%, %zu final, %llu missed, sum %.4f of the truth\n", exact, kCount, finals(),
              static_cast<unsigned long long>(lives->finals_missed()), sum / expected);
  EXPECT_GE(exact, kEnough);
  EXPECT_NEAR(sum / expected, 1, 0.01);
  EXPECT_EQ(finals() + lives->finals_missed(), kCount);
}
// A group made deep down at once, a group below a container, a path made again: each is one life.
TEST_P(ContainerLivesBy, NestedAndRepeatedPaths) {
  start({.best_source = GetParam()});
  const std::string deep = "/pod/slice", name = deep + container_name(1);
  for (const char* part : {"/pod", "/pod/slice"}) ASSERT_TRUE(groups->make(part));
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(groups->make(name));
    ASSERT_TRUE(groups->make(name + container_name(2)));
    const pid_t pid = spawn(name, 20ms, 20ms);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    std::this_thread::sleep_for(2ms);
    groups->remove(name + container_name(2));
    groups->remove(name);
  }
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0 && ended().size() >= 3; }));
  std::set<uint64_t> inodes;
  for (const EndedLife& life : ended()) {
    if (life.path == groups->path(name)) inodes.insert(life.inode);
    EXPECT_EQ(life.identity.state, engine::State::kExited);
    EXPECT_EQ(life.identity.exit_code, 7);
  }
  EXPECT_EQ(inodes.size(), 3u);
}

// The processes of one life may be in groups below; it has ended when none is left anywhere.
TEST_P(ContainerLivesBy, TheEndIsThatOfTheLastProcess) {
  start({.best_source = GetParam()});
  const std::string name = container_name(3);
  ASSERT_TRUE(groups->make(name));
  ASSERT_TRUE(groups->make(name + "/inner"));
  const pid_t first = spawn(name, 10ms, 50ms), second = spawn(name + "/inner", 60ms, 100ms);
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);
  ASSERT_EQ(::waitpid(second, nullptr, 0), second);
  const uint64_t usage = cpu_usage_of(name);
  std::this_thread::sleep_for(20ms);
  groups->remove(name + "/inner");
  groups->remove(name);
  ASSERT_TRUE(eventually([&] { return ended_at(name) != nullptr; }));
  EXPECT_TRUE(ended_at(name)->final);
  EXPECT_EQ(ended_at(name)->counters.cpu_usage_ns, usage);
  EXPECT_GT(usage, 65'000'000u);
}

INSTANTIATE_TEST_SUITE_P(Sources, ContainerLivesBy, testing::Values(EventSource::kFanotify, EventSource::kInotify),
                         [](const auto& param) {
                           return param.param == EventSource::kFanotify ? "Fanotify" : "Inotify";
                         });

TEST_F(ContainerLives, LiveWinsOverEndedAtTheSamePath) {
  start();
  const std::string name = container_name(1);
  live_and_die(name, 10ms, 5ms);
  ASSERT_TRUE(eventually([&] { return ended_at(name) != nullptr; }));
  const uint64_t first = ended_at(name)->inode;
  ASSERT_TRUE(groups->make(name));
  const pid_t pid = spawn(name, 1ms, 300ms);
  ASSERT_TRUE(eventually([&] { return lives->watched() == 1; }));
  scrape();
  ASSERT_NE(inventory->find(groups->path(name)), nullptr);
  EXPECT_EQ(ended_at(name), nullptr);
  ::waitpid(pid, nullptr, 0);
  std::this_thread::sleep_for(5ms);
  groups->remove(name);
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0; }));
  scrape();
  EXPECT_EQ(ended().size(), 2u);
  EXPECT_EQ(std::count_if(ended().begin(), ended().end(), [&](const EndedLife& life) { return life.inode == first; }),
            1);
}

// An engine that uses names of its own is asked once the group has a process; our own runtime's are left alone.
TEST_F(ContainerLives, NamesOfEveryKindAndNoneOfOurs) {
  start();
  ASSERT_TRUE(groups->make("/own"));
  live_and_die("/named-web", 30ms, 5ms);
  live_and_die("/own" + container_name(1), 10ms, 5ms);
  live_and_die("/just-a-group", 10ms, 5ms);
  ASSERT_TRUE(eventually([&] { return ended_at("/named-web") != nullptr; }));
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0; }));
  EXPECT_EQ(ended().size(), 1u);
  EXPECT_TRUE(ended_at("/named-web")->final);
  EXPECT_EQ(lives->finals_missed(), 0u);
}

TEST_F(ContainerLives, AGroupThatIsGoneBeforeItCanBeOpenedIsCounted) {
  start();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(groups->make(container_name(i)));
    groups->remove(container_name(i));
  }
  ASSERT_TRUE(eventually([&] { return lives->births_missed() == 50; })) << lives->births_missed();
  EXPECT_EQ(lives->finals_missed(), 50u);
  EXPECT_THAT(ended(), testing::IsEmpty());
}

TEST_F(ContainerLives, TreeAndLimitsAreLookedAtOnlyWhenTheyChanged) {
  start();
  if (lives->source() != EventSource::kFanotify) GTEST_SKIP() << kNoFanotify;
  ASSERT_TRUE(groups->make("/quiet"));
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_limit_changes().all);
  EXPECT_TRUE(is_quiet());
  for (const auto& hierarchy : groups->layout().hierarchies) {
    EXPECT_TRUE(is_quiet());
    const std::string full = hierarchy.mount_point + groups->path("/late");
    ASSERT_EQ(::mkdir(full.c_str(), 0755), 0);
    EXPECT_TRUE(lives->take_tree_changes().any()) << full;
    ASSERT_EQ(::rmdir(full.c_str()), 0);
    EXPECT_TRUE(lives->take_tree_changes().any()) << full;
  }
  auto changes = lives->take_limit_changes();
  EXPECT_FALSE(changes.all);
  EXPECT_THAT(mine(changes.paths), testing::IsEmpty());
  const pid_t pid = spawn("/quiet", 0ms);  // writes to cgroup.procs and tasks
  ::waitpid(pid, nullptr, 0);
  size_t written = 0;
  for (const auto& hierarchy : groups->layout().hierarchies) {
    for (const char* file : {"memory.limit_in_bytes", "memory.max", "cpu.shares", "cpu.weight", "pids.max"})
      written += groups->write("/quiet", hierarchy, file, "1000");
  }
  ASSERT_GT(written, 0u);
  EXPECT_TRUE(is_quiet());
  changes = lives->take_limit_changes();
  EXPECT_FALSE(changes.all);
  EXPECT_THAT(mine(changes.paths), testing::ElementsAre(groups->path("/quiet")));
}

// The kernel keeps 16,384 events and then says only that there were more.
TEST_F(ContainerLives, AnOverflowMeansThatAllMayHaveChanged) {
  start();
  if (lives->source() != EventSource::kFanotify) GTEST_SKIP() << kNoFanotify;
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_limit_changes().all);
  const std::string base = groups->layout().hierarchies.front().mount_point + groups->path("/many-");
  for (int i = 0; i < 17'000; ++i) {
    const std::string full = base + std::to_string(i);
    ASSERT_EQ(::mkdir(full.c_str(), 0755), 0);
    ASSERT_EQ(::rmdir(full.c_str()), 0);
  }
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_limit_changes().all);
  EXPECT_TRUE(is_quiet());
  EXPECT_FALSE(lives->take_limit_changes().all);
}

TEST_F(ContainerLives, WithoutAnEventSourceScrapesAdoptAndEndsAreWatched) {
  start({.best_source = EventSource::kNone});
  EXPECT_EQ(lives->source(), EventSource::kNone);
  const std::string name = container_name(9);
  ASSERT_TRUE(groups->make(name));
  const pid_t pid = spawn(name, 40ms, 100ms);
  scrape();
  EXPECT_TRUE(lives->take_tree_changes().any());
  ASSERT_TRUE(eventually([&] { return lives->watched() == 1; }));
  ::waitpid(pid, nullptr, 0);
  const uint64_t usage = cpu_usage_of(name);
  std::this_thread::sleep_for(5ms);
  groups->remove(name);
  scrape();
  ASSERT_NE(ended_at(name), nullptr) << "no scrape may lack it";
  ASSERT_TRUE(eventually([&] { return ended_at(name)->final; }));
  EXPECT_EQ(ended_at(name)->counters.cpu_usage_ns, usage);
  EXPECT_EQ(lives->finals_missed(), 0u);
}

TEST_F(ContainerLives, OutOfInotifyWatchesItGoesOnWithoutEvents) {
  EventOptions made = {.best_source = EventSource::kInotify, .max_inotify_watches = 1};
  start(made);
  EXPECT_EQ(lives->source(), EventSource::kNone);
  // Enough for what stands, not for what comes.
  size_t standing = 0;
  for (made.max_inotify_watches = 2;; ++made.max_inotify_watches) {
    start(made);
    standing = made.max_inotify_watches;
    if (lives->source() == EventSource::kInotify) break;
    ASSERT_LT(standing, 5000u);
  }
  ASSERT_TRUE(groups->make("/one-too-many"));
  ASSERT_TRUE(eventually([&] { return lives->source() == EventSource::kNone; }));
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_tree_changes().any());
  EXPECT_TRUE(lives->take_limit_changes().all);
}

// With few descriptors ends are still seen; the files with counters are then opened when they are read.
TEST_F(ContainerLives, FewDescriptors) {
  auto made = options();
  made.max_descriptors = 8;
  start(made);
  std::vector<pid_t> pids;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(groups->make(container_name(i)));
    pids.push_back(spawn(container_name(i), 5ms, 200ms));
  }
  ASSERT_TRUE(eventually([&] { return lives->watched() == 6; }));
  scrape();
  std::this_thread::sleep_for(50ms);
  EXPECT_LE(lives->descriptors(), 8u);
  for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
  std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 6; ++i) groups->remove(container_name(i));
  scrape();
  EXPECT_EQ(ended().size(), 6u);
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0 && finals() + lives->finals_missed() == 6; }));
  EXPECT_GE(finals(), 2u);
  EXPECT_EQ(lives->descriptors(), 0u);
}

TEST_F(ContainerLives, IdleItCostsNothingAndItEndsPromptly) {
  start();
  const std::string name = container_name(1);
  ASSERT_TRUE(groups->make(name));
  const pid_t pid = spawn(name, 0ms, 4500ms);
  ASSERT_TRUE(eventually([&] { return lives->watched() == 1; }));
  std::this_thread::sleep_for(1200ms);
  ASSERT_GE(thread_cpu_ms("plimsoll-lives"), 0);
  std::printf("  %zu descriptors for a watched container\n", lives->descriptors());
  double least = 1e9;  // of some times, for others may make groups meanwhile
  for (int i = 0; i < 15; ++i) {
    const double before = thread_cpu_ms("plimsoll-lives");
    std::this_thread::sleep_for(150ms);
    least = std::min(least, thread_cpu_ms("plimsoll-lives") - before);
  }
  EXPECT_EQ(least, 0);
  const int64_t start_ns = monotonic_ns();
  lives.reset();
  EXPECT_LT(monotonic_ns() - start_ns, 200'000'000);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

// Births and deaths under a scraper: no scrape lacks a container that it has shown, and nothing piles up.
TEST_F(ContainerLives, ManyBirthsAndDeathsLeaveNothingBehind) {
  constexpr int kCount = 500;
  auto made = options();
  made.retention = 3s;
  start(made);
  live_and_die(container_name(1000), 5ms, 5ms);
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0; }));
  const size_t descriptors = open_descriptors();  // without those of the inventory
  const double cpu = thread_cpu_ms("plimsoll-lives");
  const int64_t began = monotonic_ns();
  std::atomic<bool> done = false;
  std::thread engine([&] {
    for (int i = 0; i < kCount; ++i) live_and_die(container_name(i), 5ms, 3ms);
    done = true;
  });
  std::map<std::string, int64_t> seen;  // alive, and when
  size_t peak = 0, scrapes = 0;
  while (!done) {
    scrape();
    ++scrapes;
    std::set<std::string> now;
    for (const Group* group : inventory->groups()) {
      if (group->live && group->identity) now.insert(group->path);
    }
    for (const EndedLife& life : ended())
      EXPECT_TRUE(now.insert(life.path).second) << life.path << " twice, inode " << life.inode;
    for (const auto& [path, when] : seen) {
      EXPECT_TRUE(now.count(path) == 1 || monotonic_ns() - when > 1'500'000'000) << path << " is missing";
    }
    for (const std::string& path : now) seen.emplace(path, monotonic_ns());
    peak = std::max(peak, lives->watched());
    if (HasFailure()) break;
    std::this_thread::sleep_for(20ms);
  }
  engine.join();
  const double seconds = static_cast<double>(monotonic_ns() - began) / 1e9;
  EXPECT_GT(kCount / seconds, 2);  // a matter of the machine: a hundred when it has nothing else to do
  ASSERT_TRUE(eventually([&] { return lives->watched() == 0; }));
  std::printf(
      "  %.0f a second, %zu scrapes (%d looked at the tree), %llu finals missed, %.3f ms of CPU for each life, "
      "at most %zu watched at once, %llu kB resident\n",
      kCount / seconds, scrapes, refreshes, static_cast<unsigned long long>(lives->finals_missed()),
      (thread_cpu_ms("plimsoll-lives") - cpu) / kCount, peak, static_cast<unsigned long long>(own_status("VmRSS")));
  EXPECT_LE(lives->finals_missed(), kCount / 5u);  // on a busy machine; how many on a quiet one: see above
  std::this_thread::sleep_for(3100ms);
  scrape();
  EXPECT_THAT(ended(), testing::IsEmpty());
  inventory.reset();
  EXPECT_EQ(open_descriptors(), descriptors);
  EXPECT_EQ(lives->descriptors(), 0u);
}

}  // namespace
}  // namespace plimsoll::test
