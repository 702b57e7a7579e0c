// SPDX-License-Identifier: Apache-2.0
// The scope driver against a manager that the test plays, on a dbus-daemon of the test's own. The real one is in
// tests/root/systemd_scope_test.cpp.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <memory>
#include <thread>

#include "runtime/limits/systemd.h"
#include "tests/unit/fake_systemd.h"

namespace plimsoll::limits {
namespace {

using test::FakeSystemd;
using test::listen_at;
using test::PrivateBus;
using test::TempTree;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUnitExists = "org.freedesktop.systemd1.UnitExists";
constexpr const char* kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";
constexpr const char* kReadOnly = "org.freedesktop.DBus.Error.PropertyReadOnly";

class Scope : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::system("command -v dbus-daemon >/dev/null") != 0) GTEST_SKIP() << "dbus-daemon is not installed";
    if (test::sd().create == nullptr) GTEST_SKIP() << "libsystemd.so.0 is not installed";
  }

  void play(FakeSystemd::Manners manners) {
    daemon_ = std::make_unique<PrivateBus>(tree_);
    systemd_ = std::make_unique<FakeSystemd>(daemon_->address(), std::move(manners));
    auto bus = open_manager({.run = tree_.at("root/run")});
    ASSERT_TRUE(bus) << bus.error().message();
    bus_.emplace(std::move(*bus));
  }
  Result<void> start() {
    ScopeSpec scope;
    scope.unit = "plimsoll-web.scope";
    scope.slice = "machine.slice";
    scope.pid = 1234;
    scope.resources = &resources_;
    scope.annotations = &annotations_;
    scope.time_limit = time_limit_;
    return start_scope(*bus_, scope);
  }

  TempTree tree_;
  std::unique_ptr<PrivateBus> daemon_;
  std::unique_ptr<FakeSystemd> systemd_;
  std::optional<Bus> bus_;
  spec::Resources resources_;
  std::map<std::string, std::string> annotations_;
  std::chrono::milliseconds time_limit_ = std::chrono::seconds(20);
};

TEST_F(Scope, IsStartedByOneCall) {
  play({});
  resources_.pids_limit = 5;
  resources_.devices = {{.allow = true, .type = 'c', .major = 1, .minor = 3}};
  resources_.block_io = spec::BlockIo{.weight_devices = {{.device = {8, 0}, .weight = 100}}};
  resources_.cpu = spec::Cpu{.cpus = "0-9"};
  annotations_ = {{"org.systemd.property.After", "['a.service']"}, {"org.systemd.property.Odd", "byte 3"}};
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message();
  const auto calls = systemd_->calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].member, "StartTransientUnit");
  EXPECT_EQ(calls[0].unit, "plimsoll-web.scope");
  EXPECT_EQ(calls[0].mode, "replace");
  EXPECT_THAT(calls[0].properties,
              ElementsAre("Description", "Slice", "Delegate", "PIDs", "MemoryAccounting", "CPUAccounting",
                          "IOAccounting", "TasksAccounting", "DefaultDependencies", "After", "Odd", "DevicePolicy",
                          "DeviceAllow", "AllowedCPUs", "TasksMax", "IODeviceWeight"));
}

TEST_F(Scope, TheEndMayComeBeforeTheAnswer) {
  play({.end_before_answer = true});
  EXPECT_TRUE(start());
}

TEST_F(Scope, AJobThatFailsIsAnErrorAndUndone) {
  play({.result = "failed"});
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(),
              AllOf(HasSubstr("plimsoll-web.scope"), HasSubstr("'failed'"), HasSubstr("journalctl")));
  EXPECT_THAT(systemd_->members(), ElementsAre("StartTransientUnit", "StopUnit", "ResetFailedUnit"));
}

// Anybody on the bus can send a signal to anybody.
TEST_F(Scope, AForgedEndDoesNotCount) {
  play({.result = "failed", .forged_end = true});
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("'failed'"));
}

TEST_F(Scope, AJobWithoutAnEndIsOverInTime) {
  play({.silent = true});
  time_limit_ = std::chrono::milliseconds(300);
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ETIMEDOUT);
  EXPECT_THAT(systemd_->members(), ElementsAre("StartTransientUnit", "StopUnit", "ResetFailedUnit"));
}

