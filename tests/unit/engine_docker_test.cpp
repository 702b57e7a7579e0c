// SPDX-License-Identifier: Apache-2.0
// Files as Docker 20.10 writes them, shortened.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/engine/docker_state.h"
#include "collectors/engine/source.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::TempTree;
using testing::ElementsAre;
using testing::Pair;

const std::string kId = "29d1b04c78883e7949e957dc5353cb0d7bc3831a633e023060291563dd837127";
const std::string kOther = "0ddf179ab5a6f96260f18300e33a74593f1b8a49307d56a9b59cd2743e7057b7";
constexpr int64_t kCreated = 1795366234'029631157, kStarted = 1795366234'267025924, kFinished = 1795366240'853920230;

const std::string kNever = "0001-01-01T00:00:00Z";
const std::string kStartedAt = "2026-11-22T16:50:34.267025924Z", kFinishedAt = "2026-11-22T16:50:40.85392023Z";

// "State" as the file has it; `flags` are those that are true.
std::string state_json(const std::vector<std::string>& flags, const std::string& started, const std::string& finished,
                       int exit_code, const std::string& health = "null") {
  std::string text = "{";
  for (const char* name : {"Running", "Paused", "Restarting", "OOMKilled", "RemovalInProgress", "Dead"}) {
    const bool on = std::find(flags.begin(), flags.end(), name) != flags.end();
    text += std::string("\"") + name + "\":" + (on ? "true" : "false") + ",";
  }
  return text + R"("Pid":0,"ExitCode":)" + std::to_string(exit_code) + R"(,"Error":"","StartedAt":")" + started +
         R"(","FinishedAt":")" + finished + R"(","Health":)" + health + "}";
}

const std::string kRunning = state_json({"Running"}, kStartedAt, kNever, 0);
const std::string kCreatedState = state_json({}, kNever, kNever, 0);
const std::string kExited = state_json({}, kStartedAt, kFinishedAt, 7);

std::string config_json(const std::string& state, const std::string& name = "/web", const std::string& id = kId,
                        int restarts = 0,
                        const std::string& labels = R"({"a-b":"2","com.example.tier":"front","u":"ü\"\\"})") {
  return R"({"StreamConfig":{},"State":)" + state + R"(,"ID":")" + id +
         R"(","Created":"2026-11-22T16:50:34.029631157Z","Managed":false,"Path":"sleep","Args":["10000"],)"
         R"("Config":{"Hostname":"29d1b04c7888","Env":["KEEP=1","SECRET=x","PATH=/bin"],"Image":"test/bb:1","Labels":)" +
         labels + R"(},"Image":"sha256:f7280446151f","Name":")" + name + R"(","Driver":"overlay2","RestartCount":)" +
         std::to_string(restarts) + R"(,"HasBeenStartedBefore":true,"HasBeenManuallyStopped":false})";
}

class Docker : public testing::Test {
 protected:
  void put(const std::string& text, const std::string& id = kId) {
    replace("containers/" + id + "/config.v2.json", text);
  }
  void put_mode(const std::string& mode, const std::string& id = kId) {
    replace("containers/" + id + "/hostconfig.json", R"({"Binds":null,"NetworkMode":")" + mode + R"(","Memory":0})");
  }
  // As Docker does: a new file takes the old one's place.
  void replace(const std::string& name, const std::string& text) {
    tree_.write(name + ".new", text);
    ASSERT_EQ(::rename(tree_.at(name + ".new").c_str(), tree_.at(name).c_str()), 0);
  }
  Source& source() {
    if (source_) return *source_;
    SourceOptions options;
    options.paths.docker_root = tree_.path();
    options.env = {"KEEP"};
    source_ = make_docker_source(options);
    return *source_;
  }
  std::optional<Identity> identify(const std::string& id = kId, const std::string& prefix = "/docker/") {
    const std::string path = prefix + id;
    return source().identify({.path = path, .hex = std::string_view(path).substr(prefix.size())});
  }
  std::vector<Identity> ended() {
    std::vector<Identity> found;
    source().list_ended(found);
    return found;
  }

  TempTree tree_;
  std::unique_ptr<Source> source_;
};

