// SPDX-License-Identifier: Apache-2.0
// systemd and logind over a bus of the test's own: a dbus-daemon below the tree, and a thread that plays the service.
// Skipped where dbus-daemon or libsystemd is missing. And perf, as far as it needs no privilege.
#include <gmock/gmock.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "collectors/host/parts/perf_events.h"
#include "tests/unit/fake_bus.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::expect_not_present;
using test::FakeAnswers;
using test::FakeService;
using test::FakeValue;
using test::FlagValues;
using test::listen_at;
using test::PrivateBus;
using test::roots_of;
using test::sd;
using test::setup_of;
using test::TempTree;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

bool is_missing(const char* program) {
  return ::system((std::string("command -v ") + program + " >/dev/null").c_str()) != 0;
}

class OnBus : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    if (is_missing("dbus-daemon")) GTEST_SKIP() << "dbus-daemon is not installed";
    if (sd().create == nullptr) GTEST_SKIP() << "libsystemd.so.0 is not installed";
  }
  TempTree tree_;
  FakeAnswers answers_;
};

// --- systemd

constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kUnitPath = "/org/freedesktop/systemd1/unit/";

void add_unit(FakeAnswers& answers, const std::string& name, const std::string& load, const std::string& active,
              const std::string& id) {
  answers.row_types["ListUnits"] = "(ssssssouso)";
  answers.rows["ListUnits"].push_back({name, std::string("A thing"), load, active, std::string("running"),
                                       std::string(), kUnitPath + id, uint32_t{0}, std::string(), std::string("/")});
}

void add_property(FakeAnswers& answers, const std::string& path, const std::string& kind, const std::string& name,
                  FakeValue value) {
  answers.properties[path + " org.freedesktop.systemd1." + kind + " " + name] = std::move(value);
}