TEST_F(Scope, AFailedLeftoverIsResetAndReplaced) {
  play({.errors = {kUnitExists}});
  EXPECT_TRUE(start());
  EXPECT_THAT(systemd_->members(), ElementsAre("StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"));
}

TEST_F(Scope, AUnitThatLivesIsLeftAlone) {
  play({.errors = {kUnitExists, kUnitExists}});
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, EEXIST);
  EXPECT_THAT(started.error().message(), HasSubstr("systemctl stop plimsoll-web.scope"));
  EXPECT_THAT(systemd_->members(), Not(Contains("StopUnit")));
}

TEST_F(Scope, AnOldSystemdIsAskedForItsVersionAndGetsLess) {
  play({.errors = {kReadOnly}, .version = "v241"});
  resources_.cpu = spec::Cpu{.period = 50'000, .quota = 10'000, .cpus = "0"};
  EXPECT_TRUE(start());
  const auto calls = systemd_->calls();
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_THAT(calls[0].properties, AllOf(Contains("CPUQuotaPeriodUSec"), Contains("AllowedCPUs")));
  EXPECT_EQ(calls[1].member, "Get");
  EXPECT_THAT(calls[2].properties,
              AllOf(Contains("CPUQuotaPerSecUSec"), Not(Contains("CPUQuotaPeriodUSec")), Not(Contains("AllowedCPUs"))));
}

TEST_F(Scope, ARefusedPropertyIsNotTriedAgainWithoutNeed) {
  play({.errors = {kReadOnly}});
  annotations_ = {{"org.systemd.property.NoSuch", "true"}};
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("so it is (org.freedesktop.DBus.Error.PropertyReadOnly)"));
  EXPECT_THAT(systemd_->members(), ElementsAre("StartTransientUnit", "Get"));
}

TEST_F(Scope, WhatCannotBeSaidIsNotSent) {
  play({});
  resources_.cpu = spec::Cpu{.cpus = "many"};
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message(), HasSubstr("unit plimsoll-web.scope: resources.cpu.cpus"));
  const std::string too_long = std::string(260, 'a') + ".scope";
  for (const char* unit : {"", ".scope", "web.service", "a/b.scope", "a\nb.scope", too_long.c_str()})
    EXPECT_FALSE(stop_scope(*bus_, unit)) << unit;
  EXPECT_FALSE(start_scope(*bus_, {.unit = "a.scope", .pid = 0}));
  EXPECT_THAT(systemd_->members(), ElementsAre());
}

TEST_F(Scope, IsStoppedAndForgotten) {
  play({});
  EXPECT_TRUE(stop_scope(*bus_, "plimsoll-web.scope"));
  EXPECT_THAT(systemd_->members(), ElementsAre("StopUnit", "ResetFailedUnit"));
}

TEST_F(Scope, NoUnitIsNothingToStop) {
  play({.errors = {kNoSuchUnit}});
  EXPECT_TRUE(stop_scope(*bus_, "plimsoll-web.scope"));
}

TEST_F(Scope, AStopThatIsCanceledIsAnError) {
  play({.result = "canceled"});
  const auto stopped = stop_scope(*bus_, "plimsoll-web.scope");
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message(), HasSubstr("'canceled'"));
}

TEST_F(Scope, AnUpdateNamesWhatChanges) {
  play({});
  resources_.pids_limit = 9;
  resources_.devices = {{.allow = true}};
  EXPECT_TRUE(set_scope_properties(*bus_, "plimsoll-web.scope", resources_, cgroup::Mode::kV2));
  const auto calls = systemd_->calls();
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].member, "SetUnitProperties");
  EXPECT_THAT(calls[0].properties, ElementsAre("TasksMax"));
  EXPECT_TRUE(set_scope_properties(*bus_, "plimsoll-web.scope", {}, cgroup::Mode::kV2));
  EXPECT_EQ(systemd_->calls().size(), 1u) << "nothing to say";
}

TEST_F(Scope, OneConnectionDoesForAll) {
  play({});
  EXPECT_TRUE(start());
  EXPECT_TRUE(set_scope_properties(*bus_, "plimsoll-web.scope", {.pids_limit = 5}, cgroup::Mode::kV2));
  EXPECT_TRUE(attach_to_scope(*bus_, "plimsoll-web.scope", "/inner", 5));
  EXPECT_TRUE(stop_scope(*bus_, "plimsoll-web.scope"));
}