TEST_F(Docker, ARunningContainer) {
  put(config_json(kRunning));
  put_mode("none");
  const auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->engine, "docker");
  EXPECT_EQ(identity->id, kId);
  EXPECT_EQ(identity->name, "web");
  EXPECT_EQ(identity->image, "test/bb:1");
  EXPECT_THAT(identity->labels, ElementsAre(Pair("a-b", "2"), Pair("com.example.tier", "front"), Pair("u", "ü\"\\")));
  EXPECT_THAT(identity->env, ElementsAre(Pair("KEEP", "1")));
  EXPECT_EQ(identity->created_ns, kCreated);
  EXPECT_EQ(identity->started_ns, kStarted);
  EXPECT_EQ(identity->state, State::kRunning);
  EXPECT_EQ(identity->restarts, 0u);
  EXPECT_EQ(identity->health, Health::kNone);
  EXPECT_EQ(identity->exit_code, std::nullopt);
  EXPECT_FALSE(identity->host_network || identity->ended || identity->sandbox);
  EXPECT_TRUE(identity->settled);
}

TEST_F(Docker, OtherContainersAreNotDockers) {
  put(config_json(kRunning));
  EXPECT_FALSE(identify(kOther));
  EXPECT_FALSE(identify(kId, "/libpod_parent/libpod-"));
  EXPECT_FALSE(identify(kId, "/kubepods/crio-"));
  EXPECT_FALSE(identify(kId, "/system.slice/x.slice:cri-containerd:"));
  EXPECT_FALSE(source().identify({.path = "/system.slice/ssh.service"}));
  EXPECT_TRUE(identify(kId, "/kubepods/burstable/pod1b9a/"));
  EXPECT_TRUE(identify(kId, "/system.slice/docker-"));
}

TEST_F(Docker, WithoutAnyDocker) {
  SourceOptions options;
  options.paths.docker_root = tree_.at("nowhere");
  auto source = make_docker_source(options);
  EXPECT_FALSE(source->identify({.path = "/docker/" + kId, .hex = kId}));
  std::vector<Identity> found;
  source->list_ended(found);
  EXPECT_TRUE(found.empty());
}

TEST_F(Docker, StatesOfALivingGroup) {
  struct Case {
    std::vector<std::string> flags;
    bool has_run;
    State state;
    bool settled;
  };
  const Case kCases[] = {
      {{"Running"}, true, State::kRunning, true},
      {{"Running", "Paused"}, true, State::kPaused, true},
      {{"Running", "Restarting"}, true, State::kRestarting, false},
      {{}, false, State::kCreated, false},
      {{}, true, State::kCreated, false},  // docker start of one that has run before
      {{"Dead"}, true, State::kCreated, false},
  };
  for (const Case& c : kCases) {
    put(config_json(state_json(c.flags, c.has_run ? kStartedAt : kNever, c.has_run ? kFinishedAt : kNever, 3)));
    const auto identity = identify();
    ASSERT_TRUE(identity);
    EXPECT_EQ(to_string(identity->state), to_string(c.state));
    EXPECT_EQ(identity->settled, c.settled) << to_string(c.state);
    EXPECT_EQ(identity->started_ns != 0, c.settled) << to_string(c.state);
    EXPECT_EQ(identity->exit_code, std::nullopt) << "that was an earlier run";
    EXPECT_EQ(identity->finished_ns, 0);
  }
}

TEST_F(Docker, FromBirthToEnd) {
  put(config_json(kCreatedState));
  auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->state, State::kCreated);
  put(config_json(kRunning));
  source().refresh(*identity);
  EXPECT_EQ(identity->state, State::kRunning);
  EXPECT_EQ(identity->started_ns, kStarted);
  EXPECT_TRUE(identity->settled);
  put(config_json(state_json({"Running", "Paused"}, kStartedAt, kNever, 0), "/renamed"));
  source().refresh(*identity);
  EXPECT_EQ(identity->state, State::kPaused);
  EXPECT_EQ(identity->name, "renamed");
  put(config_json(state_json({"OOMKilled"}, kStartedAt, kFinishedAt, 137)));
  source().refresh(*identity);
  EXPECT_EQ(identity->state, State::kExited);
  EXPECT_EQ(identity->exit_code, 137);
  EXPECT_EQ(identity->oom_killed, true);
  EXPECT_EQ(identity->finished_ns, kFinished);
  EXPECT_EQ(identity->started_ns, kStarted);
}

