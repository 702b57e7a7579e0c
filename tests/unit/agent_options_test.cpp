// SPDX-License-Identifier: Apache-2.0
#include "agent/agent_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::agent {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

const CollectorFlag kCollectors[] = {{"cpu", "CPU time"}, {"meminfo", "Memory"}};

Result<ParsedAgentOptions> parse(const std::vector<std::string>& arguments) {
  return parse_agent_options(arguments, kCollectors);
}

AgentOptions parsed(const std::vector<std::string>& arguments) {
  auto result = parse(arguments);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options : AgentOptions{};
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
  EXPECT_EQ(options.exited_retention, 5min);
  EXPECT_TRUE(options.container_percpu);
  EXPECT_TRUE(options.disabled_collectors.empty());
}

TEST(AgentOptions, CallersDefaultsHold) {
  AgentOptions defaults;
  defaults.roots.cgroup = "/elsewhere";
  EXPECT_EQ(parse_agent_options({}, kCollectors, defaults)->options.roots.cgroup, "/elsewhere");
}

TEST(AgentOptions, TakesEveryFlag) {
  const AgentOptions options =
      parsed({"--path.procfs=/p", "--path.sysfs", "/s", "--path.cgroupfs=/c", "--path.rootfs=/r", "--log.level=debug",
              "--log.format=json", "--exited.retention=90s", "--container.percpu=false"});
  EXPECT_EQ(options.roots.proc, "/p");
  EXPECT_EQ(options.roots.sys, "/s");
  EXPECT_EQ(options.roots.cgroup, "/c");
  EXPECT_EQ(options.roots.rootfs, "/r");
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.log_format, "json");
  EXPECT_EQ(options.exited_retention, 90s);
  EXPECT_FALSE(options.container_percpu);
}

TEST(AgentOptions, ListenAddressesReplaceTheDefaultAndAddUp) {
  const AgentOptions options = parsed({"--web.listen-address", "127.0.0.1:1", "--web.listen-address=[::1]:2"});
  EXPECT_EQ(options.listen_addresses, (std::vector<std::string>{"127.0.0.1:1", "[::1]:2"}));
}

TEST(AgentOptions, TakesGosSingleDash) {
  const AgentOptions options = parsed({"-web.listen-address", ":9", "-collector.cpu=false", "-log.level=warn"});
  EXPECT_EQ(options.listen_addresses, std::vector<std::string>{":9"});
  EXPECT_EQ(options.disabled_collectors, std::set<std::string>{"cpu"});
  EXPECT_EQ(options.log_level, "warn");
}

TEST(AgentOptions, SwitchesCollectors) {
  EXPECT_EQ(parsed({"--no-collector.meminfo"}).disabled_collectors, std::set<std::string>{"meminfo"});
  EXPECT_EQ(parsed({"--collector.meminfo=false"}).disabled_collectors, std::set<std::string>{"meminfo"});
  EXPECT_TRUE(parsed({"--collector.meminfo", "--collector.cpu=true"}).disabled_collectors.empty());
}

TEST(AgentOptions, HeedsCadvisorsPercpu) {
  const AgentOptions options = parsed({"-disable_metrics=tcp, percpu,,udp"});
  EXPECT_FALSE(options.container_percpu);
  ASSERT_EQ(options.notices.size(), 2u);
  EXPECT_THAT(options.notices[0], HasSubstr("'tcp'"));
  EXPECT_TRUE(parsed({"--disable_metrics="}).container_percpu);
}

TEST(AgentOptions, NamesTheUnknownMetricKindAndTheKnownOnes) {
  const std::string message = refusal({"--disable_metrics=percpu,percu"});
  EXPECT_THAT(message, HasSubstr("'percu'"));
  EXPECT_THAT(message, HasSubstr("referenced_memory"));
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
  EXPECT_THAT(refusal({"--path.procfs"}), HasSubstr("--path.procfs"));
}

TEST(AgentOptions, RefusesBadValues) {
  EXPECT_THAT(refusal({"--exited.retention=5"}), HasSubstr("'5' is no duration"));
  EXPECT_EQ(refusal({"--collector.cpu=maybe"}), "--collector.cpu: 'maybe' is neither true nor false");
  EXPECT_THAT(refusal({"-container.percpu="}), HasSubstr("--container.percpu"));
}

TEST(AgentOptions, HelpNamesEveryFlag) {
  for (const char* word : {"--help", "-h", "-help"}) {
    const auto result = parse({"--log.level=debug", word});
    ASSERT_TRUE(result && result->help) << word;
    for (const char* flag : {"--web.listen-address", "--path.procfs", "--path.sysfs", "--path.cgroupfs",
                             "--path.rootfs", "--log.level", "--log.format", "--exited.retention", "--container.percpu",
                             "--disable_metrics", "--collector.cpu", "--collector.meminfo", "--no-collector.NAME"})
      EXPECT_THAT(*result->help, HasSubstr(flag));
    EXPECT_THAT(*result->help, HasSubstr("0.0.0.0:1876"));
    EXPECT_THAT(*result->help, Not(HasSubstr("{")));
  }
}

TEST(ParseDuration, TakesGosNotation) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("0s"), 0ns);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1.5h"), 90min);
  EXPECT_EQ(parse_duration("100ms"), 100ms);
  EXPECT_EQ(parse_duration("7us8ns"), 7008ns);
  EXPECT_EQ(parse_duration("2\xC2\xB5s"), 2us);
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text :
       {"", "5", "m", "-5m", "+5m", "5 m", "5d", "5mm", "1h30", "1..5s", ".s", "1e3s", "9999999h", "inf", "5M"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
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
