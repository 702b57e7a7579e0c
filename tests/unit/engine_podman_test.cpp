// SPDX-License-Identifier: Apache-2.0
// collectors/engine/podman.cpp and what it reads with: both databases of libpod, the list of containers/storage, users'
// stores. The documents are podman 4.3.1's own, shortened.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/engine/source.h"
#include "tests/unit/bolt_writer.h"
#include "tests/unit/sqlite_writer.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::BoltBucket;
using test::TempTree;
using test::write_bolt;

const std::string kWeb(64, 'a'), kInfra(64, 'b'), kDone(64, 'c'), kPod(64, 'd');
const std::string kScope = "/machine.slice/libpod-" + kWeb + ".scope";

std::string config(const std::string& id, const std::string& rest,
                   const char* namespaces = R"([{"type":"pid"},{"type":"network"}])") {
  return R"({"spec":{"process":{"env":["PATH=/bin","COLOR=blue"]},"linux":{"namespaces":)" + std::string(namespaces) +
         R"(}},"id":")" + id +
         R"(","createdTime":"2026-01-02T03:04:05.038338671Z","rootfsImageName":"localhost/bb:1",)" + rest + "}";
}
const std::string kWebConfig = config(kWeb, R"("name":"web","labels":{"app":"shop","n":1},"healthcheck":null)");
constexpr const char* kRunning =
    R"({"state":3,"startedTime":"2026-01-02T03:04:06.5Z","finishedTime":"0001-01-01T00:00:00Z","pid":1637})";
constexpr const char* kExited =
    R"({"state":6,"startedTime":"2026-01-02T03:04:06Z","exitCode":3,"exited":true,"oomKilled":true,"restartCount":2})";

BoltBucket container(const std::string& config, const std::string& state, const std::string& pod = "") {
  BoltBucket bucket{.values = {{"config", config}, {"state", state}}};
  if (!pod.empty()) bucket.values["pod-id"] = pod;
  return bucket;
}

std::string bolt_state(const std::string& web_state = kRunning) {
  return write_bolt(
      {.buckets = {
           {"ctr",
            {.buckets = {{kWeb, container(kWebConfig, web_state)},
                         {kInfra, container(config(kInfra, R"("name":"dd-infra","pause":true,"pod":")" + kPod + "\""),
                                            kRunning, kPod)},
                         {kDone, container(config(kDone, R"("name":"done","pod":")" + kPod + "\""), kExited, kPod)}}}},
           {"pod", {.buckets = {{kPod, {.values = {{"config", R"({"name":"shop"})"}}, .inlined = true}}}}}}});
}

std::string sql_state(const std::string& web_state = kRunning) {
  return test::write_sqlite(
      "CREATE TABLE DBConfig(ID INTEGER PRIMARY KEY NOT NULL, OS TEXT NOT NULL, CHECK (ID IN (1)));"
      "CREATE TABLE ContainerConfig(\n  ID TEXT PRIMARY KEY NOT NULL,\n  Name TEXT UNIQUE NOT NULL,\n  PodID TEXT,\n  "
      "JSON TEXT NOT NULL,\n"
      "  FOREIGN KEY (ID) REFERENCES ContainerState(ID) DEFERRABLE INITIALLY DEFERRED);"
      "CREATE TABLE ContainerState(ID TEXT PRIMARY KEY NOT NULL, State INTEGER NOT NULL, ExitCode INTEGER, JSON TEXT "
      "NOT NULL,"
      "  CHECK (ExitCode BETWEEN -1 AND 255));"
      "CREATE TABLE PodConfig(ID TEXT PRIMARY KEY NOT NULL, Name TEXT UNIQUE NOT NULL, JSON TEXT NOT NULL);"
      "INSERT INTO PodConfig VALUES('" +
      kPod +
      "','shop','{}');"
      "INSERT INTO ContainerConfig VALUES('" +
      kWeb + "','web',NULL,'" + kWebConfig +
      "');"
      "INSERT INTO ContainerState VALUES('" +
      kWeb + "',3,NULL,'" + web_state +
      "');"
      "INSERT INTO ContainerConfig VALUES('" +
      kInfra + "','dd-infra','" + kPod + "','" +
      config(kInfra, R"("name":"dd-infra","pause":true,"pod":")" + kPod + "\"") +
      "');"
      "INSERT INTO ContainerState VALUES('" +
      kInfra + "',3,NULL,'" + kRunning +
      "');"
      "INSERT INTO ContainerConfig VALUES('" +
      kDone + "','done','" + kPod + "','" + config(kDone, R"("name":"done","pod":")" + kPod + "\"") +
      "');"
      "INSERT INTO ContainerState VALUES('" +
      kDone + "',6,3,'" + kExited + "');");
}

