// SPDX-License-Identifier: Apache-2.0
// The agent's flags about containers, and what becomes of cAdvisor's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/agent_options.h"
#include "agent/settings/cadvisor_flags.h"
#include "agent/settings/container_flags.h"

namespace plimsoll::agent {
namespace {

using collectors::container::Kind;
using collectors::container::KindInfo;
using collectors::container::kinds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

AgentOptions parsed(const std::vector<std::string>& arguments) {
  auto result = parse_agent_options(arguments, {});
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options : AgentOptions{};
}

collectors::container::Options containers(const std::vector<std::string>& arguments) {
  return parsed(arguments).containers;
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto result = parse_agent_options(arguments, {});
  EXPECT_FALSE(result) << arguments[0];
  const std::string message = result ? "" : result.error().message();
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

// The kinds that are on, in the table's order.
std::vector<std::string> on(const std::vector<std::string>& arguments) {
  const auto set = containers(arguments).kinds;
  EXPECT_TRUE(set.has(Kind::kAlways));
  std::vector<std::string> names;
  for (const KindInfo& info : kinds()) {
    if (set.has(info.kind)) names.emplace_back(info.name);
  }
  return names;
}

std::vector<std::string> by_default() { return on({}); }

std::vector<std::string> without(std::vector<std::string> names, const std::string& name) {
  std::erase(names, name);
  return names;
}

TEST(Kinds, DefaultsAreTheTables) {
  for (const KindInfo& info : kinds()) EXPECT_EQ(containers({}).kinds.has(info.kind), info.on) << info.name;
}

TEST(Kinds, EnablingIsExact) {
  EXPECT_THAT(on({"--enable_metrics=cpu,memory"}), ElementsAre("cpu", "memory"));
  EXPECT_THAT(on({"-enable_metrics", " tcp ,,delays", "--enable_metrics=cpu"}), ElementsAre("cpu", "delays", "tcp"));
  EXPECT_THAT(on({"--enable_metrics="}), IsEmpty());
}

TEST(Kinds, EveryNameCanBeEnabledAndDisabled) {
  for (const KindInfo& info : kinds()) {
    const std::string name(info.name);
    const AgentOptions enabled = parsed({"--enable_metrics=" + name});
    EXPECT_EQ(enabled.containers.kinds.has(info.kind), info.supported) << name;
    EXPECT_EQ(enabled.notices.size(), info.supported ? 0u : 1u) << name;
    EXPECT_FALSE(containers({"--disable_metrics=" + name}).kinds.has(info.kind)) << name;
  }
}

TEST(Kinds, SaysWhatIsNotOffered) {
  EXPECT_THAT(parsed({"--enable_metrics=app,cpu"}).notices,
              ElementsAre(testing::AllOf(HasSubstr("'app' has no effect"), HasSubstr("not offered here"))));
}

// cAdvisor's default list, given in so many words, must leave what is on here by itself.
TEST(Kinds, CadvisorsOwnListIsTheDefault) {
  EXPECT_EQ(
      on({"--disable_metrics=advtcp,cpu_topology,cpuset,hugetlb,memory_numa,referenced_memory,resctrl,sched,tcp,udp,"
          "process"}),
      without(by_default(), "pids"))
      << "process takes pids along";
}

TEST(Kinds, DisablingReplacesWhatIsOff) {
  const auto all = on({"--disable_metrics="});
  for (const KindInfo& info : kinds()) {
    const bool ours = info.name == "pids" || info.name == "sockets" || info.name == "delays" || info.name == "cpuLoad";
    EXPECT_EQ(containers({"--disable_metrics="}).kinds.has(info.kind), ours ? info.on : info.supported) << info.name;
  }
  EXPECT_EQ(on({"--disable_metrics=tcp,percpu"}), without(without(all, "tcp"), "percpu"));
  EXPECT_EQ(on({"--disable_metrics=tcp", "--disable_metrics=percpu"}), without(without(all, "tcp"), "percpu"));
  EXPECT_EQ(on({"--disable_metrics=pids"}), without(all, "pids"));
}

TEST(Kinds, ThreadsBelongToProcessInCadvisor) {
  EXPECT_FALSE(containers({"--disable_metrics=process"}).kinds.has(Kind::kPids));
  EXPECT_THAT(on({"--enable_metrics=process"}), ElementsAre("pids", "process"));
  EXPECT_THAT(on({"--enable_metrics=pids"}), ElementsAre("pids"));
}

TEST(Kinds, EnablingWinsOverDisabling) {
  const AgentOptions options = parsed({"--enable_metrics=cpu", "--disable_metrics=cpu"});
  EXPECT_TRUE(options.containers.kinds.has(Kind::kCpu));
  EXPECT_THAT(options.notices, ElementsAre(HasSubstr("--disable_metrics has no effect")));
}

TEST(Kinds, LoadReader) {
  EXPECT_FALSE(containers({"--enable_load_reader=false"}).kinds.has(Kind::kCpuLoad));
  auto names = on({"--enable_load_reader"});
  EXPECT_EQ(without(names, "cpuLoad"), by_default());
  EXPECT_EQ(names.size(), by_default().size() + 1);
  EXPECT_TRUE(containers({"--enable_load_reader", "--disable_metrics=tcp"}).kinds.has(Kind::kCpuLoad));
  EXPECT_FALSE(containers({"--enable_load_reader", "--disable_metrics=cpuLoad"}).kinds.has(Kind::kCpuLoad));
  EXPECT_THAT(parsed({"--enable_load_reader", "--enable_metrics=cpu"}).notices,
              ElementsAre(HasSubstr("--enable_load_reader has no effect")));
}

TEST(Kinds, PercpuAlone) {
  EXPECT_EQ(on({"--container.percpu=false"}), without(by_default(), "percpu"));
  EXPECT_EQ(on({"--container.percpu"}), by_default());
  EXPECT_THAT(on({"--container.percpu", "--enable_metrics=cpu"}), ElementsAre("cpu", "percpu"));
  EXPECT_TRUE(containers({"--container.percpu=true", "--disable_metrics=percpu"}).kinds.has(Kind::kPercpu));
}

TEST(Kinds, NamesTheUnknownOneAndTheKnownOnes) {
  for (const char* flag : {"--disable_metrics", "--enable_metrics"}) {
    const std::string message = refusal({std::string(flag) + "=percpu,percu"});
    EXPECT_THAT(message, HasSubstr(std::string(flag) + ": 'percu' is unknown"));
    EXPECT_THAT(message, HasSubstr("referenced_memory"));
    EXPECT_THAT(message, HasSubstr("delays"));
  }
}

TEST(Kinds, HelpListsEachWithItsDefault) {
  const std::string help = kinds_help();
  for (const KindInfo& info : kinds())
    EXPECT_THAT(help, HasSubstr((info.on ? "\n* " : "\n  ") + std::string(info.name) + " "));
}

TEST(ContainerFlags, Defaults) {
  const auto options = containers({});
  EXPECT_EQ(options.exited_retention, 5min);
  EXPECT_EQ(options.budget.per_container, 5000u);
  EXPECT_EQ(options.budget.per_family, 0u);
  EXPECT_TRUE(options.root_group);
  EXPECT_TRUE(options.events);
  EXPECT_FALSE(options.containers_only);
  EXPECT_FALSE(options.labels.store_labels);
  EXPECT_EQ(options.engines.paths.docker_socket, "") << "nobody is asked unless told to";
  EXPECT_THAT(options.engines.env, IsEmpty());
}

TEST(ContainerFlags, CallersDefaultsHold) {
  AgentOptions defaults;
  defaults.containers.exited_retention = 7s;
  defaults.containers.raw_prefixes = {};
  defaults.containers.engines.paths.docker_socket = "/elsewhere";
  defaults.containers.engines.env = {"A"};
  const auto result = parse_agent_options({}, {}, defaults);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->options.containers.exited_retention, 7s);
  EXPECT_EQ(result->options.containers.engines.paths.docker_socket, "/elsewhere");
  EXPECT_THAT(result->options.containers.engines.env, ElementsAre("A"));
}

TEST(ContainerFlags, WhichGroups) {
  EXPECT_TRUE(containers({"-docker_only"}).containers_only);
  EXPECT_FALSE(containers({"--docker_only=false"}).containers_only);
  EXPECT_FALSE(containers({"--disable_root_cgroup_stats"}).root_group);
  EXPECT_TRUE(containers({"--disable_root_cgroup_stats=false"}).root_group);
  const auto options = containers({"--raw_cgroup_prefix_whitelist=/system.slice, /user.slice"});
  EXPECT_THAT(options.raw_prefixes, ElementsAre("/system.slice", "/user.slice"));
  EXPECT_TRUE(options.containers_only) << "the list alone leaves the others out, as in cAdvisor";
  EXPECT_FALSE(containers({"--raw_cgroup_prefix_whitelist="}).containers_only);
  EXPECT_THAT(refusal({"--raw_cgroup_prefix_whitelist=/a,system.slice"}), HasSubstr("'system.slice' does not begin"));
}

TEST(ContainerFlags, Labels) {
  EXPECT_TRUE(containers({"--store_container_labels"}).labels.store_labels);
  EXPECT_FALSE(containers({"--store_container_labels=false"}).labels.store_labels);
  EXPECT_THAT(containers({"--whitelisted_container_labels=io.a,b c, d"}).labels.whitelisted,
              ElementsAre("io.a", "b c", "d"));
}

TEST(ContainerFlags, VariablesAreGivenByThePrefix) {
  EXPECT_THAT(containers({"--env_metadata_whitelist=APP_,VERSION"}).engines.env, ElementsAre("APP_*", "VERSION*"));
  EXPECT_THAT(containers({"--docker_env_metadata_whitelist=A*,,"}).engines.env, ElementsAre("A*"));
  EXPECT_THAT(containers({"--containerd_env_metadata_whitelist=C", "--env_metadata_whitelist=A"}).engines.env,
              ElementsAre("A*", "C*"));
  EXPECT_THAT(containers({"--env_metadata_whitelist="}).engines.env, IsEmpty()) << "an empty prefix is every variable";
}

TEST(ContainerFlags, DockersSocket) {
  EXPECT_EQ(containers({"--docker=unix:///var/run/docker.sock"}).engines.paths.docker_socket, "/var/run/docker.sock");
  EXPECT_EQ(containers({"-docker", "/run/d.sock"}).engines.paths.docker_socket, "/run/d.sock");
  EXPECT_EQ(containers({"--docker="}).engines.paths.docker_socket, "");
  for (const char* other : {"tcp://127.0.0.1:2375", "http://x", "npipe:////./pipe/docker", "docker.sock", "unix://x"})
    EXPECT_THAT(
        refusal({"--docker=" + std::string(other)}),
        testing::AllOf(HasSubstr("--docker: '" + std::string(other)), HasSubstr("unix:///var/run/docker.sock")));
}

TEST(ContainerFlags, WhereEnginesKeepTheirFiles) {
  const auto paths = containers({"--docker_root=/d", "--path.containerd-state=/cs", "--path.containerd-root=/cr",
                                 "--path.podman-root", "/pr", "-path.podman-runroot=/pp"})
                         .engines.paths;
  EXPECT_EQ(paths.docker_root, "/d");
  EXPECT_EQ(paths.containerd_state, "/cs");
  EXPECT_EQ(paths.containerd_root, "/cr");
  EXPECT_EQ(paths.podman_root, "/pr");
  EXPECT_EQ(paths.podman_runroot, "/pp");
  EXPECT_EQ(containers({"--path.docker-root=/e"}).engines.paths.docker_root, "/e");
}

TEST(ContainerFlags, Bounds) {
  const auto options = containers({"--container.max-series=10", "--container.max-family-series", "20"});
  EXPECT_EQ(options.budget.per_container, 10u);
  EXPECT_EQ(options.budget.per_family, 20u);
  EXPECT_EQ(containers({"--container.max-series=0"}).budget.per_container, 0u);
  for (const char* flag : {"--container.max-series", "--container.max-family-series"}) {
    for (const char* value : {"-1", "many", "1.5", "1 ", "99999999999999999999"})
      EXPECT_THAT(refusal({std::string(flag) + "=" + value}), HasSubstr(std::string(flag) + ": '" + value)) << value;
  }
}

TEST(ContainerFlags, Life) {
  EXPECT_FALSE(containers({"--container.events=false"}).events);
  EXPECT_EQ(containers({"--exited.retention=90s"}).exited_retention, 90s);
  EXPECT_EQ(containers({"--exited.retention=0"}).exited_retention, 0s);
  EXPECT_THAT(refusal({"--exited.retention=5"}), HasSubstr("'5' is no duration"));
  EXPECT_THAT(refusal({"--container.events=maybe"}), HasSubstr("--container.events: 'maybe'"));
}

TEST(CadvisorFlags, AreTakenWithOneLineEach) {
  EXPECT_THAT(
      parsed({"-housekeeping_interval=10s", "--allow_dynamic_housekeeping=false", "-storage_duration", "2m",
              "--logtostderr"})
          .notices,
      ElementsAre("--housekeeping_interval has no effect: there is no housekeeping: counters are read at each scrape",
                  HasSubstr("--allow_dynamic_housekeeping"), HasSubstr("--storage_duration has no effect: nothing is"),
                  HasSubstr("--logtostderr")));
}

TEST(CadvisorFlags, TheLevelOfMessagesInEverySpelling) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"-v=4"}, {"-v", "4"}, {"--v=4"}, {"--v", "4"}})
    EXPECT_THAT(parsed(words).notices, ElementsAre("--v has no effect: see --log.level"));
}

