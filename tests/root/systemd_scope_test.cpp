// SPDX-License-Identifier: Apache-2.0
// Scopes of a real systemd: skipped where systemd is not process 1. Static, so that it runs in a guest as it is:
//   tests/vm/systemd-guest build/release/bin/systemd_scope_root_test
#include <fcntl.h>
#include <gmock/gmock.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>

#include "base/os.h"
#include "runtime/limits/resources.h"
#include "runtime/limits/systemd.h"
#include "runtime/limits/systemd_properties.h"

namespace plimsoll::limits {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRoot = "/sys/fs/cgroup";

// A process that only waits, ended with the object.
class Sleeper {
 public:
  explicit Sleeper(bool ends_at_term = true) : pid_(::fork()) {
    if (pid_ != 0) return;
    if (!ends_at_term) ::signal(SIGTERM, SIG_IGN);
    while (true) ::pause();
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Whether it ended by itself within two (emulated: sixty) seconds.
  bool has_ended() {
    for (int i = 0; i < 600; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return pid_ = -1, true;
      ::usleep(100'000);
    }
    return false;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

class SystemdScope : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access("/run/systemd/system", F_OK) != 0)
      GTEST_SKIP() << "systemd is not process 1: see tests/vm/systemd-guest";
    if (::access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0) GTEST_SKIP() << "needs cgroup v2";
    auto bus = open_manager(manager_place(false));
    ASSERT_TRUE(bus) << bus.error().message();
    bus_.emplace(std::move(*bus));
    unit_ = "plimsoll-test-" + std::to_string(::getpid()) + ".scope";
  }
  void TearDown() override {
    sleeper_.end();
    if (bus_) {
      EXPECT_TRUE(stop_scope(*bus_, unit_));
    }
  }
  // Slices stay, empty, until somebody stops them.
  static void TearDownTestSuite() {
    if (::access("/run/systemd/system", F_OK) == 0)
      (void)::system("systemctl stop plimsoll-tests.slice plimsoll.slice");
  }

  ScopeSpec scope(pid_t pid) const {
    ScopeSpec scope;
    scope.unit = unit_;
    scope.slice = "plimsoll-tests.slice";
    scope.pid = pid;
    scope.resources = &resources_;
    scope.annotations = &annotations_;
    return scope;
  }
  void start() {
    const auto started = start_scope(*bus_, scope(sleeper_.pid()));
    ASSERT_TRUE(started) << started.error().message();
    const auto path = unit_cgroup_path(sleeper_.pid(), unit_);
    ASSERT_TRUE(path) << path.error().message();
    directory_ = kRoot + *path;
  }
  std::string file(const char* name) const {
    auto text = read_file(directory_ + "/" + name);
    if (!text) return text.error().message();
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return *text;
  }
  // `systemctl show -P NAME UNIT`, if not the group, is the witness.
  std::string shown(const std::string& name) const {
    const std::string command = "systemctl show -P " + name + " " + unit_;
    FILE* pipe = ::popen(command.c_str(), "r");
    char line[256] = {};
    if (std::fgets(line, sizeof line, pipe) == nullptr) line[0] = '\0';
    ::pclose(pipe);
    const std::string text(line);
    return text.substr(0, text.find('\n'));
  }

  spec::Resources resources_;
  std::map<std::string, std::string> annotations_;
  Sleeper sleeper_;
  std::optional<Bus> bus_;
  std::string unit_, directory_;
};

TEST_F(SystemdScope, LimitsAreInTheGroupsFiles) {
  resources_.memory = spec::Memory{.limit = 64 << 20, .reservation = 16 << 20, .swap = 96 << 20};
  resources_.cpu = spec::Cpu{.shares = 2048, .period = 50'000, .quota = 25'000, .cpus = "0"};
  resources_.pids_limit = 17;
  start();
  EXPECT_EQ(directory_, std::string(kRoot) + "/plimsoll.slice/plimsoll-tests.slice/" + unit_);
  EXPECT_EQ(file("cgroup.procs"), std::to_string(sleeper_.pid()));
  EXPECT_EQ(file("memory.max"), std::to_string(64 << 20));
  EXPECT_EQ(file("memory.low"), std::to_string(16 << 20));
  EXPECT_EQ(file("memory.swap.max"), std::to_string(32 << 20));
  EXPECT_EQ(file("cpu.max"), "25000 50000");
  EXPECT_EQ(file("cpu.weight"), std::to_string(weight_of_shares(2048)));
  EXPECT_EQ(file("cpuset.cpus"), "0");
  EXPECT_EQ(file("pids.max"), "17");
  EXPECT_EQ(shown("Delegate"), "yes");
  EXPECT_EQ(shown("DefaultDependencies"), "no");
  EXPECT_EQ(shown("Slice"), "plimsoll-tests.slice");
}

TEST_F(SystemdScope, AnUpdateChangesWhatItNames) {
  resources_.memory = spec::Memory{.limit = 64 << 20};
  resources_.pids_limit = 17;
  start();
  spec::Resources change;
  change.memory = spec::Memory{.limit = 128 << 20};
  change.cpu = spec::Cpu{.quota = 150'000};
  const auto updated = set_scope_properties(*bus_, unit_, change, cgroup::Mode::kV2);
  ASSERT_TRUE(updated) << updated.error().message();
  EXPECT_EQ(file("memory.max"), std::to_string(128 << 20));
  EXPECT_EQ(file("cpu.max"), "150000 100000");
  EXPECT_EQ(file("pids.max"), "17");
}

TEST_F(SystemdScope, AnUpdateOfNoUnitIsAnError) {
  spec::Resources change;
  change.pids_limit = 5;
  const auto updated = set_scope_properties(*bus_, unit_, change, cgroup::Mode::kV2);
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code, ENOENT) << updated.error().message();
  EXPECT_THAT(updated.error().message(), HasSubstr(unit_));
}

TEST_F(SystemdScope, NothingIsLeftAfterTheStop) {
  start();
  ASSERT_EQ(::mkdir((directory_ + "/inner").c_str(), 0755), 0);
  sleeper_.end();
  const auto stopped = stop_scope(*bus_, unit_);
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_NE(::access(directory_.c_str(), F_OK), 0);
  EXPECT_EQ(shown("LoadState"), "not-found");
  EXPECT_TRUE(stop_scope(*bus_, unit_)) << "a second stop is none";
}

TEST_F(SystemdScope, TheStopEndsAProcessThatIsLeft) {
  start();
  const auto stopped = stop_scope(*bus_, unit_);
  ASSERT_TRUE(stopped) << stopped.error().message();
  EXPECT_TRUE(sleeper_.has_ended());
}

TEST_F(SystemdScope, AStopWaitsNoLongerThanItsLimit) {
  Sleeper stubborn(false);
  annotations_["org.systemd.property.TimeoutStopUSec"] = "uint64 123456789";
  ASSERT_TRUE(start_scope(*bus_, scope(stubborn.pid())));
  EXPECT_EQ(shown("TimeoutStopUSec"), "2min 3.456789s");
  const int64_t begin = monotonic_ns();
  const auto stopped = stop_scope(*bus_, unit_, std::chrono::milliseconds(1500));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ETIMEDOUT);
  EXPECT_LT(monotonic_ns() - begin, 10'000'000'000);
  stubborn.end();
}

TEST_F(SystemdScope, AUnitThatRunsIsNotReplaced) {
  start();
  Sleeper other;
  const auto again = start_scope(*bus_, scope(other.pid()));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_THAT(again.error().message(), HasSubstr("systemctl stop " + unit_));
  EXPECT_TRUE(unit_cgroup_path(sleeper_.pid(), unit_)) << "the first one lives on";
  EXPECT_FALSE(unit_cgroup_path(other.pid(), unit_));
}

// A scope whose processes systemd had to kill stays behind, failed, with its name taken.
TEST_F(SystemdScope, AFailedLeftoverIsClearedAway) {
  Sleeper stubborn(false);
  annotations_["org.systemd.property.TimeoutStopUSec"] = "uint64 200000";
  ASSERT_TRUE(start_scope(*bus_, scope(stubborn.pid())));
  ASSERT_EQ(::system(("systemctl stop " + unit_).c_str()), 0);
  EXPECT_TRUE(stubborn.has_ended());
  ASSERT_EQ(shown("ActiveState"), "failed");
  annotations_.clear();
  start();
  EXPECT_EQ(shown("ActiveState"), "active");
}

TEST_F(SystemdScope, AProcessThatIsGoneIsAnErrorAndLeavesNoUnit) {
  Sleeper gone;
  const pid_t pid = gone.pid();
  gone.end();
  const auto started = start_scope(*bus_, scope(pid));
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr(unit_));
  EXPECT_EQ(shown("LoadState"), "not-found");
}

TEST_F(SystemdScope, PropertiesThatSystemdDoesNotKnowAreItsError) {
  annotations_["org.systemd.property.NoSuchThing"] = "true";
  const auto started = start_scope(*bus_, scope(sleeper_.pid()));
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("NoSuchThing"));
  EXPECT_EQ(shown("LoadState"), "not-found");
}

