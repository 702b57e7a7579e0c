// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/agent_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/flag_words.h"
#include "base/text.h"

namespace plimsoll::agent {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

namespace host = collectors::host;

const host::Entry kCpu = {"cpu", "CPU time", host::Default::kOn, nullptr};
const host::Entry kMeminfo = {"meminfo", "Memory", host::Default::kOn, nullptr};
const host::Entry* const kCollectors[] = {&kCpu, &kMeminfo};

Result<ParsedAgentOptions> parse(const std::vector<std::string>& arguments) {
  return parse_agent_options(arguments, kCollectors);
}

AgentOptions parsed(const std::vector<std::string>& arguments) {
  auto result = parse(arguments);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options : AgentOptions{};
}

std::string collectors_of(const AgentOptions& options) {
  std::string names;
  for (const host::Entry* entry : options.host.collectors) names += std::string(entry->name) + " ";
  return names;
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto result = parse(arguments);
  EXPECT_FALSE(result);
  const std::string message = result ? "" : result.error().message();
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

TEST(AgentOptions, HasDefaults) {
  const AgentOptions options = parsed({});
  EXPECT_EQ(options.listen_addresses, std::vector<std::string>{"0.0.0.0:1876"});
  EXPECT_EQ(options.roots.proc, "/proc");
  EXPECT_EQ(options.roots.cgroup, "/sys/fs/cgroup");
  EXPECT_EQ(options.route_prefix, "");
  EXPECT_EQ(options.metrics_path, "/metrics");
  EXPECT_EQ(options.timeout_offset, 500ms);
  EXPECT_EQ(collectors_of(options), "cpu meminfo ");
  EXPECT_TRUE(options.own_metrics);
  EXPECT_TRUE(options.notices.empty());
}

TEST(AgentOptions, CallersDefaultsHold) {
  AgentOptions defaults;
  defaults.roots.cgroup = "/elsewhere";
  EXPECT_EQ(parse_agent_options({}, kCollectors, defaults)->options.roots.cgroup, "/elsewhere");
}

TEST(AgentOptions, TakesEveryFlag) {
  const AgentOptions options =
      parsed({"--path.procfs=/p", "--path.sysfs", "/s", "--path.cgroupfs=/c", "--path.rootfs=/r", "--log.level=debug",
              "--log.format=json", "--web.route-prefix=/a", "--prometheus_endpoint=/m", "--scrape.timeout-offset=1s"});
  EXPECT_EQ(options.roots.proc, "/p");
  EXPECT_EQ(options.roots.sys, "/s");
  EXPECT_EQ(options.roots.cgroup, "/c");
  EXPECT_EQ(options.roots.rootfs, "/r");
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.log_format, "json");
  EXPECT_EQ(options.route_prefix, "/a");
  EXPECT_EQ(options.metrics_path, "/m");
  EXPECT_EQ(options.timeout_offset, 1s);
}

TEST(AgentOptions, ListenAddressesReplaceTheDefaultAndAddUp) {
  const AgentOptions options = parsed({"--web.listen-address", "127.0.0.1:1", "--web.listen-address=[::1]:2"});
  EXPECT_EQ(options.listen_addresses, (std::vector<std::string>{"127.0.0.1:1", "[::1]:2"}));
}

TEST(AgentOptions, TakesGosSingleDash) {
  const AgentOptions options = parsed({"-web.listen-address", ":9", "-collector.cpu=false", "-log.level=warn"});
  EXPECT_EQ(options.listen_addresses, std::vector<std::string>{":9"});
  EXPECT_EQ(collectors_of(options), "meminfo ");
  EXPECT_EQ(options.log_level, "warn");
}

TEST(AgentOptions, TakesGosSpellingsOfTrueAndFalse) {
  for (const char* yes : {"true", "1", "t", "T", "TRUE", "True"})
    EXPECT_EQ(collectors_of(parsed({"--collector.cpu=" + std::string(yes)})), "cpu meminfo ") << yes;
  for (const char* no : {"false", "0", "f", "F", "FALSE", "False"})
    EXPECT_EQ(collectors_of(parsed({"-collector.cpu=" + std::string(no)})), "meminfo ") << no;
  for (const char* other : {"yes", "on", "2", "tRUE", "-"})
    EXPECT_THAT(refusal({"--collector.cpu=" + std::string(other)}), HasSubstr("neither true nor false"));
}

TEST(AgentOptions, TheLastOfAFlagHolds) {
  const AgentOptions options = parsed({"--log.level=debug", "--log.level=error", "--port=1", "--port=2"});
  EXPECT_EQ(options.log_level, "error");
  EXPECT_EQ(options.listen_addresses, std::vector<std::string>{":2"});
}

TEST(AgentOptions, PortAndIpMakeOneAddress) {
  EXPECT_EQ(parsed({"--port=8080"}).listen_addresses, std::vector<std::string>{":8080"});
  EXPECT_EQ(parsed({"-port", "0", "-listen_ip", "127.0.0.1"}).listen_addresses,
            std::vector<std::string>{"127.0.0.1:0"});
  EXPECT_EQ(parsed({"--listen_ip=127.0.0.1"}).listen_addresses, std::vector<std::string>{"127.0.0.1:1876"});
  EXPECT_EQ(parsed({"--listen_ip=::1", "--port=1"}).listen_addresses, std::vector<std::string>{"[::1]:1"});
  EXPECT_EQ(parsed({"--listen_ip=[::1]", "--port=1"}).listen_addresses, std::vector<std::string>{"[::1]:1"});
  EXPECT_EQ(parsed({"--listen_ip=", "--port=1"}).listen_addresses, std::vector<std::string>{":1"});
}

TEST(AgentOptions, RefusesABadPortAndTwoWaysToSayWhere) {
  for (const char* port : {"", "x", "-1", "65536", "99999999999999999999", "80 ", "0x50"})
    EXPECT_THAT(refusal({"--port=" + std::string(port)}),
                HasSubstr("--port: '" + std::string(port) + "' is no number"));
  for (const char* flag : {"--port=1", "--listen_ip=127.0.0.1"}) {
    const std::string message = refusal({flag, "--web.listen-address=:2"});
    EXPECT_THAT(message, HasSubstr(std::string(flag).substr(0, std::string(flag).find('='))));
    EXPECT_THAT(message, HasSubstr("--web.listen-address"));
  }
}

TEST(AgentOptions, BringsPathsIntoOneSpelling) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""}, {"/", ""}, {"a", "/a"}, {"/a/", "/a"}, {"/a/b//", "/a/b"}, {"/plim-soll_1.2~/x", "/plim-soll_1.2~/x"}};
  for (const auto& [given, kept] : cases) {
    EXPECT_EQ(parsed({"--web.route-prefix", given}).route_prefix, kept) << given;
    EXPECT_EQ(parsed({"--url_base_prefix=" + std::string(given)}).route_prefix, kept) << given;
  }
  EXPECT_EQ(parsed({"-prometheus_endpoint", "custom/metrics/"}).metrics_path, "/custom/metrics");
}