struct Podman {
  Podman() {
    SourceOptions options;
    options.paths.podman_root = tree.at("graph");
    options.paths.podman_runroot = tree.at("run");
    options.paths.passwd = tree.at("etc/passwd");
    options.env = {"COLOR"};
    source = make_podman_source(options);
  }
  std::optional<Identity> ask(const std::string& path) const {
    const size_t at = path.find("libpod-");
    const std::string hex = at == std::string::npos ? kWeb : path.substr(at + 7, 64);
    return source->identify({.path = path, .hex = hex, .pid = 1});
  }
  std::vector<Identity> ended() const {
    std::vector<Identity> list;
    source->list_ended(list);
    return list;
  }
  TempTree tree;
  std::unique_ptr<Source> source;
};

constexpr const char* kBolt = "graph/libpod/bolt_state.db";
constexpr const char* kSql = "graph/db.sql";

// The same containers in both kinds of database.
class PodmanDatabase : public testing::TestWithParam<const char*>, public Podman {
 public:
  void write(const std::string& web_state = kRunning) const {
    tree.write(GetParam(), GetParam() == std::string(kBolt) ? bolt_state(web_state) : sql_state(web_state));
  }
};

TEST_P(PodmanDatabase, Container) {
  write();
  const auto identity = ask(kScope);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->engine, "podman");
  EXPECT_EQ(identity->id, kWeb);
  EXPECT_EQ(identity->name, "web");
  EXPECT_EQ(identity->image, "localhost/bb:1");
  EXPECT_EQ(identity->labels, (std::map<std::string, std::string>{{"app", "shop"}}));
  EXPECT_EQ(identity->env, (std::map<std::string, std::string>{{"COLOR", "blue"}}));
  EXPECT_EQ(identity->created_ns, 1767323045'038338671);
  EXPECT_EQ(identity->started_ns, 1767323046'500000000);
  EXPECT_EQ(identity->state, State::kRunning);
  EXPECT_EQ(identity->restarts, 0u);
  EXPECT_EQ(identity->health, Health::kNone);
  EXPECT_FALSE(identity->exit_code);
  EXPECT_FALSE(identity->sandbox);
  EXPECT_FALSE(identity->host_network);
  EXPECT_EQ(identity->pod, "");
  EXPECT_TRUE(identity->settled);
}

TEST_P(PodmanDatabase, Pod) {
  write();
  const auto infra = ask("/libpod_parent/" + kPod + "/libpod-" + kInfra);
  ASSERT_TRUE(infra);
  EXPECT_TRUE(infra->sandbox);
  EXPECT_EQ(infra->pod, "shop");
  EXPECT_EQ(infra->pod_uid, kPod);
  EXPECT_EQ(infra->container, "");
  const auto member = ask("/libpod_parent/" + kPod + "/libpod-" + kDone);
  ASSERT_TRUE(member);
  EXPECT_FALSE(member->sandbox);
  EXPECT_EQ(member->container, "done");
  EXPECT_EQ(member->pod, "shop");
}

TEST_P(PodmanDatabase, RefreshFollows) {
  write(R"({"state":2,"startedTime":"0001-01-01T00:00:00Z"})");
  auto identity = ask(kScope);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->state, State::kCreated);
  EXPECT_FALSE(identity->settled);
  for (int i = 0; i < 2; ++i) {  // the second time only the state is read
    write(i == 0 ? kRunning : R"({"state":5,"startedTime":"2026-01-02T03:04:06.5Z","restartCount":4})");
    source->refresh(*identity);
    EXPECT_EQ(identity->state, i == 0 ? State::kRunning : State::kPaused);
  }
  EXPECT_EQ(identity->restarts, 4u);
  EXPECT_EQ(identity->name, "web");
  ASSERT_EQ(::unlink(tree.at(GetParam()).c_str()), 0);
  source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kPaused);  // as it was
}

TEST_P(PodmanDatabase, ListsTheEnded) {
  write();
  ASSERT_EQ(ended().size(), 1u);
  const Identity done = ended()[0];
  EXPECT_EQ(done.name, "done");
  EXPECT_EQ(done.state, State::kExited);
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_EQ(done.oom_killed, true);
  EXPECT_EQ(done.restarts, 2u);
  write(kExited);
  EXPECT_EQ(ended().size(), 2u);
  ASSERT_EQ(::unlink(tree.at(GetParam()).c_str()), 0);
  EXPECT_TRUE(ended().empty());
}

