// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/record.h"

#include <gmock/gmock.h>

namespace plimsoll::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kId(64, 'a');

Config full_config() {
  Config config;
  config.id = kId;
  config.name = "web";
  config.image = "rootfs:bb";
  config.rootfs = "/srv/bb";
  config.argv = {"/bin/sh", "-c", "echo \"hi\"\n"};
  config.env = {"PATH=/bin", "X="};
  config.cwd = "/tmp";
  config.hostname = "h1";
  config.binds = {{"/a", "/b", true}, {"/c", "/d", false}};
  config.network = Network::kVeth;
  config.memory_bytes = 64 << 20;
  config.cpu_quota_us = 50'000;
  config.pids = 50;
  config.cgroup_path = "/plimsoll/" + kId;
  config.labels = {{"a.b", "c"}};
  config.created_ns = 1'700'000'000'123'456'789;
  config.auto_remove = true;
  config.log_limit_bytes = 1 << 20;
  return config;
}

ExitRecord full_record() {
  ExitRecord record;
  record.id = kId;
  record.name = "web";
  record.image = "bb";
  record.cgroup_path = "/plimsoll/" + kId;
  record.labels = {{"k", "v"}};
  record.cgroup_inode = UINT64_MAX;
  record.created_ns = 1;
  record.started_ns = 2;
  record.finished_ns = 3;
  record.exit_code = 137;
  record.oom_killed = true;
  record.memory_peak_bytes = 4096;
  record.counters.cpu_usage_ns = 2'008'409'000;
  record.counters.cpu_usage_percpu_ns = {1, 2};
  record.counters.oom_kills = 0;
  record.counters.io = {{254, 0, 1, 10'485'760, std::nullopt, 3}};
  record.counters.network = {{"eth0", 1, 2, 3, 4, 5, 6, 7, 8}};
  return record;
}

TEST(Config, ComesBackUnchanged) {
  const Config before = full_config();
  const auto after = parse_config(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->argv, before.argv);
  EXPECT_EQ(after->created_ns, before.created_ns);
  EXPECT_EQ(after->network, Network::kVeth);
  ASSERT_EQ(after->binds.size(), 2u);
  EXPECT_TRUE(after->binds[0].read_only);
  EXPECT_FALSE(after->binds[1].read_only);
}

