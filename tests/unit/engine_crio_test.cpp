// SPDX-License-Identifier: Apache-2.0
// collectors/engine/crio.cpp and oci_spec.h. Debian has no CRI-O: these files are made after the annotations that its
// documentation and sources name (internal/annotations), not taken from a running one.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/engine/oci_spec.h"
#include "collectors/engine/source.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::TempTree;

const std::string kId = "134b58ab2e0cfd7432a9db818b1b4ec52fdc747333f0ba2c9342860dc2ea7c50";
const std::string kUserData = "overlay-containers/" + kId + "/userdata/";
const std::string kGroup = "/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope";

constexpr const char* kContainer = R"({"ociVersion":"1.0.2","process":{"env":["A=1","COLOR=blue"]},"annotations":{
 "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.Name":"k8s_app_web_default_aaaa_2",
 "io.kubernetes.cri-o.ImageName":"quay.io/example/app:1","io.kubernetes.cri-o.Image":"9f8e","io.kubernetes.cri-o.SandboxID":"77",
 "io.kubernetes.cri-o.Created":"2022-01-07T11:33:26.50092793-06:00",
 "io.kubernetes.cri-o.Annotations":"{\"io.kubernetes.container.restartCount\":\"2\"}",
 "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web\",\"io.kubernetes.pod.namespace\":\"default\",\"io.kubernetes.pod.uid\":\"aaaa\",\"run\":\"web\"}"},
 "linux":{"cgroupsPath":"kubepods-pod1.slice:crio:134b","namespaces":[{"type":"pid"},{"type":"network","path":"/run/netns/x"}]}})";

constexpr const char* kSandbox =
    R"({"annotations":{"io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.cri-o.Name":"k8s_POD_web",
 "io.kubernetes.cri-o.KubeName":"web","io.kubernetes.cri-o.Namespace":"default","io.kubernetes.pod.uid":"aaaa","io.kubernetes.container.name":"POD",
 "io.kubernetes.cri-o.Image":"registry.k8s.io/pause:3.9","io.kubernetes.cri-o.HostNetwork":"true"},"linux":{}})";

struct Crio {
  explicit Crio(const std::string& config) {
    if (!config.empty()) tree.write("run/" + kUserData + "config.json", config);
    SourceOptions options;
    options.paths.podman_root = tree.at("graph");
    options.paths.podman_runroot = tree.at("run");
    options.env = {"COLOR"};
    source = make_crio_source(options);
  }
  std::optional<Identity> ask(const std::string& path = kGroup, const std::string& hex = kId) const {
    return source->identify({.path = path, .hex = hex, .pid = 1});
  }
  TempTree tree;
  std::unique_ptr<Source> source;
};

TEST(Crio, Container) {
  const auto identity = Crio(kContainer).ask();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->engine, "cri-o");
  EXPECT_EQ(identity->id, kId);
  EXPECT_EQ(identity->name, "k8s_app_web_default_aaaa_2");
  EXPECT_EQ(identity->image, "quay.io/example/app:1");
  EXPECT_EQ(identity->container, "app");
  EXPECT_EQ(identity->pod, "web");
  EXPECT_EQ(identity->pod_namespace, "default");
  EXPECT_EQ(identity->pod_uid, "aaaa");
  EXPECT_EQ(identity->labels.at("run"), "web");
  EXPECT_EQ(identity->env, (std::map<std::string, std::string>{{"COLOR", "blue"}}));
  EXPECT_EQ(identity->created_ns, 1641576806'500927930);
  EXPECT_EQ(identity->restarts, 2u);
  EXPECT_FALSE(identity->sandbox);
  EXPECT_FALSE(identity->host_network);
}

TEST(Crio, SandboxWithoutLabels) {
  const auto identity = Crio(kSandbox).ask();
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->sandbox);
  EXPECT_TRUE(identity->host_network);
  EXPECT_EQ(identity->pod, "web");
  EXPECT_EQ(identity->pod_namespace, "default");
  EXPECT_EQ(identity->container, "POD");
  EXPECT_EQ(identity->image, "registry.k8s.io/pause:3.9");
  EXPECT_EQ(identity->created_ns, 0);
  EXPECT_FALSE(identity->restarts);
}

TEST(Crio, ConfigurationInTheGraphRoot) {
  Crio crio("");
  crio.tree.write("graph/" + kUserData + "config.json", kContainer);
  EXPECT_TRUE(crio.ask());
  EXPECT_TRUE(crio.ask("/pod1/crio-" + kId));
}

TEST(Crio, NotItsGroup) {
  const Crio crio(kContainer);
  EXPECT_FALSE(crio.ask("/machine.slice/libpod-" + kId + ".scope"));
  EXPECT_FALSE(crio.ask("/docker/" + kId));
  EXPECT_FALSE(crio.ask("/crio-conmon-" + kId + ".scope", ""));
  const std::string other = std::string(64, 'a');
  EXPECT_FALSE(crio.ask("/crio-" + other + ".scope", other));
}

TEST(Crio, NotItsFile) {
  for (const char* text : {"", "{", "[]", "null", R"({"annotations":{},"linux":{}})",
                           R"({"annotations":{"io.kubernetes.cri-o.ContainerType":"container"}})",
                           R"({"annotations":{"io.kubernetes.cri-o.ContainerType":7},"linux":{}})",
                           R"({"annotations":["io.kubernetes.cri-o.ContainerType"],"linux":{}})"})
    EXPECT_FALSE(Crio(text).ask()) << text;
  const std::string whole = kContainer;
  for (size_t size = 0; size + 1 < whole.size(); size += 11) EXPECT_FALSE(Crio(whole.substr(0, size)).ask()) << size;
}