void fill_systemd(FakeAnswers& answers) {
  add_property(answers, kManagerPath, "Manager", "Version", "252.33-1~deb12u1");
  add_property(answers, kManagerPath, "Manager", "Virtualization", "kvm");
  add_property(answers, kManagerPath, "Manager", "SystemState", "running");
  add_unit(answers, "cron.service", "loaded", "active", "cron");
  add_property(answers, std::string(kUnitPath) + "cron", "Service", "Type", "forking");
  add_property(answers, std::string(kUnitPath) + "cron", "Service", "NRestarts", uint32_t{3});
  add_property(answers, std::string(kUnitPath) + "cron", "Service", "TasksCurrent", uint64_t{2});
  add_property(answers, std::string(kUnitPath) + "cron", "Service", "TasksMax", UINT64_MAX);
  add_property(answers, std::string(kUnitPath) + "cron", "Unit", "ActiveEnterTimestamp",
               uint64_t{1'700'000'000'500'000});
  add_unit(answers, "apt.timer", "loaded", "inactive", "apt");
  add_property(answers, std::string(kUnitPath) + "apt", "Timer", "LastTriggerUSec", uint64_t{1'600'000'000'250'000});
  add_unit(answers, "ssh.socket", "loaded", "failed", "ssh");
  add_property(answers, std::string(kUnitPath) + "ssh", "Socket", "NAccepted", uint32_t{7});
  add_property(answers, std::string(kUnitPath) + "ssh", "Socket", "NConnections", uint32_t{1});
  add_property(answers, std::string(kUnitPath) + "ssh", "Socket", "NRefused", uint32_t{2});
  add_unit(answers, "gone.service", "not-found", "inactive", "gone");
  add_unit(answers, "home.mount", "loaded", "active", "home");
  add_property(answers, std::string(kUnitPath) + "home", "Mount", "Type", "ext4");
}

std::string states_of(const std::string& name, const std::string& active, const std::string& type) {
  std::string text;
  for (const char* state : {"active", "activating", "deactivating", "inactive", "failed"})
    text += "node_systemd_unit_state{name=\"" + name + "\",state=\"" + state + "\",type=\"" + type + "\"} " +
            (active == state ? "1\n" : "0\n");
  return text;
}

std::unique_ptr<Collector> systemd_of(const TempTree& tree, FlagValues values = {}) {
  return kSystemdCollector.make(setup_of(kSystemdCollector, tree, values));
}

TEST_F(OnBus, SystemdShowsUnits) {
  fill_systemd(answers_);
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  const auto collected = collect(*systemd_of(tree_));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_systemd_version{version=\"252.33-1~deb12u1\"} 252.33\n"
            "node_systemd_virtualization_info{virtualization_type=\"kvm\"} 1\nnode_systemd_system_running 1\n"
            "node_systemd_units{state=\"activating\"} 0\nnode_systemd_units{state=\"active\"} 2\n"
            "node_systemd_units{state=\"deactivating\"} 0\nnode_systemd_units{state=\"failed\"} 1\n"
            "node_systemd_units{state=\"inactive\"} 2\n" +
                states_of("cron.service", "active", "forking") + states_of("apt.timer", "inactive", "") +
                states_of("ssh.socket", "failed", "") +
                "node_systemd_timer_last_trigger_seconds{name=\"apt.timer\"} 1600000000.25\n"
                "node_systemd_socket_accepted_connections_total{name=\"ssh.socket\"} 7\n"
                "node_systemd_socket_current_connections{name=\"ssh.socket\"} 1\n"
                "node_systemd_socket_refused_connections_total{name=\"ssh.socket\"} 2\n");
  EXPECT_EQ(test::type_of(collected.page, "node_systemd_socket_accepted_connections_total"), "counter");
  EXPECT_EQ(test::type_of(collected.page, "node_systemd_socket_refused_connections_total"), "gauge");
}

TEST_F(OnBus, SystemdShowsMoreOnRequest) {
  fill_systemd(answers_);
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  const auto collected = collect(*systemd_of(tree_, {{"systemd.enable-task-metrics", "true"},
                                                     {"systemd.enable-restarts-metrics", "true"},
                                                     {"systemd.enable-start-time-metrics", "true"}}));
  EXPECT_EQ(collected.text("node_systemd_service"), "node_systemd_service_restart_total{name=\"cron.service\"} 3\n");
  EXPECT_EQ(collected.text("node_systemd_unit_start"),
            "node_systemd_unit_start_time_seconds{name=\"cron.service\"} 1700000000.5\n"
            "node_systemd_unit_start_time_seconds{name=\"apt.timer\"} 0\n"
            "node_systemd_unit_start_time_seconds{name=\"ssh.socket\"} 0\n");
  EXPECT_EQ(collected.text("node_systemd_unit_tasks"), "node_systemd_unit_tasks_current{name=\"cron.service\"} 2\n")
      << "no limit is no sample";
}

TEST_F(OnBus, SystemdFiltersByWholeNames) {
  fill_systemd(answers_);
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  EXPECT_EQ(collect(*systemd_of(tree_, {{"systemd.unit-include", "home.*|cron"}, {"systemd.unit-exclude", "nothing"}}))
                .text("node_systemd_unit_state"),
            states_of("home.mount", "active", "ext4"));
  EXPECT_EQ(collect(*systemd_of(tree_, {{"systemd.unit-include", "home.*"}})).text("node_systemd_unit_state"), "")
      << "what is excluded by default stays so";
  EXPECT_EQ(collect(*systemd_of(tree_, {{"systemd.unit-exclude", "cron.service|.*mount|ssh.+"}}))
                .text("node_systemd_unit_state"),
            states_of("apt.timer", "inactive", ""));
}

TEST_F(OnBus, SystemdLeavesOutWhatAUnitDoesNotHave) {
  add_unit(answers_, "odd\"name.service", "loaded", "reloading", "odd");
  add_unit(answers_, "odd\"name.service", "loaded", "active", "odd");
  add_unit(answers_, "a.socket", "loaded", "active", "a");
  add_unit(answers_, "b.timer", "loaded", "active", "b");
  add_property(answers_, kManagerPath, "Manager", "Version", "v12");
  add_property(answers_, kManagerPath, "Manager", "Virtualization", "");
  add_property(answers_, kManagerPath, "Manager", "SystemState", "degraded");
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  const auto collected = collect(
      *systemd_of(tree_, {{"systemd.enable-task-metrics", "true"}, {"systemd.enable-restarts-metrics", "true"}}));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_systemd_virtualization_info{virtualization_type=\"none\"} 1\nnode_systemd_system_running 0\n"
            "node_systemd_units{state=\"activating\"} 0\nnode_systemd_units{state=\"active\"} 3\n"
            "node_systemd_units{state=\"deactivating\"} 0\nnode_systemd_units{state=\"failed\"} 0\n"
            "node_systemd_units{state=\"inactive\"} 0\nnode_systemd_units{state=\"reloading\"} 1\n" +
                states_of("odd\\\"name.service", "reloading", "") + states_of("a.socket", "active", "") +
                states_of("b.timer", "active", ""));
}

TEST_F(OnBus, SystemdAnswersOnItsOwnSocketToo) {
  fill_systemd(answers_);
  tree_.make_dir("root/run/systemd");
  const UniqueFd listening = listen_at(tree_.at("root/run/systemd/private"));
  std::unique_ptr<FakeService> service;
  std::thread accepting([&] {
    service = std::make_unique<FakeService>(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC), answers_);
  });
  const auto collected = collect(*systemd_of(tree_, {{"systemd.private", "true"}}));
  accepting.join();
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_THAT(collected.text(), HasSubstr("node_systemd_system_running 1\n"));
}

TEST_F(OnBus, ABusThatIsStartedAgainIsFoundAgain) {
  fill_systemd(answers_);
  const auto collector = systemd_of(tree_);
  for (int i = 0; i < 2; ++i) {
    const PrivateBus bus(tree_);
    const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
    const auto collected = collect(*collector);
    EXPECT_TRUE(collected.result) << collected.error();
    EXPECT_EQ(collect(*collector).text(), collected.text());
    ::unlink(tree_.at("root/run/dbus/system_bus_socket").c_str());
  }
  const auto collected = collect(*collector);
  ASSERT_FALSE(collected.result);
  EXPECT_TRUE(is_not_present(collected.result.error())) << collected.error();
}

TEST_F(OnBus, ASilentServiceDoesNotHoldTheScrape) {
  fill_systemd(answers_);
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  const auto collector = systemd_of(tree_);
  ASSERT_TRUE(collect(*collector).result);
  answers_.silent = true;
  const int64_t deadline = monotonic_ns() + 1'000'000'000;
  MetricWriter writer(deadline);
  const auto result = collector->collect(writer);
  EXPECT_LT(monotonic_ns(), deadline);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ETIMEDOUT) << result.error().message();
  answers_.silent = false;
  EXPECT_TRUE(collect(*collector).result);
}

TEST_F(OnBus, ASilentBusDoesNotHoldTheScrape) {
  tree_.make_dir("root/run/dbus");
  const UniqueFd listening = listen_at(tree_.at("root/run/dbus/system_bus_socket"));
  const int64_t deadline = monotonic_ns() + 1'000'000'000;
  MetricWriter writer(deadline);
  const auto result = systemd_of(tree_)->collect(writer);
  EXPECT_LT(monotonic_ns(), deadline);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ETIMEDOUT) << result.error().message();
}

TEST_F(OnBus, ABusWithoutTheServiceIsNotPresent) {
  const PrivateBus bus(tree_);
  for (const Entry* entry : {&kSystemdCollector, &kLogindCollector}) expect_not_present(*entry, tree_);
}

TEST(WithoutABus, NothingIsShownAndNothingIsSaid) {
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  for (const Entry* entry : {&kSystemdCollector, &kLogindCollector}) expect_not_present(*entry);
}

TEST_F(OnBus, TheAddressMayComeFromTheEnvironment) {
  fill_systemd(answers_);
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.systemd1", answers_);
  const TempTree elsewhere;
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address().c_str(), 1);
  const auto collector = systemd_of(elsewhere);
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  EXPECT_TRUE(collect(*collector).result);
}