TEST(AgentOptions, RefusesPathsThatNobodyCouldAskFor) {
  for (const char* path : {"/a b", "/a?b", "/a#b", "/%2e", "/a//b", "//a", "/..", "/a/../b", "/.", "/\xC3\xA9", "/<"}) {
    EXPECT_THAT(refusal({"--web.route-prefix=" + std::string(path)}), HasSubstr("--web.route-prefix: '")) << path;
    EXPECT_THAT(refusal({"--prometheus_endpoint=" + std::string(path)}), HasSubstr("--web.telemetry-path: '")) << path;
  }
  for (const char* path : {"", "/", "/healthz", "/-/ready/", "-/healthy"})
    EXPECT_THAT(refusal({"--prometheus_endpoint=" + std::string(path)}), HasSubstr("is another page")) << path;
}

TEST(AgentOptions, NamesTheNearestFlag) {
  EXPECT_EQ(refusal({"--web.listen-adress=:1"}),
            "unknown flag '--web.listen-adress'; did you mean '--web.listen-address'?");
  EXPECT_THAT(refusal({"-collector.memifo=false"}), HasSubstr("did you mean '--collector.meminfo'"));
  EXPECT_THAT(refusal({"--no-collector.cpus"}), HasSubstr("did you mean '--no-collector.cpu'"));
  EXPECT_EQ(refusal({"--completely.different.thing"}), "unknown flag '--completely.different.thing'; see --help");
}

TEST(AgentOptions, RefusesArgumentsAndMissingValues) {
  EXPECT_THAT(refusal({"metrics"}), HasSubstr("unexpected argument 'metrics'"));
  EXPECT_EQ(refusal({"--path.procfs"}), "--path.procfs: needs a value");
  EXPECT_EQ(refusal({"-port", "--log.level=debug"}), "--port: needs a value");
  EXPECT_EQ(refusal({"--housekeeping_interval"}), "--housekeeping_interval: needs a value");
}