TEST_F(Scope, SystemdsOwnSocketNeedsNoBus) {
  tree_.make_dir("root/run/systemd");
  const UniqueFd listener = listen_at(tree_.at("root/run/systemd/private"));
  std::thread server([&] {
    UniqueFd connection(::accept(listener.get(), nullptr, nullptr));
    systemd_ = std::make_unique<FakeSystemd>(connection.release(), FakeSystemd::Manners{});
  });
  auto bus = open_manager({.run = tree_.at("root/run")});
  server.join();
  ASSERT_TRUE(bus) << bus.error().message();
  EXPECT_FALSE(bus->has_broker());
  bus_.emplace(std::move(*bus));
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message();
}

std::vector<std::string> places(const ManagerPlace& place) {
  std::vector<std::string> out;
  const auto addresses = manager_addresses(place);
  if (!addresses) return {addresses.error().message()};
  for (const BusAddress& a : *addresses)
    out.push_back((a.broker ? "bus " : "own ") + a.path + (a.names_user ? " uid" : ""));
  return out;
}

TEST(ManagerPlace, TheUsualOnesAndTheGivenOnes) {
  EXPECT_THAT(places({}), ElementsAre("bus /run/dbus/system_bus_socket uid", "own /run/systemd/private uid"));
  EXPECT_THAT(places({.address = "unix:path=/a"}), ElementsAre("bus /a uid"));
  EXPECT_THAT(places({.user = true, .runtime_dir = "/run/user/5"}),
              ElementsAre("bus /run/user/5/bus", "own /run/user/5/systemd/private"));
  EXPECT_THAT(places({.user = true, .address = "unix:abstract=b", .runtime_dir = "/r"}), ElementsAre("bus b"));
  EXPECT_THAT(places({.user = true}), ElementsAre(HasSubstr("XDG_RUNTIME_DIR")));
  EXPECT_THAT(places({.user = true, .address = "tcp:host=a"}), ElementsAre(HasSubstr("DBUS_SESSION_BUS_ADDRESS")));
}

TEST(ManagerPlace, NobodyThereNamesTheRemedy) {
  const TempTree tree;
  const auto bus = open_manager({.run = tree.path()});
  ASSERT_FALSE(bus);
  EXPECT_EQ(bus.error().code, ENOENT);
  EXPECT_THAT(bus.error().message(), AllOf(HasSubstr("--systemd-cgroup"), HasSubstr(tree.path() + "/dbus")));
}

TEST(UnitCgroup, IsFoundInEveryLayout) {
  const TempTree tree({{"1/cgroup", "0::/a.slice/web.scope\n"},
                       {"2/cgroup", "4:memory:/elsewhere\n1:name=systemd:/a.slice/web.scope/inner\n0::/\n"},
                       {"3/cgroup", "0::/a.slice/web.scope.d/xweb.scope\n"},
                       {"4/cgroup", "garbage\n::\n\n3:memory:/a.slice/web.scope\n"}});
  EXPECT_EQ(*unit_cgroup_path(1, "web.scope", tree.path()), "/a.slice/web.scope");
  EXPECT_EQ(*unit_cgroup_path(2, "web.scope", tree.path()), "/a.slice/web.scope");
  for (const pid_t pid : {3, 4}) {
    const auto path = unit_cgroup_path(pid, "web.scope", tree.path());
    ASSERT_FALSE(path);
    EXPECT_THAT(path.error().message(), HasSubstr("not in unit web.scope"));
  }
  EXPECT_EQ(unit_cgroup_path(5, "web.scope", tree.path()).error().code, ENOENT);
}

TEST(UnitCgroup, LinesOfEveryHierarchy) {
  const auto groups = parse_process_cgroups("5:cpu,cpuacct:/a:b\n1:name=systemd:/c\n0::/d\nx\n");
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].controllers, "cpu,cpuacct");
  EXPECT_EQ(groups[0].path, "/a:b");
  EXPECT_EQ(groups[2].controllers, "");
  EXPECT_EQ(groups[2].path, "/d");
}

}  // namespace
}  // namespace plimsoll::limits