// --- logind

void add_session(FakeAnswers& answers, const std::string& id, const std::string& seat, bool remote,
                 const std::string& type, const std::string& session_class) {
  const std::string path = "/org/freedesktop/login1/session/" + id;
  answers.rows["ListSessions"].push_back({id, uint32_t{1000}, std::string("anna"), seat, path});
  const std::string prefix = path + " org.freedesktop.login1.Session ";
  answers.properties[prefix + "Remote"] = remote;
  answers.properties[prefix + "Type"] = type;
  answers.properties[prefix + "Class"] = session_class;
}

TEST_F(OnBus, LogindCountsSessions) {
  answers_.row_types = {{"ListSeats", "(so)"}, {"ListSessions", "(susso)"}};
  answers_.rows["ListSeats"] = {{std::string("seat0"), std::string("/org/freedesktop/login1/seat/seat0")}};
  add_session(answers_, "1", "seat0", false, "x11", "user");
  add_session(answers_, "2", "", true, "tty", "user");
  add_session(answers_, "3", "", true, "tty", "user");
  add_session(answers_, "4", "seat0", false, "hologram", "manager");
  add_session(answers_, "5", "", true, "tty", "user");
  answers_.properties.erase("/org/freedesktop/login1/session/5 org.freedesktop.login1.Session Class");  // ended
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.login1", answers_);
  const auto collected = collect(*kLogindCollector.make(roots_of(tree_)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.page.sample_count(), 2u * 2u * 7u * 5u);
  std::string counted;
  const std::string all = collected.text();
  for (std::string_view rest = all; !rest.empty();) {
    const std::string_view line = take(rest, '\n');
    if (!line.ends_with(" 0")) counted.append(line).append("\n");
  }
  EXPECT_EQ(counted,
            "node_logind_sessions{seat=\"\",remote=\"true\",type=\"tty\",class=\"user\"} 2\n"
            "node_logind_sessions{seat=\"seat0\",remote=\"false\",type=\"other\",class=\"other\"} 1\n"
            "node_logind_sessions{seat=\"seat0\",remote=\"false\",type=\"x11\",class=\"user\"} 1\n");
  EXPECT_EQ(test::type_of(collected.page, "node_logind_sessions"), "gauge");
}

TEST_F(OnBus, AnAnswerOfAnotherShapeIsAnError) {
  const PrivateBus bus(tree_);
  const FakeService service(bus.address(), "org.freedesktop.login1", answers_);
  const auto refused = collect(*kLogindCollector.make(roots_of(tree_)));
  EXPECT_THAT(refused.error(), HasSubstr("ListSeats"));
  answers_.row_types = {{"ListSeats", "(so)"}, {"ListSessions", "(su)"}};
  answers_.rows["ListSeats"] = {};
  answers_.rows["ListSessions"] = {{std::string("1"), uint32_t{1000}}};
  const auto collected = collect(*kLogindCollector.make(roots_of(tree_)));
  EXPECT_THAT(collected.error(), HasSubstr("ListSessions: fewer than five members"));
  EXPECT_EQ(collected.text(), "");
}

// --- perf

TEST(Perf, ParsesLists) {
  EXPECT_THAT(*parse_cpus("0-3,8,10-20:5"), ElementsAre(0, 1, 2, 3, 8, 10, 15, 20));
  EXPECT_THAT(*parse_cpus("3,1-2,2"), ElementsAre(1, 2, 3));
  EXPECT_THAT(*parse_cpus(""), ElementsAre());
  for (const char* text :
       {"x", "-1", "1-", "3-1", "1,,2", "0-65536", "1-9:0", "1-9:", "1-9:x", "1:2", " 1", "99999999999999999999"})
    EXPECT_FALSE(parse_cpus(text)) << text;
}

TEST(Perf, ChecksItsFlags) {
  const std::map<std::string, std::pair<std::string, std::string>> good_and_bad = {
      {"perf.cpus", {"0-3", "all"}},
      {"perf.tracepoint", {"sched:sched_process_exec", "../../id"}},
      {"perf.hardware-profilers", {"CpuCycles", "PageFault"}},
      {"perf.software-profilers", {"PageFault", "CpuCycles"}},
      {"perf.cache-profilers", {"BPUReadHit", "x"}},
      {"perf.disable-hardware-profilers", {"true", "x"}},
      {"perf.disable-software-profilers", {"true", "x"}},
      {"perf.disable-cache-profilers", {"true", "x"}}};
  EXPECT_EQ(kPerfCollector.flags.size(), good_and_bad.size());
  for (const Flag* flag : kPerfCollector.flags) {
    const auto& [good, bad] = good_and_bad.at(std::string(flag->name));
    EXPECT_TRUE(check_flag(*flag, good)) << flag->name;
    EXPECT_FALSE(check_flag(*flag, bad)) << flag->name;
  }
  for (const Flag* flag : kPerfCollector.flags) {
    if (flag->name != "perf.tracepoint") continue;
    for (const char* text : {"", "a", "a:", ":b", "a:b:c", "a:../b", "a:b c"})
      EXPECT_FALSE(check_flag(*flag, text)) << text;
  }
}

TEST(Perf, HasEachFamilyOnce) {
  std::set<std::string_view> families, profilers;
  for (const auto events : {hardware_events(), software_events(), cache_events()}) {
    for (const PerfEvent& event : events) {
      EXPECT_TRUE(families.insert(event.desc.name).second) << event.desc.name;
      EXPECT_TRUE(profilers.insert(event.profiler).second) << event.profiler;
    }
  }
  EXPECT_EQ(families.size(), 9u + 5u + 16u);
}

TEST(Perf, WithoutAListOfCpusItIsNotPresent) { expect_not_present(kPerfCollector); }

TEST(Perf, RefusesAListThatIsNone) {
  for (const char* content : {"", "\n", "garbage\n", "0-\n", "5-1\n"}) {
    const auto collected = test::collect_file(kPerfCollector, "sys/devices/system/cpu/online", content);
    EXPECT_THAT(collected.error(), HasSubstr("sys/devices/system/cpu/online")) << content;
    EXPECT_EQ(collected.text(), "");
  }
}

}  // namespace
}  // namespace plimsoll::collectors::host