TEST(Crio, WrongTypesWithin) {
  const auto identity =
      Crio(
          R"({"process":7,"annotations":{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.Labels":"[1",
      "io.kubernetes.cri-o.Created":"yesterday","io.kubernetes.cri-o.Annotations":"7"},"linux":{"namespaces":{},"cgroupsPath":[]}})")
          .ask();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, kId);
  EXPECT_TRUE(identity->labels.empty());
  EXPECT_EQ(identity->created_ns, 0);
  EXPECT_FALSE(identity->host_network);
}

TEST(Crio, FifoAndLink) {
  Crio crio("");
  crio.tree.write("elsewhere", kContainer);
  crio.tree.make_dir("run/" + kUserData);
  ASSERT_EQ(::symlink(crio.tree.at("elsewhere").c_str(), crio.tree.at("run/" + kUserData + "config.json").c_str()), 0);
  EXPECT_FALSE(crio.ask());
  ASSERT_EQ(::unlink(crio.tree.at("run/" + kUserData + "config.json").c_str()), 0);
  ASSERT_EQ(::mkfifo(crio.tree.at("run/" + kUserData + "config.json").c_str(), 0600), 0);
  EXPECT_FALSE(crio.ask());
}

TEST(Crio, StateFollowsItsFile) {
  const Crio crio(kContainer);
  const std::string file = "graph/" + kUserData + "state.json";
  crio.tree.write(file, R"({"status":"created"})");
  auto identity = crio.ask();
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->state, State::kCreated);
  EXPECT_FALSE(identity->settled);
  crio.tree.write(file, R"({"status":"running","started":"2022-01-07T17:33:27Z"})");
  crio.source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kRunning);
  EXPECT_EQ(identity->started_ns, 1641576807'000000000);
  EXPECT_TRUE(identity->settled);
  crio.tree.write(file, R"({"status":"stopped","started":"2022-01-07T17:33:27Z","exitCode":137,"oomKilled":true})");
  crio.source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kExited);
  EXPECT_EQ(identity->exit_code, 137);
  EXPECT_EQ(identity->oom_killed, true);
  crio.tree.write(file, "{torn");
  crio.source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kExited);
}

TEST(OciSpec, GroupsOfCgroupsPath) {
  const struct {
    const char *path, *id, *group;
  } cases[] = {{"/default/web", "web", "/default/web"},
               {"default/web", "web", "/default/web"},
               {"//a/./b/", "x", "/a/b"},
               {"", "web", "/web"},
               {"", "a/b", ""},
               {"/a/../b", "x", ""},
               {"..", "x", ""},
               {"/", "x", ""},
               {"system.slice:cri-containerd:8a", "8a", "/system.slice/cri-containerd-8a.scope"},
               {":docker:8a", "8a", "/system.slice/docker-8a.scope"},
               {"a-b-c.slice:cri:8a", "8a", "/a.slice/a-b.slice/a-b-c.slice/cri-8a.scope"},
               {"-.slice:cri:8a", "8a", "/cri-8a.scope"},
               {"x.slice::8a", "8a", "/x.slice/8a.scope"},
               {"x.slice:p:y.slice", "y", "/x.slice/y.slice"},
               {"x:p:8a", "8a", ""},
               {"-x.slice:p:8a", "8a", ""},
               {"x-.slice:p:8a", "8a", ""},
               {".slice:p:8a", "8a", ""},
               {"x.slice:p:", "", ""},
               {"x.slice:p:a:b", "", ""},
               {"x.slice:p:a/b", "", ""},
               {"x.slice:../p:a", "", ""},
               {"/with:colon/x", "x", "/with:colon/x"}};
  for (const auto& one : cases) EXPECT_EQ(cgroup_of(one.path, one.id), one.group) << one.path;
}

TEST(OciSpec, KeepsToItsBounds) {
  std::string text = R"({"linux":{},"annotations":{"long":")" + std::string(kMaxAnnotationBytes + 1, 'x') + "\"";
  for (size_t i = 0; i < 2 * kMaxAnnotations; ++i) text += ",\"a" + std::to_string(i) + "\":\"v\"";
  text += R"(},"process":{"env":["A=1",2)";
  for (size_t i = 0; i < 2 * kMaxEnv; ++i) text += R"(,"B=2")";
  const auto spec = parse_oci_spec(text + "]}}");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->annotations.size(), kMaxAnnotations);
  EXPECT_EQ(spec->annotation("long"), "");
  EXPECT_EQ(spec->env.size(), kMaxEnv);
}

TEST(OciSpec, HostNetworkNeedsAListWithoutIt) {
  EXPECT_TRUE(parse_oci_spec(R"({"linux":{"namespaces":[{"type":"pid"}]}})")->host_network);
  EXPECT_FALSE(parse_oci_spec(R"({"linux":{"namespaces":[{"type":"pid"},{"type":"network"}]}})")->host_network);
  EXPECT_FALSE(parse_oci_spec(R"({"linux":{}})")->host_network);
  EXPECT_FALSE(parse_oci_spec(R"({"linux":[]})"));
}

}  // namespace
}  // namespace plimsoll::engine