// Its whole life passed between two looks, and the file tells of the run before at the first.
TEST_F(Docker, AShortRunAfterAnEarlierOne) {
  put(config_json(state_json({}, "2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z", 1)));
  auto identity = identify();
  ASSERT_TRUE(identity);
  // Something else of it changes: still the earlier run.
  put(config_json(state_json({}, "2026-11-22T10:00:00Z", "2026-11-22T10:00:01Z", 1), "/longer-name"));
  source().refresh(*identity);
  EXPECT_EQ(identity->exit_code, std::nullopt);
  EXPECT_EQ(identity->name, "longer-name");
  put(config_json(kExited));
  source().refresh(*identity);
  EXPECT_EQ(identity->exit_code, 7);
  EXPECT_EQ(identity->started_ns, kStarted);
}

// The container has been started again by the time somebody asks how this run of it ended.
TEST_F(Docker, ALaterRunIsAnother) {
  put(config_json(kRunning));
  auto identity = identify();
  put(config_json(state_json({"Running"}, "2026-11-22T17:00:00Z", kFinishedAt, 0), "/renamed", kId, 1));
  source().refresh(*identity);
  EXPECT_EQ(identity->started_ns, kStarted);
  EXPECT_EQ(identity->restarts, 0u);
  EXPECT_EQ(identity->name, "renamed");
  put(config_json(state_json({}, "2026-11-22T17:00:00Z", "2026-11-22T17:00:01Z", 9)));
  source().refresh(*identity);
  EXPECT_EQ(identity->exit_code, std::nullopt);
}

TEST_F(Docker, Restarts) {
  put(config_json(kRunning, "/again", kId, 4));
  auto identity = identify();
  EXPECT_EQ(identity->restarts, 4u);
  put(config_json(state_json({"Running", "Restarting"}, kStartedAt, kFinishedAt, 3), "/again", kId, 5));
  source().refresh(*identity);
  EXPECT_EQ(identity->restarts, 5u);
  EXPECT_EQ(identity->state, State::kRestarting);
  EXPECT_EQ(identity->exit_code, 3) << "of the run that this group was";
}

TEST_F(Docker, HealthChecks) {
  const std::pair<const char*, Health> kCases[] = {
      {R"({"Status":"starting","FailingStreak":0,"Log":null})", Health::kStarting},
      {R"({"Status":"healthy","FailingStreak":0,"Log":[{"ExitCode":0,"Output":""}]})", Health::kHealthy},
      {R"({"Status":"unhealthy","FailingStreak":3,"Log":[]})", Health::kUnhealthy},
      {R"({"Status":"none"})", Health::kNone},
      {R"({"Status":7})", Health::kNone},
      {R"([])", Health::kNone},
      {R"(null)", Health::kNone}};
  put(config_json(kRunning));
  auto identity = identify();
  for (const auto& [health, expected] : kCases) {
    put(config_json(state_json({"Running"}, kStartedAt, kNever, 0, health)));
    source().refresh(*identity);
    EXPECT_EQ(identity->health, expected) << health;
  }
}

TEST_F(Docker, RefreshReadsOnlyWhatHasChanged) {
  put(config_json(kRunning));
  auto identity = identify();
  identity->name = "mine";
  source().refresh(*identity);
  EXPECT_EQ(identity->name, "mine") << "it was read again although it has not changed";
  ASSERT_TRUE(remove_tree(tree_.at("containers/" + kId)));
  source().refresh(*identity);
  EXPECT_EQ(identity->state, State::kRunning) << "gone files change nothing";
  put("{\"half\":");
  source().refresh(*identity);
  EXPECT_EQ(identity->state, State::kRunning);
  put(config_json(kExited));
  source().refresh(*identity);
  EXPECT_EQ(identity->name, "web");
}

TEST_F(Docker, NetworkOfTheMachine) {
  put(config_json(kRunning));
  EXPECT_FALSE(identify()->host_network) << "no hostconfig.json";
  const auto uses_host = [&](const std::string& mode) {
    put_mode(mode);
    return identify()->host_network;
  };
  EXPECT_TRUE(uses_host("host"));
  for (const char* mode : {"bridge", "default", "none", "", "hosts", "container:", "container:web"})
    EXPECT_FALSE(uses_host(mode)) << mode;
  EXPECT_FALSE(uses_host("container:" + kOther));
  put_mode("host", kOther);
  EXPECT_TRUE(uses_host("container:" + kOther)) << "a pod of the machine's network";
  EXPECT_FALSE(uses_host("container:../" + kOther));
}