TEST(Config, BytesThatAreNoUtf8SurviveWhereTheyMatter) {
  Config before = full_config();
  before.argv = {"caf\xE9", "ok"};
  before.rootfs = "/srv/\xFF";
  before.binds[0].source = "/\xC0\xAF";
  const auto after = parse_config(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_THAT(after->argv, ElementsAre("caf\xE9", "ok"));
  EXPECT_EQ(after->rootfs, before.rootfs);
  EXPECT_EQ(after->binds[0].source, before.binds[0].source);
}

TEST(Config, HostileLabelsAreJsonWhatever) {
  Config before = full_config();
  before.labels = {{"q\"uote", "line\nend\x01"}, {"bad", "\xFF\xFE"}};
  const auto after = parse_config(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(after->labels.at("q\"uote"), "line\nend\x01");
  EXPECT_EQ(after->labels.at("bad"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Config, MissingMembersTakeTheirDefaults) {
  const auto config = parse_config(R"({"format": 1, "id": "abc", "name": null})");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->cwd, "/");
  EXPECT_EQ(config->network, Network::kNone);
  EXPECT_EQ(config->memory_bytes, 0u);
}

struct Bad {
  const char* text;
  const char* complaint;
};
// ctest names the test by it; the pointers would differ from run to run.
void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.complaint; }

class BadConfig : public ::testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsAnErrorThatNamesTheMember) {
  const auto config = parse_config(GetParam().text);
  ASSERT_FALSE(config) << GetParam().text;
  EXPECT_THAT(config.error().message(), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Config, BadConfig,
    ::testing::Values(Bad{"", "not a JSON object"}, Bad{"{", "not a JSON object"}, Bad{"[]", "not a JSON object"},
                      Bad{"\xFF\xFF", "not a JSON object"}, Bad{"{}", "no \"format\""},
                      Bad{R"({"format": 2, "id": "a"})", "newer"}, Bad{R"({"format": "1", "id": "a"})", "'format'"},
                      Bad{R"({"format": 99999999999999999999, "id": "a"})", "'format'"},
                      Bad{R"({"format": 1})", "'id'"}, Bad{R"({"format": 1, "id": ""})", "'id'"},
                      Bad{R"({"format": 1, "id": "../x"})", "'id'"}, Bad{R"({"format": 1, "id": 7})", "'id'"},
                      Bad{R"({"format": 1, "id": "a", "argv": "x"})", "'argv'"},
                      Bad{R"({"format": 1, "id": "a", "argv": [1]})", "'argv'"},
                      Bad{R"({"format": 1, "id": "a", "argv": [{"hex": "f"}]})", "'argv'"},
                      Bad{R"({"format": 1, "id": "a", "argv": [{"hex": "zz"}]})", "'argv'"},
                      Bad{R"({"format": 1, "id": "a", "network": "bridge"})", "unknown: 'bridge'"},
                      Bad{R"({"format": 1, "id": "a", "memory_bytes": -1})", "'memory_bytes'"},
                      Bad{R"({"format": 1, "id": "a", "pids": 1.5})", "'pids'"},
                      Bad{R"({"format": 1, "id": "a", "created_ns": 18446744073709551615})", "'created_ns'"},
                      Bad{R"({"format": 1, "id": "a", "auto_remove": 1})", "'auto_remove'"},
                      Bad{R"({"format": 1, "id": "a", "labels": {"a": 1}})", "'labels'"},
                      Bad{R"({"format": 1, "id": "a", "labels": []})", "'labels'"},
                      Bad{R"({"format": 1, "id": "a", "binds": [1]})", "'binds'"},
                      Bad{R"({"format": 1, "id": "a", "binds": [{"source": 1}]})", "'source'"}));

TEST(Config, DeepNestingIsNoStackOverflow) {
  const std::string deep(1'000'000, '[');
  EXPECT_FALSE(parse_config(deep));
  EXPECT_FALSE(parse_config("{\"format\":1,\"id\":\"a\",\"argv\":" + deep));
}

TEST(State, ComesBackUnchanged) {
  State before;
  before.status = Status::kRunning;
  before.pid = 4711;
  before.pid_start_ticks = UINT64_MAX;
  before.monitor_pid = 4710;
  before.started_ns = 42;
  before.address = "10.88.0.2";
  const auto after = parse_state(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->pid, 4711);
  EXPECT_EQ(after->pid_start_ticks, UINT64_MAX);
}

TEST(State, ExitedCarriesItsRecord) {
  State before;
  before.status = Status::kExited;
  before.exit = full_record();
  const auto after = parse_state(to_json(before));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(to_json(after->exit), to_json(full_record()));
}

TEST(State, ExitedWithoutRecordIsAnError) {
  const auto state = parse_state(R"({"format": 1, "status": "exited"})");
  ASSERT_FALSE(state);
  EXPECT_THAT(state.error().message(), HasSubstr("'exit'"));
  EXPECT_FALSE(parse_state(R"({"format": 1, "status": "exited", "exit": {"id": ".."}})"));
  EXPECT_FALSE(parse_state(R"({"format": 1, "status": "paused"})"));
  EXPECT_FALSE(parse_state(R"({"format": 1, "status": "running", "pid": 99999999999})"));
}

TEST(ExitRecord, ComesBackUnchangedAndAbsentStaysAbsent) {
  const auto after = parse_exit_record(to_json(full_record()));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(to_json(*after), to_json(full_record()));
  EXPECT_EQ(after->cgroup_inode, UINT64_MAX);
  EXPECT_EQ(after->counters.oom_kills, cgroup::Count(0));
  EXPECT_FALSE(after->counters.cfs_periods.has_value());
  ASSERT_EQ(after->counters.io.size(), 1u);
  EXPECT_FALSE(after->counters.io[0].reads.has_value());
  EXPECT_EQ(after->counters.io[0].written_bytes, cgroup::Count(10'485'760));
  ASSERT_EQ(after->counters.network.size(), 1u);
  EXPECT_EQ(after->counters.network[0].transmit_dropped, 8u);
}

TEST(ExitRecord, UnknownMembersAreIgnored) {
  const auto record = parse_exit_record(R"({"format":1,"id":"a","later":{"x":[]},"counters":{"new_ns":"?"}})");
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_FALSE(record->counters.cpu_usage_ns.has_value());
}

TEST(ExitRecord, WrongTypesDeepInsideAreErrors) {
  for (const char* counters : {R"([])", R"({"cpu_usage_ns":-1})", R"({"io":[{"major":4294967296}]})", R"({"io":{}})",
                               R"({"network":[{"name":1}]})", R"({"cpu_usage_percpu_ns":["1"]})"}) {
    EXPECT_FALSE(parse_exit_record(std::string(R"({"format":1,"id":"a","counters":)") + counters + "}")) << counters;
  }
}

TEST(ExitRecord, EveryTruncationIsAnError) {
  const std::string whole = to_json(full_record());
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_FALSE(parse_exit_record(whole.substr(0, length))) << length;
  }
}

TEST(StateRoots, NamesItsDirectories) {
  const StateRoots roots{"/r", "/run"};
  EXPECT_EQ(roots.container_dir("ab"), "/r/containers/ab");
  EXPECT_EQ(roots.exited_dir(), "/run/exited");
}

}  // namespace
}  // namespace plimsoll::container