TEST_P(PodmanDatabase, TruncatedOrForeign) {
  write();
  const std::string whole = *read_file(tree.at(GetParam()));
  for (size_t size = 0; size < whole.size(); size += 499) {
    tree.write(GetParam(), whole.substr(0, size));
    const auto identity = ask(kScope);
    EXPECT_TRUE(!identity || identity->name == "web") << size;
    (void)ended();
  }
  for (size_t at = 0; at < whole.size(); at += 97) {
    std::string changed = whole;
    changed[at] = static_cast<char>(~changed[at]);
    tree.write(GetParam(), changed);
    const auto identity = ask(kScope);
    EXPECT_TRUE(!identity || identity->id == kWeb) << at;
    (void)ended();
  }
}

INSTANTIATE_TEST_SUITE_P(Both, PodmanDatabase, testing::Values(kBolt, kSql));

TEST(Podman, GroupsThatAreNotItsOwn) {
  Podman podman;
  podman.tree.write(kBolt, bolt_state());
  for (const std::string& path : {"/crio-" + kWeb, "/docker/" + kWeb, "/" + kWeb, "/libpod_parent/" + kPod})
    EXPECT_FALSE(podman.ask(path)) << path;
  EXPECT_FALSE(podman.source->identify({.path = "/libpod-conmon-" + kWeb, .hex = "", .pid = 1}));
  EXPECT_FALSE(podman.ask("/libpod-" + std::string(64, 'f')));
  const auto quadlet =
      podman.source->identify({.path = "/system.slice/web.service/libpod-payload-" + kWeb, .hex = kWeb, .pid = 1});
  EXPECT_TRUE(quadlet);
}

TEST(Podman, TheNewerOfTwoDatabases) {
  Podman podman;
  podman.tree.write(kBolt, bolt_state(R"({"state":2})"));
  podman.tree.write(kSql, sql_state());
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, podman.tree.at(kBolt).c_str(), old, 0), 0);
  EXPECT_EQ(podman.ask(kScope)->state, State::kRunning);
  const timespec older[2] = {{500, 0}, {500, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, podman.tree.at(kSql).c_str(), older, 0), 0);
  EXPECT_EQ(podman.ask(kScope)->state, State::kCreated);
}

TEST(Podman, WhileTheDatabaseIsWritten) {
  Podman podman;
  podman.tree.write(kSql, sql_state());
  podman.tree.write("graph/db.sql-journal", "rollback");
  EXPECT_FALSE(podman.ask(kScope));
  podman.tree.write("graph/db.sql-journal", "");  // kept, but over
  EXPECT_TRUE(podman.ask(kScope));
}

TEST(Podman, StorageListWithoutADatabase) {
  Podman podman;
  podman.tree.write(
      "graph/overlay-containers/containers.json",
      R"([7,{"id":"x"},{"id":")" + kWeb +
          R"(","names":["old"],"metadata":"{\"image-name\":\"localhost/bb:1\",\"name\":\"web\"}","created":"2026-01-02T03:04:05Z"},
                       {"id":")" +
          kDone + R"(","names":["done",3],"metadata":7}])");
  const auto web = podman.ask(kScope);
  ASSERT_TRUE(web);
  EXPECT_EQ(web->name, "web");
  EXPECT_EQ(web->image, "localhost/bb:1");
  EXPECT_EQ(web->created_ns, 1767323045'000000000);
  EXPECT_FALSE(web->restarts);  // it does not tell
  EXPECT_EQ(podman.ask("/libpod-" + kDone)->name, "done");
  EXPECT_FALSE(podman.ask("/libpod-" + kInfra));
  for (const char* text : {"", "{}", "[", "[{\"id\":7}]", "null"}) {
    podman.tree.write("graph/overlay-containers/containers.json", text);
    EXPECT_FALSE(podman.ask(kScope)) << text;
  }
}

TEST(Podman, HostNetworkAndHealth) {
  Podman podman;
  const std::string health = R"("name":"web","healthcheck":{"Test":["CMD-SHELL","true"]})";
  podman.tree.write(
      kBolt,
      write_bolt(
          {.buckets = {
               {"ctr",
                {.buckets = {
                     {kWeb, container(config(kWeb, health, R"([{"type":"pid"}])"), kRunning)},
                     {kDone, container(config(kDone, R"("name":"n","netNsCtr":"x","healthcheck":{"Test":["NONE"]})",
                                              R"([{"type":"pid"}])"),
                                       kRunning)}}}}}}));
  auto web = podman.ask(kScope);
  ASSERT_TRUE(web);
  EXPECT_TRUE(web->host_network);
  EXPECT_EQ(web->health, Health::kStarting);
  EXPECT_FALSE(podman.ask("/libpod-" + kDone)->host_network);
  EXPECT_EQ(podman.ask("/libpod-" + kDone)->health, Health::kNone);
  const std::string log = "run/overlay-containers/" + kWeb + "/healthcheck.log";
  for (const auto& [text, expected] :
       {std::pair{R"({"Status":"healthy","FailingStreak":0,"Log":[]})", Health::kHealthy},
        std::pair{R"({"Status":"unhealthy"})", Health::kUnhealthy}, std::pair{R"({"Status":[]})", Health::kStarting},
        std::pair{"{", Health::kStarting}}) {
    podman.tree.write(log, text);
    podman.source->refresh(*web);
    EXPECT_EQ(web->health, expected) << text;
  }
}