TEST_F(Docker, InAPod) {
  const std::string labels =
      R"({"annotation.io.kubernetes.container.hash":"1","io.kubernetes.container.name":"app","io.kubernetes.docker.type":)"
      R"("container","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"default","io.kubernetes.pod.uid":)"
      R"("1b9a"})";
  put(config_json(kRunning, "/k8s_app_web-0_default_1b9a_0", kId, 0, labels));
  auto identity = identify(kId, "/kubepods/burstable/pod1b9a/");
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->container, "app");
  EXPECT_EQ(identity->pod, "web-0");
  EXPECT_EQ(identity->pod_namespace, "default");
  EXPECT_EQ(identity->pod_uid, "1b9a");
  EXPECT_FALSE(identity->sandbox);
  put(config_json(kRunning, "/k8s_POD_web-0_default_1b9a_0", kOther, 0,
                  R"({"io.kubernetes.container.name":"POD","io.kubernetes.docker.type":"podsandbox"})"),
      kOther);
  EXPECT_TRUE(identify(kOther)->sandbox);
}

TEST_F(Docker, DaemonWithUserNamespaces) {
  replace("165536.165536/containers/" + kId + "/config.v2.json", config_json(kRunning));
  replace("overlay2/containers/" + kOther + "/config.v2.json", config_json(kRunning, "/x", kOther));
  auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_FALSE(identify(kOther));
  replace("165536.165536/containers/" + kId + "/config.v2.json", config_json(kExited));
  source().refresh(*identity);
  EXPECT_EQ(identity->exit_code, 7);
  EXPECT_EQ(ended().size(), 1u);
}

TEST_F(Docker, EndedContainers) {
  std::string ids[7];
  for (size_t i = 0; i < 7; ++i) ids[i] = kId.substr(0, 63) + std::to_string(i);
  put(config_json(kRunning, "/running", ids[0]), ids[0]);
  put(config_json(kCreatedState, "/created", ids[1]), ids[1]);
  put(config_json(kExited, "/exited", ids[2]), ids[2]);
  put(config_json(state_json({"Running", "Restarting"}, kStartedAt, kFinishedAt, 3), "/again", ids[3], 9), ids[3]);
  put(config_json(state_json({"Dead"}, kStartedAt, kFinishedAt, 0), "/dead", ids[4]), ids[4]);
  put("garbage", ids[5]);
  put(config_json(kExited, "/another", ids[0]), ids[6]);  // says that it is another one
  tree_.make_dir("containers/tmp");
  const auto found = ended();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "exited");
  EXPECT_EQ(found[0].exit_code, 7);
  EXPECT_EQ(found[0].started_ns, kStarted);
  EXPECT_EQ(found[0].finished_ns, kFinished);
  EXPECT_EQ(found[1].name, "again");
  EXPECT_EQ(found[1].restarts, 9u);
  EXPECT_EQ(found[1].exit_code, 3);
  EXPECT_EQ(found[2].state, State::kDead);
  for (const Identity& identity : found) EXPECT_TRUE(identity.ended);
}

TEST_F(Docker, EndedContainersAreKeptUpToDate) {
  put(config_json(kExited));
  EXPECT_EQ(ended().size(), 1u);
  EXPECT_EQ(ended().size(), 1u);
  put(config_json(kRunning));
  EXPECT_EQ(ended().size(), 0u) << "started again";
  put(config_json(state_json({}, kStartedAt, kFinishedAt, 42)));
  ASSERT_EQ(ended().size(), 1u);
  EXPECT_EQ(ended()[0].exit_code, 42);
  ASSERT_TRUE(remove_tree(tree_.at("containers/" + kId)));
  EXPECT_EQ(ended().size(), 0u) << "removed";
}

TEST_F(Docker, EndedContainersAreBounded) {
  for (int i = 0; i < 9; ++i) {
    const std::string id = kId.substr(0, 63) + std::to_string(i);
    put(config_json(kExited, "/web", id), id);
  }
  SourceOptions options;
  options.paths.docker_root = tree_.path();
  options.max_known = 5;
  source_ = make_docker_source(options);
  EXPECT_EQ(ended().size(), 5u);
  EXPECT_EQ(ended().size(), 5u);
  ASSERT_TRUE(remove_tree(tree_.at("containers")));
  put(config_json(kExited));
  EXPECT_EQ(ended().size(), 0u) << "room is made by the look that finds the others gone";
  EXPECT_EQ(ended().size(), 1u);
}

