// SPDX-License-Identifier: Apache-2.0
// The file of --config.file: what it becomes, what is wrong with it and where, and what the command line replaces.
#include "agent/settings/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/agent_options.h"
#include "collectors/host/table.h"
#include "temp_tree.h"

namespace plimsoll::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const KnownFlags kKnown = {{"web.listen-address", {"web.listen-address", FlagShape::kMany}},
                           {"web.route-prefix", {"web.route-prefix", FlagShape::kOne}},
                           {"url_base_prefix", {"web.route-prefix", FlagShape::kOne}},
                           {"collector.wifi", {"collector.wifi", FlagShape::kSwitch}},
                           {"collector.fs", {"collector.fs", FlagShape::kSwitch}},
                           {"collector.fs.exclude", {"collector.fs.exclude", FlagShape::kOne}}};

std::string settings(std::string_view text) {
  const auto file = parse_config_file(text, kKnown);
  EXPECT_TRUE(file) << text << (file ? "" : file.error().message());
  std::string found;
  if (!file) return found;
  for (const ConfigSetting& setting : file->settings) {
    found += std::to_string(setting.line) + ":" + setting.flag + "=";
    for (const std::string& value : setting.values) found += "<" + value + ">";
    found += " ";
  }
  return found;
}

TEST(ConfigFile, KeysAreFlagsNestedOrDotted) {
  EXPECT_EQ(settings("web:\n  route-prefix: /a\n"), "2:web.route-prefix=</a> ");
  EXPECT_EQ(settings("web.route-prefix: /a\n"), "1:web.route-prefix=</a> ");
  EXPECT_EQ(settings("url_base_prefix: /a\n"), "1:web.route-prefix=</a> ");
  EXPECT_EQ(settings("collector: {fs: true, fs.exclude: x}"), "1:collector.fs=<true> 1:collector.fs.exclude=<x> ");
  EXPECT_EQ(settings("collector:\n  fs:\n    exclude: ^/(a|b)($|/)\n"), "3:collector.fs.exclude=<^/(a|b)($|/)> ");
}

TEST(ConfigFile, ListsAreRepeatedFlags) {
  EXPECT_EQ(settings("web.listen-address: [\":1\", ':2']"), "1:web.listen-address=<:1><:2> ");
  EXPECT_EQ(settings("web:\n  listen-address:\n  - a\n  - b\n"), "3:web.listen-address=<a><b> ");
  EXPECT_EQ(settings("web.listen-address: a"), "1:web.listen-address=<a> ");
}

TEST(ConfigFile, Switches) {
  EXPECT_EQ(settings("collector: {wifi: no, fs: on}"), "1:collector.wifi=<false> 1:collector.fs=<true> ");
}

TEST(ConfigFile, MayBeEmptyOrHaveEmptySections) {
  EXPECT_EQ(settings(""), "");
  EXPECT_EQ(settings("# nothing\n"), "");
  EXPECT_EQ(settings("web:\n  # listen-address: x\ncollector:\n"), "");
  EXPECT_EQ(settings("web: {}"), "");
}

TEST(ConfigFile, HandsRemoteWriteOn) {
  const auto file = parse_config_file("remote_write:\n- url: http://a\n- {url: b, x: {y: [1]}}\n", kKnown);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->remote_write.size(), 2u);
  EXPECT_EQ(file->remote_write[0].find("url")->scalar, "http://a");
  EXPECT_EQ(file->remote_write[1].find("url")->line, 3);
  EXPECT_TRUE(parse_config_file("remote_write:\n", kKnown)->remote_write.empty());
}