// memory.oom.group has a property only from systemd 253 on; an older one gets the rest.
TEST_F(SystemdScope, AnOlderSystemdGetsWhatItKnows) {
  resources_.unified = {{"memory.oom.group", "1"}, {"memory.high", "1048576"}};
  start();
  EXPECT_EQ(file("memory.high"), "1048576");
}

TEST_F(SystemdScope, AnnotationsBecomeProperties) {
  annotations_["org.systemd.property.CollectMode"] = "'inactive-or-failed'";
  annotations_["org.systemd.property.TimeoutStopSec"] = "7";
  annotations_["org.systemd.property.After"] = "['basic.target']";
  annotations_["unrelated"] = "(";
  start();
  EXPECT_EQ(shown("CollectMode"), "inactive-or-failed");
  EXPECT_EQ(shown("TimeoutStopUSec"), "7s");
  EXPECT_THAT(shown("After"), HasSubstr("basic.target"));
}

TEST_F(SystemdScope, DevicesAreRestricted) {
  resources_.devices = {{.allow = false}, {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rwm"}};
  start();
  EXPECT_EQ(shown("DevicePolicy"), "strict");
  EXPECT_EQ(shown("DeviceAllow"), "/dev/char/1:3 rwm");
}

TEST_F(SystemdScope, IdleIsAWeightOfNothing) {
  resources_.cpu = spec::Cpu{.idle = 1};
  start();
  EXPECT_EQ(file("cpu.idle"), "1");
}

TEST_F(SystemdScope, AnotherProcessCanBeAttached) {
  start();
  ASSERT_EQ(::mkdir((directory_ + "/inner").c_str(), 0755), 0);
  Sleeper other;
  const auto attached = attach_to_scope(*bus_, unit_, "/inner", other.pid());
  ASSERT_TRUE(attached) << attached.error().message();
  const auto groups = read_file("/proc/" + std::to_string(other.pid()) + "/cgroup");
  ASSERT_TRUE(groups);
  EXPECT_THAT(*groups, HasSubstr(unit_ + "/inner\n"));
  EXPECT_EQ(kRoot + *unit_cgroup_path(other.pid(), unit_), directory_);
}

// Without a bus: systemd's own socket.
TEST_F(SystemdScope, SystemdsOwnSocketDoes) {
  auto direct = Bus::open({.path = "/run/systemd/private", .broker = false}, deadline_in(std::chrono::seconds(20)));
  ASSERT_TRUE(direct) << direct.error().message();
  resources_.pids_limit = 9;
  const auto started = start_scope(*direct, scope(sleeper_.pid()));
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_TRUE(unit_cgroup_path(sleeper_.pid(), unit_));
  sleeper_.end();
  EXPECT_TRUE(stop_scope(*direct, unit_));
  EXPECT_EQ(shown("LoadState"), "not-found");
}

// A user's own manager: what `--systemd-cgroup` is for a rootless container.
class UserScope : public SystemdScope {
 protected:
  void SetUp() override {
    SystemdScope::SetUp();
    if (IsSkipped()) return;
    if (::getpwuid(kUser) == nullptr) {
      ASSERT_EQ(::system("useradd --uid 1000 --create-home plimsoll-user"), 0);
    }
    ASSERT_EQ(::system("loginctl enable-linger $(id -nu 1000)"), 0);
    for (int i = 0; i < 600 && ::access(kSocket, F_OK) != 0; ++i) ::usleep(100'000);
  }
  void TearDown() override {
    if (!IsSkipped()) (void)::system("loginctl disable-linger $(id -nu 1000)");
    SystemdScope::TearDown();
  }

  static constexpr uid_t kUser = 1000;
  static constexpr const char* kSocket = "/run/user/1000/bus";
};

// In a process of the user's: 0 when all went well.
int run_as_user(const std::string& unit) {
  if (::setgid(1000) != 0 || ::setuid(1000) != 0) return 2;
  auto bus = open_manager({.user = true, .runtime_dir = "/run/user/1000"});
  if (!bus) return std::fprintf(stderr, "%s\n", bus.error().message().c_str()), 3;
  Sleeper sleeper;
  spec::Resources resources;
  resources.pids_limit = 11;
  ScopeSpec scope;
  scope.unit = unit;
  scope.slice = "user.slice";
  scope.pid = sleeper.pid();
  scope.resources = &resources;
  const auto started = start_scope(*bus, scope);
  if (!started) return std::fprintf(stderr, "%s\n", started.error().message().c_str()), 4;
  const auto path = unit_cgroup_path(sleeper.pid(), unit);
  if (!path) return std::fprintf(stderr, "%s\n", path.error().message().c_str()), 5;
  const auto limit = read_file(kRoot + *path + "/pids.max");
  if (!limit || *limit != "11\n" || !path->starts_with("/user.slice/user-1000.slice/user@1000.service/")) return 6;
  sleeper.end();
  if (!stop_scope(*bus, unit)) return 7;
  return ::access((kRoot + *path).c_str(), F_OK) == 0 ? 8 : 0;
}

TEST_F(UserScope, IsTheUsersOwn) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    // Where `systemd-run --user` would have put it.
    const char* procs = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/init.scope/cgroup.procs";
    ::_exit(write_existing(AT_FDCWD, procs, "0") ? run_as_user(unit_) : 9);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// From elsewhere the user's systemd may not move the child itself, and asks the system's.
TEST_F(UserScope, TheCallerMayBeOutsideOfTheUsersGroups) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(run_as_user(unit_));
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace plimsoll::limits