TEST(Podman, WrongTypesAndOthersDocuments) {
  Podman podman;
  const auto ask_with = [&](const std::string& config, const std::string& state) {
    podman.tree.write(kBolt, write_bolt({.buckets = {{"ctr", {.buckets = {{kWeb, container(config, state)}}}}}}));
    return podman.ask(kScope);
  };
  EXPECT_FALSE(ask_with("", ""));
  EXPECT_FALSE(ask_with("[]", kRunning));
  EXPECT_FALSE(ask_with(config(kDone, R"("name":"other")"), kRunning));
  const auto odd = ask_with(
      R"({"id":")" + kWeb + R"(","name":7,"labels":["x"],"spec":[],"healthcheck":"x","pod":{},"createdTime":1})",
      R"({"state":"3"})");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->name, "");
  EXPECT_EQ(odd->state, State::kUnknown);
  EXPECT_FALSE(odd->settled);
  EXPECT_EQ(ask_with(kWebConfig, R"({"state":99,"restartCount":-4})")->state, State::kUnknown);
  EXPECT_EQ(ask_with(kWebConfig, R"({"state":-1,"restartCount":-4})")->restarts, 0u);
}

struct Users : Podman {
  Users() {
    tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nbroken\n:::\nann:x:" + std::to_string(::getuid() + 0) +
                                 ":100::/home/ann:/bin/sh\nbob:x:4000:4000::/home/bob:/bin/sh\n");
    for (const char* user : {"ann", "bob"})
      tree.write("home/" + std::string(user) + "/.local/share/containers/storage/libpod/bolt_state.db", bolt_state());
  }
};

TEST(Podman, UsersStoresAndTheirOwners) {
  Users users;
  users.tree.write("etc/passwd", "bob:x:4000:4000::/home/bob:/bin/sh\n");
  const std::string group = "/user.slice/user-4000.slice/user@4000.service/user.slice/libpod-" + kWeb + ".scope";
  const std::string file = users.tree.at("home/bob/.local/share/containers/storage/libpod/bolt_state.db");
  EXPECT_FALSE(users.ask(group));  // not bob's file
  if (::getuid() != 0) GTEST_SKIP() << "needs root: gives a file to another user";
  ASSERT_EQ(::chown(file.c_str(), 4000, 4000), 0);
  const auto identity = users.ask(group);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "web");
  EXPECT_EQ(users.ended().size(), 1u);
  auto again = *identity;
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  users.source->refresh(again);
  EXPECT_EQ(again.name, "web");
  EXPECT_FALSE(users.ask("/user.slice/user-4001.slice/libpod-" + kWeb + ".scope"));  // unknown user
}

// Root's store is not for users' groups, nor a user's for root's.
TEST(Podman, StoresAreApart) {
  Users users;
  EXPECT_FALSE(users.ask(kScope));
  users.tree.write(kBolt, bolt_state());
  EXPECT_TRUE(users.ask(kScope));
  EXPECT_TRUE(users.ask("/user.slice/user-0.slice/libpod-" + kWeb + ".scope"));
  EXPECT_FALSE(users.ask("/user.slice/user-4000.slice/libpod-" + kWeb + ".scope"));
  EXPECT_FALSE(users.ask("/user.slice/user@4000.service/libpod-" + kWeb + ".scope"));
}

TEST(Podman, FifosAndLinks) {
  Podman podman;
  podman.tree.write("elsewhere", bolt_state());
  podman.tree.make_dir("graph/libpod");
  ASSERT_EQ(::symlink(podman.tree.at("elsewhere").c_str(), podman.tree.at(kBolt).c_str()), 0);
  EXPECT_FALSE(podman.ask(kScope));
  ASSERT_EQ(::unlink(podman.tree.at(kBolt).c_str()), 0);
  ASSERT_EQ(::mkfifo(podman.tree.at(kBolt).c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(podman.tree.at("etc-passwd").c_str(), 0600), 0);
  EXPECT_FALSE(podman.ask(kScope));
  EXPECT_TRUE(podman.ended().empty());
}

}  // namespace
}  // namespace plimsoll::engine