TEST(ConfigFile, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"\ncollector:\n  wify: true\n", "line 3: collector.wify: there is no such key; did you mean 'collector.wifi'?"},
      {"remote_wite: []", "did you mean 'remote_write'?"},
      {"quite: different", "line 1: quite: there is no such key; keys are the flags of --help without their dashes"},
      {"web: 3", "line 1: web: there is no such key"},
      {"web: [a]", "line 1: web: there is no such key"},
      {"nothing:", "line 1: nothing: there is no such key"},
      {"other: {a: b}", "line 1: other: there is no such key"},
      {"web.route-prefix: [a]", "line 1: web.route-prefix: takes one value, not a list"},
      {"web.route-prefix: {a: b}", "line 1: web.route-prefix: nothing can stand below it"},
      {"web.route-prefix:", "line 1: web.route-prefix: has no value"},
      {"web.listen-address: []", "the list is empty"},
      {"web.listen-address:\n- a\n- [b]", "line 3: web.listen-address: an entry of the list is no single value"},
      {"web.listen-address: [~]", "no single value"},
      {"collector.wifi: maybe", "line 1: collector.wifi: 'maybe' is neither true nor false"},
      {"collector.wifi: \"true\"",
       "line 1: collector.wifi: is text, being in quotes; write true or false without them"},
      {"collector.wifi: 'maybe'", "is text, being in quotes"},
      {"collector.wifi: [true]", "takes one value, not a list"},
      {"web.route-prefix: a\nweb:\n  route-prefix: b", "line 3: web.route-prefix: is given in line 1 already"},
      {"web.route-prefix: a\nurl_base_prefix: b", "line 2: url_base_prefix: is given in line 1 already"},
      {"a: b\na: c", "line 2: 'a' is given twice"},
      {"[]", "line 1: the file must be a map"},
      {"just text", "line 1: the file must be a map"},
      {"a: [", "line "},
      {"remote_write: {url: a}", "line 1: remote_write: must be a list"},
      {"remote_write: [a]", "line 1: remote_write: each entry must be a map"},
      {"\"\\x1b[31m\": 1", "line 1: ?[31m: there is no such key"},
  };
  for (const auto& [text, reason] : cases) {
    const auto file = parse_config_file(text, kKnown);
    ASSERT_FALSE(file) << text;
    EXPECT_THAT(file.error().message(), HasSubstr(reason)) << text;
    EXPECT_EQ(file.error().message().find('\n'), std::string::npos);
  }
}

class FileAndFlags : public testing::Test {
 protected:
  Result<ParsedAgentOptions> parse(const std::string& text, std::vector<std::string> flags = {}) {
    tree.write("a.yaml", text);
    flags.insert(flags.begin(), "--config.file=" + tree.at("a.yaml"));
    return parse_agent_options(flags, collectors::host::table());
  }
  AgentOptions options(const std::string& text, const std::vector<std::string>& flags = {}) {
    auto parsed = parse(text, flags);
    EXPECT_TRUE(parsed) << text << (parsed ? "" : parsed.error().message());
    return parsed ? parsed->options : AgentOptions{};
  }
  std::string refusal(const std::string& text, const std::vector<std::string>& flags = {}) {
    const auto parsed = parse(text, flags);
    EXPECT_FALSE(parsed) << text;
    return parsed ? "" : parsed.error().message();
  }
  static bool has(const AgentOptions& options, std::string_view collector) {
    return std::any_of(options.host.collectors.begin(), options.host.collectors.end(),
                       [&](const auto* entry) { return entry->name == collector; });
  }

  test::TempTree tree;
};

