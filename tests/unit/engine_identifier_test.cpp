// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/identifier.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using testing::ElementsAre;
using testing::Pair;

const std::string kId = "29d1b04c78883e7949e957dc5353cb0d7bc3831a633e023060291563dd837127";
constexpr int64_t kSecond = 1'000'000'000;

TEST(ContainerIdIn, NamesOfContainers) {
  for (const char* before :
       {"/docker/", "/system.slice/docker-", "/machine.slice/libpod-", "/libpod_parent/libpod-",
        "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-", "/system.slice/x.service/libpod-payload-",
        "/kubepods/burstable/pod1b9a6c2e-8f4b-4c0e-9a57-0d3c6f1a2b3c/",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b9a.slice/cri-containerd-",
        "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1b9a.slice/crio-",
        "/system.slice/kubepods-burstable-pod1b9a.slice:cri-containerd:", "/ecs/task/", "/plimsoll/", "/", ""}) {
    EXPECT_EQ(container_id_in(std::string(before) + kId), kId) << before;
    EXPECT_EQ(container_id_in(std::string(before) + kId + ".scope"), kId) << before;
  }
}

TEST(ContainerIdIn, OtherNames) {
  std::string upper = kId;
  upper[2] = 'D';
  const std::string short_id = kId.substr(1);
  for (const std::string& path : {std::string(),
                                  std::string("/"),
                                  std::string("/docker"),
                                  "/docker/" + short_id,
                                  "/docker/" + kId + "0",
                                  "/docker/0" + kId,
                                  "/docker/" + upper,
                                  "/docker/" + kId + "/",
                                  "/docker/" + kId + "/init",
                                  "/machine.slice/libpod-" + kId + ".scope/container",
                                  "/machine.slice/libpod-conmon-" + kId + ".scope",
                                  "/kubepods/crio-conmon-" + kId,
                                  "/conmon-" + kId,
                                  "/system.slice/" + kId + ".service",
                                  "/system.slice/docker-" + kId + ".scope.scope",
                                  "/system.slice/docker_" + kId,
                                  std::string("/docker/buildkit/ywqr1u7rlmj7i0b2xa6t8vfjb"),
                                  std::string("/system.slice/ssh.service"),
                                  std::string("/init.scope"),
                                  std::string(".scope"),
                                  std::string(100'000, 'a')})
    EXPECT_EQ(container_id_in(path), "") << path.substr(0, 200);
}

// How often a group is asked about when it is scraped every `step` for `seconds`.
int asked(bool likely, double step, double seconds, Retry retry = {}) {
  int count = 0;
  for (double now = 1000; now < 1000 + seconds; now += step) count += retry.due(int64_t(now * kSecond), likely);
  return count;
}

TEST(Retry, AtOnceThenMoreRarely) {
  EXPECT_EQ(asked(true, 15, 150), 10) << "every scrape at first";
  EXPECT_EQ(asked(false, 15, 60), 4);
  EXPECT_EQ(asked(true, 0.001, 0.5), 10) << "ten, however fast they come";
  EXPECT_EQ(asked(false, 0.001, 0.5), 4);
  // 10 at once, 1+2+4+8+16+32 = 63 s, then once in 60 s.
  EXPECT_NEAR(asked(true, 1, 3600), 10 + 6 + (3600 - 63) / 60, 2);
  // 4 at once, 1+2+...+256 = 511 s, then once in 300 s.
  EXPECT_NEAR(asked(false, 1, 86400), 4 + 9 + (86400 - 511) / 300, 2);
}

TEST(Retry, NeverGivesUp) {
  for (bool likely : {true, false}) {
    Retry retry;
    int64_t now = 0;
    for (int i = 0; i < 1'000'000; ++i) ASSERT_TRUE(retry.due(now += 300 * kSecond, likely)) << i;
  }
}

// Knows groups below its own path, and counts what it is asked.
class FakeSource final : public Source {
 public:
  FakeSource(std::string_view engine, std::string prefix, int& refreshed)
      : engine_(engine), prefix_(std::move(prefix)), refreshed_(refreshed) {}
  std::optional<Identity> identify(const Candidate& candidate) override {
    if (!candidate.path.starts_with(prefix_)) return std::nullopt;
    Identity identity;
    identity.engine = engine_;
    identity.id = candidate.hex;
    return identity;
  }
  void refresh(Identity& identity) override {
    ++refreshed_;
    identity.name = engine_;
  }
  void list_ended(std::vector<Identity>& ended) override {
    ended.emplace_back();
    ended.back().engine = engine_;
  }

 private:
  std::string_view engine_;
  std::string prefix_;
  int& refreshed_;
};

struct Fakes {
  int first = 0, second = 0;
  std::unique_ptr<Identifier> identifier;
  Fakes() {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<FakeSource>("docker", "/docker/", first));
    sources.push_back(std::make_unique<FakeSource>("podman", "/", second));
    identifier = std::make_unique<Identifier>(std::move(sources));
  }
};

TEST(Identifier, TheFirstSourceThatKnowsTheGroup) {
  Fakes fakes;
  auto docker = fakes.identifier->identify("/docker/" + kId, 0);
  auto podman = fakes.identifier->identify("/x/" + kId, 0);
  ASSERT_TRUE(docker && podman);
  EXPECT_EQ(docker->engine, "docker");
  EXPECT_EQ(docker->id, kId);
  EXPECT_EQ(podman->engine, "podman");
  EXPECT_FALSE(fakes.identifier->identify("", 0));
}

TEST(Identifier, OnlyItsOwnSourceRefreshesAnIdentity) {
  Fakes fakes;
  auto podman = fakes.identifier->identify("/x/" + kId, 0);
  fakes.identifier->refresh(*podman);
  EXPECT_EQ(podman->name, "podman");
  EXPECT_EQ(fakes.first, 0);
  EXPECT_EQ(fakes.second, 1);
  Identity stranger;
  stranger.engine = "docker";
  fakes.identifier->refresh(stranger);
  EXPECT_EQ(stranger.name, "");
  std::vector<Identity> ended = fakes.identifier->list_ended();
  ASSERT_EQ(ended.size(), 2u);
  for (Identity& identity : ended) fakes.identifier->refresh(identity);
  EXPECT_EQ(ended[0].name, "docker");
  EXPECT_EQ(ended[1].name, "podman");
}

TEST(Identifier, MayBeAskedFromTwoThreads) {
  Fakes fakes;
  std::atomic<int> found = 0;
  const auto ask = [&] {
    for (int i = 0; i < 2000; ++i) {
      auto identity = fakes.identifier->identify("/docker/" + kId, 0);
      if (identity) fakes.identifier->refresh(*identity), ++found;
      (void)fakes.identifier->list_ended();
    }
  };
  std::thread other(ask);
  ask();
  other.join();
  EXPECT_EQ(found, 4000);
  EXPECT_EQ(fakes.first, 4000);
}

TEST(Identifier, PathsLieBelowTheHostsRoot) {
  const test::TempTree tree;
  tree.write("host/docker/containers/" + kId + "/config.v2.json",
             R"({"ID":")" + kId + R"(","Name":"/web","State":{},"Config":{}})");
  SourceOptions options;
  options.paths.own = {tree.at("own"), tree.at("run")};
  for (std::string* path : {&options.paths.podman_root, &options.paths.podman_runroot, &options.paths.containerd_state,
                            &options.paths.containerd_root, &options.paths.passwd})
    *path = "/nowhere";
  options.paths.proc = tree.at("proc");
  options.paths.docker_root = "/docker";
  auto identity = make_identifier(options, tree.at("host"))->identify("/docker/" + kId, 0);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, "web");
  EXPECT_FALSE(make_identifier(options, "/")->identify("/docker/" + kId, 0));
  options.paths.docker_root = tree.at("host/docker");
  EXPECT_TRUE(make_identifier(options, "/")->identify("/docker/" + kId, 0));
}

TEST(AddLabel, KeepsToTheBounds) {
  Identity identity;
  add_label(identity, "a", std::string(kMaxLabelBytes, 'x'));
  add_label(identity, "b", std::string(kMaxLabelBytes + 1, 'x'));
  add_label(identity, std::string(kMaxLabelNameBytes + 1, 'n'), "x");
  EXPECT_EQ(identity.labels.size(), 1u);
  EXPECT_EQ(identity.labels_dropped, 2u);
  for (int i = 0; i < 10'000; ++i) add_label(identity, "l" + std::to_string(i), std::string(100'000, 'x'));
  EXPECT_EQ(identity.labels.size(), 1u);
  for (int i = 0; i < 10'000; ++i) add_label(identity, "l" + std::to_string(i), "v");
  EXPECT_EQ(identity.labels.size(), kMaxLabels);
}

TEST(AddEnv, OnlyWhatWasAskedFor) {
  Identity identity;
  for (const char* assignment : {"PATH=/bin", "APP_A=1", "APP_B=x=y", "APP=2", "EMPTY=", "BARE", "=x", ""})
    add_env(identity, assignment, {"APP_*", "EMPTY", "BARE"});
  EXPECT_THAT(identity.env, ElementsAre(Pair("APP_A", "1"), Pair("APP_B", "x=y"), Pair("EMPTY", "")));
  for (int i = 0; i < 1000; ++i) add_env(identity, "V" + std::to_string(i) + "=1", {"*"});
  EXPECT_EQ(identity.env.size(), kMaxLabels);
  add_env(identity, "A=" + std::string(1'000'000, 'x'), {"A"});
  for (const auto& [name, value] : identity.env) EXPECT_LE(value.size(), kMaxLabelBytes);
}

TEST(KubernetesLabels, OfEveryEngine) {
  Identity identity;
  identity.labels = {{"io.kubernetes.container.name", "app"},
                     {"io.kubernetes.pod.name", "web-0"},
                     {"io.kubernetes.pod.namespace", "default"},
                     {"io.kubernetes.pod.uid", "1b9a6c2e"}};
  take_kubernetes_labels(identity);
  EXPECT_EQ(identity.container, "app");
  EXPECT_EQ(identity.pod, "web-0");
  EXPECT_EQ(identity.pod_namespace, "default");
  EXPECT_EQ(identity.pod_uid, "1b9a6c2e");
  EXPECT_FALSE(identity.sandbox);
  const std::pair<const char*, const char*> kKinds[] = {{"io.kubernetes.docker.type", "podsandbox"},
                                                        {"io.cri-containerd.kind", "sandbox"},
                                                        {"io.kubernetes.cri-o.ContainerType", "sandbox"}};
  for (const auto& [name, value] : kKinds) {
    Identity sandbox, container;
    sandbox.labels[name] = value;
    container.labels[name] = "container";
    take_kubernetes_labels(sandbox);
    take_kubernetes_labels(container);
    EXPECT_TRUE(sandbox.sandbox) << name;
    EXPECT_FALSE(container.sandbox) << name;
    EXPECT_EQ(sandbox.pod, "");
  }
}

TEST(StateNames, AsEnginesCallThem) {
  EXPECT_EQ(to_string(State::kUnknown), "");
  EXPECT_EQ(to_string(State::kRunning), "running");
  EXPECT_EQ(to_string(State::kDead), "dead");
}

}  // namespace
}  // namespace plimsoll::engine