TEST(CadvisorFlags, EveryNameOfTheListIsAFlag) {
  const auto names = cadvisor_flag_names();
  EXPECT_GT(names.size(), 80u);
  for (const std::string& name : names) {
    const std::string flag = "--" + name;
    const auto alone = parse_agent_options({flag + "="}, {});
    EXPECT_THAT(alone ? "" : alone.error().message(), Not(HasSubstr("unknown flag"))) << name;
  }
}

// What cadvisor --help prints, of 0.38.7 and the newest one.
TEST(CadvisorFlags, ACommandLineOfTheRealOne) {
  const AgentOptions options = parsed(
      {"-listen_ip=127.0.0.1", "-port=8080", "-docker_only=true", "-housekeeping_interval=30s", "-v=2", "-max_procs=1",
       "-storage_driver=influxdb", "-storage_driver_secure", "-event_storage_event_limit=default=0", "-profiling=false",
       "-store_container_labels=false", "-whitelisted_container_labels=com.docker.compose.service",
       "-disable_metrics=percpu,sched,tcp,udp,disk,diskIO,accelerator,hugetlb,referenced_memory,cpu_topology,resctrl"});
  EXPECT_THAT(options.listen_addresses, ElementsAre("127.0.0.1:8080"));
  EXPECT_FALSE(options.containers.kinds.has(Kind::kDiskIo));
  EXPECT_TRUE(options.containers.containers_only);
  EXPECT_THAT(options.notices, testing::Contains(HasSubstr("'accelerator' has no effect")));
}