TEST_F(FileAndFlags, TheFileSays) {
  const AgentOptions all = options(
      "web: {listen-address: [\"127.0.0.1:1\", \"[::1]:2\"], enable-lifecycle: true, max-requests: 3}\n"
      "collector: {cpu: false, wifi: false, systemd: true}\n"
      "collector.textfile.directory: [/a, /b]\n"
      "container.max-series: 7\n"
      "disable_metrics: \"\"\n"
      "log.level: warn\n"
      "scrape.timeout-offset: 2s\n"
      "metric: {allow: [\"a,b\", c.*], deny: d}\n"
      "series.drop: ['{a=\"b\"}']\n"
      "remote_write: [{url: 'http://x/'}]\n");
  EXPECT_THAT(all.listen_addresses, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_TRUE(all.lifecycle);
  EXPECT_EQ(all.web.requests, 3u);
  EXPECT_FALSE(has(all, "cpu"));
  EXPECT_TRUE(has(all, "systemd"));
  EXPECT_TRUE(all.host.requested.contains("systemd"));
  EXPECT_EQ(all.containers.budget.per_container, 7u);
  EXPECT_TRUE(all.containers.kinds.has(collectors::container::Kind::kTcp)) << "an empty list disables nothing";
  EXPECT_EQ(all.log_level, "warn");
  EXPECT_EQ(all.timeout_offset, std::chrono::seconds(2));
  EXPECT_THAT(all.rules.allow, ElementsAre("a,b", "c.*"));
  EXPECT_THAT(all.rules.deny, ElementsAre("d"));
  EXPECT_THAT(all.rules.drop, ElementsAre("{a=\"b\"}"));
  EXPECT_EQ(all.remote_write.size(), 1u);
}

TEST_F(FileAndFlags, TheCommandLineReplaces) {
  const std::string text =
      "web: {listen-address: [\":1\", \":2\"], max-requests: 3}\ncollector: {cpu: false, systemd: true}\nlog.level: "
      "warn\n";
  const AgentOptions both =
      options(text, {"--web.listen-address=:9", "--collector.cpu", "--no-collector.systemd", "-log.level=error"});
  EXPECT_THAT(both.listen_addresses, ElementsAre(":9")) << "a list as a whole";
  EXPECT_TRUE(has(both, "cpu"));
  EXPECT_FALSE(has(both, "systemd"));
  EXPECT_EQ(both.log_level, "error");
  EXPECT_EQ(both.web.requests, 3u) << "what it does not name stays";
  EXPECT_THAT(options(text, {"--port=77"}).listen_addresses, ElementsAre(":77")) << "another way to say the same";
  EXPECT_THAT(options("port: 77\nlisten_ip: ::1\n").listen_addresses, ElementsAre("[::1]:77"));
}

TEST_F(FileAndFlags, AValueMayEndInAnEqualsSign) {
  const AgentOptions both = options("metric.deny: \"foo=\"\n", {"--metric.allow=bar="});
  EXPECT_THAT(both.rules.deny, ElementsAre("foo="));
  EXPECT_THAT(both.rules.allow, ElementsAre("bar="));
}

TEST_F(FileAndFlags, TheCommandLineReplacesWhatExcludesIt) {
  const auto given = [&](const std::string& text, const char* flag) {
    const auto parsed = parse(text, {flag});
    EXPECT_TRUE(parsed) << text << (parsed ? "" : parsed.error().message());
    std::vector<std::string> names;
    if (!parsed) return names;
    for (const auto& [name, values] : parsed->given) {
      if (name != "--config.file") names.push_back(name);
    }
    return names;
  };
  const std::tuple<std::string, std::string> pairs[] = {
      {"collector.netdev.device-exclude", "collector.netdev.device-include"},
      {"collector.hwmon.sensor-exclude", "collector.hwmon.sensor-include"},
      {"collector.filesystem.fs-types-exclude", "collector.filesystem.fs-types-include"},
      {"collector.diskstats.ignored-devices", "collector.diskstats.device-exclude"},
      {"collector.filesystem.ignored-mount-points", "collector.filesystem.mount-points-include"}};
  for (const auto& [a, b] : pairs) {
    EXPECT_THAT(given(a + ": lo", ("--" + b + "=eth0").c_str()), ElementsAre("--" + b));
    EXPECT_THAT(given(b + ": lo", ("--" + a + "=eth0").c_str()), ElementsAre("--" + a));
  }
  EXPECT_THAT(given("collector.systemd.unit-include: a", "--collector.systemd.unit-exclude=b"), testing::SizeIs(2))
      << "these two go together";
  EXPECT_THAT(given("collector.hwmon.sensor-exclude: a", "--collector.hwmon.chip-include=b"), testing::SizeIs(2));
  EXPECT_THAT(refusal("collector.netdev: {device-exclude: a, device-include: b}"), HasSubstr("are both given"));
  EXPECT_FALSE(options("enable_metrics: cpu", {"--disable_metrics=tcp"})
                   .containers.kinds.has(collectors::container::Kind::kTcp));
  EXPECT_TRUE(options("enable_metrics: cpu", {"--disable_metrics=tcp"})
                  .containers.kinds.has(collectors::container::Kind::kMemory));
  EXPECT_THAT(options("disable_metrics: tcp", {"--enable_metrics=cpu"}).notices, testing::IsEmpty());
}

TEST_F(FileAndFlags, TellsWhatWasGiven) {
  const auto parsed = parse("log.level: warn\nmetric.deny: [a, b]\n", {"--log.level=error", "--collector.cpu=false"});
  ASSERT_TRUE(parsed);
  EXPECT_THAT(parsed->given.at("--log.level"), ElementsAre("error"));
  EXPECT_THAT(parsed->given.at("--metric.deny"), ElementsAre("a", "b"));
  EXPECT_THAT(parsed->given.at("--collector.cpu"), ElementsAre("false"));
  EXPECT_FALSE(parsed->given.contains("--web.max-requests"));
}

TEST_F(FileAndFlags, ComplaintsNameFileLineAndKey) {
  const std::string at = tree.at("a.yaml") + ": line 2: ";
  EXPECT_EQ(refusal("\ncontainer.max-series: many"),
            at + "container.max-series: 'many' is no number; 0 is without a bound");
  EXPECT_THAT(refusal("\nexited: {retention: soon}"),
              testing::StartsWith(at + "exited.retention: 'soon' is no duration"));
  EXPECT_THAT(refusal("\ncollector: {cpuu: true}"),
              testing::StartsWith(at + "collector.cpuu: there is no such key; did you mean 'collector.cpu'"));
  EXPECT_THAT(refusal("\ncollector: {wifi: true}"), testing::StartsWith(at + "collector.wifi: "));
  EXPECT_THAT(refusal("\nlog.level: loud"), testing::StartsWith(at + "log.level: "));
  EXPECT_THAT(refusal("\nweb.max-requests: -1"), testing::StartsWith(at + "web.max-requests: '-1' is no number"));
  EXPECT_THAT(refusal("\nmetric.deny: (\n"), testing::StartsWith(at + "metric.deny: '(' is no regular expression"));
  EXPECT_THAT(refusal("\nlabel.allow: [a, '[']\n"), testing::StartsWith(at + "label.allow: '['"));
  EXPECT_THAT(refusal("\nseries: {drop: '{a}'}\n"), testing::StartsWith(at + "series.drop: '{a}': at character 3"));
  EXPECT_THAT(refusal("\ncollector.filesystem.mount-points-exclude: (\n"),
              testing::StartsWith(at + "collector.filesystem.mount-points-exclude: "));
  EXPECT_THAT(refusal("web: [\n"), testing::StartsWith(tree.at("a.yaml") + ": line "));
  EXPECT_THAT(refusal("config.file: /other"), HasSubstr("config.file: there is no such key"));
  EXPECT_THAT(refusal("no-collector.cpu: true"), HasSubstr("no-collector.cpu: there is no such key"));
}

TEST_F(FileAndFlags, AFlagsOwnFaultIsNotTheFiles) {
  EXPECT_THAT(refusal("log.level: warn", {"--container.max-series=many"}),
              testing::StartsWith("--container.max-series: "));
  EXPECT_THAT(refusal("log.level: warn", {"--no-such"}), testing::StartsWith("unknown flag '--no-such'"));
}

TEST_F(FileAndFlags, AMissingFile) {
  const auto parsed = parse_agent_options({"--config.file=/nonexistent/a.yaml"}, collectors::host::table());
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message(), testing::StartsWith("--config.file: cannot read /nonexistent/a.yaml"));
}

TEST_F(FileAndFlags, HelpNeedsNoFile) {
  const auto parsed = parse_agent_options({"--config.file=/nonexistent", "--help"}, collectors::host::table());
  ASSERT_TRUE(parsed);
  EXPECT_THAT(*parsed->help, HasSubstr("--config.file"));
}

}  // namespace
}  // namespace plimsoll::agent