TEST_F(Docker, HostileFiles) {
  const std::string name = "containers/" + kId + "/config.v2.json";
  const std::string whole = config_json(kRunning);
  for (size_t size = 0; size < whole.size(); size += 7) {
    put(whole.substr(0, size));
    EXPECT_FALSE(identify()) << size;
  }
  const std::string id = R"("ID":")" + kId + "\"";
  for (const std::string& text :
       {std::string("[]"), std::string("null"), std::string("7"), "{" + id + "}", "{" + id + R"(,"Config":{}})",
        "{" + id + R"(,"State":{}})", "{" + id + R"(,"Config":{},"State":[]})",
        std::string(R"({"ID":7,"Config":{},"State":{}})"), std::string(R"({"Config":{},"State":{}})"),
        config_json(kRunning, "/web", kOther), std::string(3'000'000, '['),
        "{" + id + R"(,"Config":{},"State":{},"x":")" + std::string(kMaxStateFileBytes, 'x') + "\"}"}) {
    put(text);
    EXPECT_FALSE(identify()) << text.substr(0, 100);
    EXPECT_TRUE(ended().empty());
  }
  ASSERT_EQ(::unlink(tree_.at(name).c_str()), 0);
  tree_.make_dir(name);
  EXPECT_FALSE(identify());
  ASSERT_EQ(::rmdir(tree_.at(name).c_str()), 0);
  ASSERT_EQ(::mkfifo(tree_.at(name).c_str(), 0600), 0);
  EXPECT_FALSE(identify());
  EXPECT_TRUE(ended().empty());
  ASSERT_EQ(::unlink(tree_.at(name).c_str()), 0);
  tree_.write("elsewhere", whole);
  ASSERT_EQ(::symlink(tree_.at("elsewhere").c_str(), tree_.at(name).c_str()), 0);
  EXPECT_FALSE(identify());
}

TEST_F(Docker, WrongTypesAreAbsent) {
  put(R"({"ID":")" + kId +
      R"(","Name":["web"],"Created":5,"RestartCount":"many","Config":{"Image":{},"Labels":["a"],"Env":{"KEEP":"1"}},)"
      R"("State":{"Running":"yes","ExitCode":"0","StartedAt":{},"OOMKilled":1,"Health":"healthy"}})");
  const auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "");
  EXPECT_EQ(identity->image, "");
  EXPECT_TRUE(identity->labels.empty() && identity->env.empty());
  EXPECT_EQ(identity->restarts, std::nullopt);
  EXPECT_EQ(identity->created_ns, 0);
  EXPECT_EQ(identity->state, State::kCreated);
  put(config_json(state_json({}, kStartedAt, kFinishedAt, 0), "/web", kId, -1));
  EXPECT_EQ(identify()->restarts, std::nullopt);
}

TEST_F(Docker, HugeTextsAreBounded) {
  Json labels = Json::object();
  for (int i = 0; i < 10'000; ++i) labels["l" + std::to_string(i)] = std::string(i == 0 ? 100'000 : 100, 'x');
  put(config_json(kRunning, "/" + std::string(1'000'000, 'n'), kId, 0, labels.dump()));
  const auto identity = identify();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->labels.size(), kMaxLabels);
  EXPECT_EQ(identity->labels_dropped, 10'000 - kMaxLabels);
  EXPECT_LE(identity->name.size(), kMaxLabelBytes);
}

// GET /containers/ID/json says the same with "Id", "Status" and "HostConfig".
TEST(DockerState, AnAnswerOfTheDaemon) {
  const std::string answer =
      R"({"Id":")" + kId +
      R"(","Created":"2026-11-22T16:50:34.029631157Z","State":{"Status":"exited","Running":false,"OOMKilled":true,)"
      R"("ExitCode":137,"StartedAt":"2026-11-22T16:50:34.267025924Z","FinishedAt":"2026-11-22T16:50:40.85392023Z"},)"
      R"("Name":"/web","RestartCount":2,"HostConfig":{"NetworkMode":"host"},"Config":{"Image":"nginx","Labels":null}})";
  const auto identity = parse_docker_state(answer, kId, {});
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->host_network);
  EXPECT_EQ(identity->exit_code, 137);
  EXPECT_EQ(identity->oom_killed, true);
  EXPECT_EQ(identity->finished_ns, kFinished);
  EXPECT_EQ(identity->restarts, 2u);
  EXPECT_FALSE(parse_docker_state(answer, kOther, {}));
}

}  // namespace
}  // namespace plimsoll::engine