TEST(CadvisorFlags, AFlagThatWouldProtectIsRefused) {
  for (const char* flag : {"--http_auth_file", "--http_digest_file"}) {
    EXPECT_THAT(refusal({std::string(flag) + "=/etc/htpasswd"}),
                testing::AllOf(HasSubstr(std::string(flag) + ": its format"), HasSubstr("--web.config.file")));
    EXPECT_THAT(parsed({std::string(flag) + "="}).notices.size(), 1u) << "cAdvisor's default: no file";
  }
}

TEST(CadvisorFlags, HelpTellsTheReasons) {
  const auto result = parse_agent_options({"--help-cadvisor"}, {});
  ASSERT_TRUE(result && result->help);
  for (const std::string& name : cadvisor_flag_names()) EXPECT_THAT(*result->help, HasSubstr("  --" + name + " "));
  EXPECT_THAT(*result->help, HasSubstr("there is no housekeeping"));
  EXPECT_THAT(*result->help, HasSubstr("variables whose names begin so, on every series"));
}

TEST(CadvisorFlags, RefusesBadSwitches) {
  EXPECT_EQ(refusal({"--allow_dynamic_housekeeping=maybe"}),
            "--allow_dynamic_housekeeping: 'maybe' is neither true nor false");
  EXPECT_THAT(refusal({"--housekeping_interval=1s"}), HasSubstr("did you mean '--housekeeping_interval'"));
}

}  // namespace
}  // namespace plimsoll::agent