TEST(AgentOptions, RefusesBadValues) {
  EXPECT_THAT(refusal({"--scrape.timeout-offset=5"}), HasSubstr("'5' is no duration"));
  EXPECT_EQ(refusal({"--collector.cpu=maybe"}), "--collector.cpu: 'maybe' is neither true nor false");
  EXPECT_THAT(refusal({"-container.percpu="}), HasSubstr("--container.percpu"));
}

TEST(AgentOptions, HelpNamesEveryFlag) {
  for (const char* word : {"--help", "-h", "-help"}) {
    const auto result = parse({"--log.level=debug", word});
    ASSERT_TRUE(result && result->help) << word;
    for (const char* flag : {"--web.listen-address",
                             "--web.route-prefix",
                             "--url_base_prefix",
                             "--port",
                             "--listen_ip",
                             "--prometheus_endpoint",
                             "--scrape.timeout-offset",
                             "--path.procfs",
                             "--path.sysfs",
                             "--path.cgroupfs",
                             "--path.rootfs",
                             "--log.level",
                             "--log.format",
                             "--web.disable-compression",
                             "--web.openmetrics-created",
                             "--exited.retention",
                             "--container.percpu",
                             "--container.events",
                             "--container.max-series",
                             "--container.max-family-series",
                             "--disable_metrics",
                             "--enable_metrics",
                             "--docker_only",
                             "--docker",
                             "--docker_root",
                             "--path.containerd-state",
                             "--path.podman-runroot",
                             "* cpu",
                             "* meminfo",
                             "--no-collector.NAME",
                             "--help-cadvisor"})
      EXPECT_THAT(*result->help, HasSubstr(flag));
    EXPECT_THAT(*result->help, HasSubstr("0.0.0.0:1876"));
    EXPECT_THAT(*result->help, Not(HasSubstr("{")));
    EXPECT_THAT(*result->help, Not(HasSubstr("housekeeping"))) << "what has no effect is in --help-cadvisor";
  }
}

TEST(AgentOptions, HelpKeepsToTheWidthOfATerminal) {
  const auto result = parse({"--help"});
  ASSERT_TRUE(result && result->help);
  std::string_view rest = *result->help;
  while (!rest.empty()) {
    const std::string_view line = take(rest, '\n');
    EXPECT_LE(line.size(), 150u) << line;
  }
}

TEST(AgentOptions, PrintsTheVersion) { EXPECT_EQ(parse({"-version"})->help, "plimsoll " PLIMSOLL_VERSION "\n"); }

TEST(AgentOptions, TakesNodeExportersFlags) {
  const AgentOptions options = parsed(
      {"--web.telemetry-path=/m", "--web.disable-exporter-metrics", "--path.udev.data=/u", "--runtime.gomaxprocs=2"});
  EXPECT_EQ(options.metrics_path, "/m");
  EXPECT_FALSE(options.own_metrics);
  EXPECT_EQ(options.roots.udev_data, "/u");
  EXPECT_THAT(options.notices, testing::ElementsAre(HasSubstr("gomaxprocs")));
}

TEST(AgentOptions, TakesHowToAnswer) {
  EXPECT_TRUE(parsed({}).compress);
  EXPECT_FALSE(parsed({}).openmetrics_created);
  EXPECT_FALSE(parsed({"--web.disable-compression"}).compress);
  EXPECT_TRUE(parsed({"-web.disable-compression", "--web.disable-compression=false"}).compress);
  EXPECT_TRUE(parsed({"--web.openmetrics-created"}).openmetrics_created);
  EXPECT_THAT(parse({"--web.disable-compression=perhaps"}).error().message(),
              HasSubstr("--web.disable-compression: 'perhaps' is neither true nor false"));
}

TEST(Nearest, FindsTheLeastDifferent) {
  const std::vector<std::string> known = {"--alpha", "--alphabet", "--beta"};
  EXPECT_EQ(nearest("--alpah", known), "--alpha");
  EXPECT_EQ(nearest("--alphabte", known), "--alphabet");
  EXPECT_EQ(nearest("--omega-three", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest("--beta", {}), "");
}

}  // namespace
}  // namespace plimsoll::agent
