// SPDX-License-Identifier: Apache-2.0
// collectors/engine/containerd.cpp and containerd_tasks.h. The documents are those of containerd 1.6.20 with ctr,
// shortened; Kubernetes' after the labels and annotations that the CRI plugin documents.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "collectors/engine/containerd_tasks.h"
#include "collectors/engine/source.h"
#include "tests/unit/bolt_writer.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::BoltBucket;
using test::TempTree;
using test::write_bolt;

const std::string kId(64, 'a');
constexpr const char* kTasks = "state/io.containerd.runtime.v2.task/";
constexpr const char* kDatabase = "root/io.containerd.metadata.v1.bolt/meta.db";
// 2026-11-22T16:47:59.693567034Z as Go writes it.
const std::string kCreated("\x01\x00\x00\x00\x0e\xe2\x95\x13\xbf\x29\x56\xfe\x3a\xff\xff", 15);

std::string spec(const std::string& cgroups_path, const std::string& annotations = "{}") {
  return R"({"ociVersion":"1.0.2-dev","process":{"env":["PATH=/bin","COLOR=blue"]},"annotations":)" + annotations +
         R"(,"linux":{"cgroupsPath":")" + cgroups_path + R"(","namespaces":[{"type":"pid"},{"type":"network"}]}})";
}

struct Containerd {
  Containerd() {
    SourceOptions options;
    options.paths.containerd_state = tree.at("state");
    options.paths.containerd_root = tree.at("root");
    options.env = {"COLOR"};
    source = make_containerd_source(options);
  }
  void add_task(const std::string& name, const std::string& config) const {
    tree.write(kTasks + name + "/config.json", config);
  }
  void add_records(const std::map<std::string, BoltBucket>& spaces) const {
    tree.write(kDatabase, write_bolt({.buckets = {{"v1", {.buckets = spaces}}}}));
  }
  std::optional<Identity> ask(const std::string& path, const std::string& hex = "") const {
    return source->identify({.path = path, .hex = hex, .pid = 1});
  }
  TempTree tree;
  std::unique_ptr<Source> source;
};

BoltBucket space(const std::string& id, std::map<std::string, std::string> labels,
                 const std::string& created = kCreated) {
  return {.buckets = {{"containers",
                       {.buckets = {{id,
                                     {.values = {{"image", "localhost/bb:1"}, {"createdat", created}},
                                      .buckets = {{"labels", {.values = std::move(labels), .inlined = true}}}}}}}}}};
}

TEST(Containerd, PlainContainer) {
  Containerd containerd;
  containerd.add_task("default/web", spec("/default/web"));
  containerd.add_records({{"default", space("web", {{"app", "shop"}})}});
  const auto identity = containerd.ask("/default/web");
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->engine, "containerd");
  EXPECT_EQ(identity->id, "web");
  EXPECT_EQ(identity->name, "web");
  EXPECT_EQ(identity->image, "localhost/bb:1");
  EXPECT_EQ(identity->labels, (std::map<std::string, std::string>{{"app", "shop"}}));
  EXPECT_EQ(identity->env, (std::map<std::string, std::string>{{"COLOR", "blue"}}));
  EXPECT_EQ(identity->created_ns, 1795366079'693567034);
  EXPECT_EQ(identity->state, State::kUnknown);
  EXPECT_FALSE(identity->exit_code || identity->restarts || identity->health);
  EXPECT_FALSE(identity->sandbox || identity->host_network);
  EXPECT_TRUE(identity->settled);
  for (const char* other : {"/default", "/default/web/child", "/default/db", "/", "", "/system.slice/web.service"})
    EXPECT_FALSE(containerd.ask(other)) << other;
}

TEST(Containerd, KubernetesByLabels) {
  Containerd containerd;
  const std::string group = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope";
  containerd.add_task("k8s.io/" + kId, spec("kubepods-pod1.slice:cri-containerd:" + kId));
  containerd.add_records({{"k8s.io", space(kId, {{"io.kubernetes.container.name", "app"},
                                                 {"io.kubernetes.pod.name", "web"},
                                                 {"io.kubernetes.pod.namespace", "default"},
                                                 {"io.kubernetes.pod.uid", "1"}})}});
  const std::string status = "root/io.containerd.grpc.v1.cri/containers/" + kId + "/status";
  containerd.tree.write(
      status, R"({"Version":"v1","Pid":0,"CreatedAt":1700000000000000000,"StartedAt":0,"FinishedAt":0,"ExitCode":0})");
  auto identity = containerd.ask(group, kId);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->name, kId);
  EXPECT_EQ(identity->container, "app");
  EXPECT_EQ(identity->pod, "web");
  EXPECT_EQ(identity->pod_namespace, "default");
  EXPECT_EQ(identity->pod_uid, "1");
  EXPECT_EQ(identity->state, State::kCreated);
  EXPECT_FALSE(identity->settled);
  containerd.tree.write(status, R"({"Version":"v1","StartedAt":1700000001000000000,"FinishedAt":0})");
  containerd.source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kRunning);
  EXPECT_EQ(identity->started_ns, 1700000001'000000000);
  EXPECT_TRUE(identity->settled);
  containerd.tree.write(
      status,
      R"({"StartedAt":1700000001000000000,"FinishedAt":1700000002000000000,"ExitCode":137,"Reason":"OOMKilled"})");
  containerd.source->refresh(*identity);
  EXPECT_EQ(identity->state, State::kExited);
  EXPECT_EQ(identity->exit_code, 137);
  EXPECT_EQ(identity->oom_killed, true);
  EXPECT_TRUE(containerd.ask("/elsewhere/cri-containerd-" + kId + ".scope", kId));  // the same group, nested
  EXPECT_FALSE(containerd.ask("/elsewhere/docker-" + kId + ".scope", kId));
}

TEST(Containerd, SandboxByAnnotationsWithoutADatabase) {
  Containerd containerd;
  containerd.add_task("k8s.io/" + kId, spec("/kubepods/pod1/" + kId, R"({"io.kubernetes.cri.container-type":"sandbox",
      "io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-uid":"1",
      "io.kubernetes.cri.image-name":"registry.k8s.io/pause:3.9"})"));
  const auto identity = containerd.ask("/kubepods/pod1/" + kId, kId);
  ASSERT_TRUE(identity);
  EXPECT_TRUE(identity->sandbox);
  EXPECT_EQ(identity->pod, "web");
  EXPECT_EQ(identity->pod_namespace, "default");
  EXPECT_EQ(identity->pod_uid, "1");
  EXPECT_EQ(identity->container, "");
  EXPECT_EQ(identity->image, "registry.k8s.io/pause:3.9");
  EXPECT_EQ(identity->created_ns, 0);
}

TEST(Containerd, SameNameInTwoNamespaces) {
  Containerd containerd;
  containerd.add_task("one/web", spec("/one/web"));
  containerd.add_task("two/web", spec("/custom"));
  containerd.add_records({{"one", space("web", {{"n", "1"}})}, {"two", space("web", {{"n", "2"}})}});
  EXPECT_EQ(containerd.ask("/one/web")->labels.at("n"), "1");
  EXPECT_EQ(containerd.ask("/custom")->labels.at("n"), "2");
  EXPECT_FALSE(containerd.ask("/two/web"));
}

TEST(Containerd, TimesThatAreNone) {
  for (const std::string& time :
       {std::string(), std::string("\x01"), std::string(15, '\0'), std::string(15, '\xff'),
        "\x01" + std::string(14, '\0'), "\x01" + std::string(14, '\xff'), "\x03" + kCreated.substr(1)}) {
    Containerd containerd;
    containerd.add_task("default/web", spec("/default/web"));
    containerd.add_records({{"default", space("web", {}, time)}});
    EXPECT_EQ(containerd.ask("/default/web")->created_ns, 0);
  }
}

TEST(Containerd, DamagedDatabase) {
  Containerd containerd;
  containerd.add_task("default/web", spec("/default/web"));
  for (const std::string& text : {std::string(), std::string("garbage"), std::string(70'000, 'x')}) {
    containerd.tree.write(kDatabase, text);
    const auto identity = containerd.ask("/default/web");
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->name, "web");
    EXPECT_EQ(identity->image, "");
  }
}

TEST(Containerd, ForeignBundles) {
  Containerd containerd;
  const std::string whole = spec("/default/web");
  for (size_t size = 0; size < whole.size(); size += 5)
    containerd.add_task("default/cut" + std::to_string(size), whole.substr(0, size));
  containerd.add_task("default/types", R"({"linux":{"cgroupsPath":7},"process":[],"annotations":"x"})");
  containerd.add_task("default/up", spec("/default/../../etc"));
  containerd.tree.write("elsewhere", whole);
  containerd.tree.make_dir(std::string(kTasks) + "default/link");
  containerd.tree.make_dir(std::string(kTasks) + "default/fifo");
  ASSERT_EQ(::symlink(containerd.tree.at("elsewhere").c_str(),
                      containerd.tree.at(std::string(kTasks) + "default/link/config.json").c_str()),
            0);
  ASSERT_EQ(::mkfifo(containerd.tree.at(std::string(kTasks) + "default/fifo/config.json").c_str(), 0600), 0);
  EXPECT_FALSE(containerd.ask("/default/web"));
  EXPECT_FALSE(containerd.ask("/etc"));
  EXPECT_TRUE(containerd.ask("/types"));  // without a path, runc uses the name
}

struct Tasks {
  void add(const std::string& name, const std::string& group) const {
    tree.write(kTasks + name + "/config.json", spec(group));
  }
  bool has(const std::string& group) { return tasks.find(group, "") != nullptr; }
  TempTree tree;
  ContainerdTasks tasks{tree.at("state"), 0};
};

TEST(ContainerdTasks, ComeAndGo) {
  Tasks tasks;
  EXPECT_FALSE(tasks.has("/default/web"));
  tasks.add("default/web", "/default/web");
  EXPECT_TRUE(tasks.has("/default/web"));
  tasks.add("default/db", "/default/db");
  tasks.add("other/db", "/other/db");
  EXPECT_TRUE(tasks.has("/default/db"));
  EXPECT_TRUE(tasks.has("/other/db"));
  EXPECT_EQ(tasks.tasks.find("/other/db", "")->name_space, "other");
  ASSERT_TRUE(remove_tree(tasks.tree.at(std::string(kTasks) + "default/web")));
  EXPECT_FALSE(tasks.has("/default/web"));
  tasks.add("default/db", "/moved");  // made anew under the same name
  EXPECT_TRUE(tasks.has("/moved"));
  EXPECT_FALSE(tasks.has("/default/db"));
  ASSERT_TRUE(remove_tree(tasks.tree.at("state")));
  EXPECT_FALSE(tasks.has("/other/db"));
}

// The bundle is there before its configuration is, and writing that changes no directory we watch.
TEST(ContainerdTasks, ConfigurationThatComesLater) {
  Tasks tasks;
  tasks.tree.make_dir(std::string(kTasks) + "default/web");
  EXPECT_FALSE(tasks.has("/default/web"));
  tasks.add("default/web", "/default/web");
  EXPECT_TRUE(tasks.has("/default/web"));
}

// A group that nobody knows costs no look at the directories before the interval is over.
TEST(ContainerdTasks, OneLookServesTheInterval) {
  const TempTree tree;
  ContainerdTasks tasks(tree.at("state"), 50'000'000);
  EXPECT_EQ(tasks.find("/default/web", ""), nullptr);
  tree.write(std::string(kTasks) + "default/web/config.json", spec("/default/web"));
  EXPECT_EQ(tasks.find("/default/web", ""), nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_NE(tasks.find("/default/web", ""), nullptr);
}

// A directory that has not changed for long is not listed again.
TEST(ContainerdTasks, OldDirectoriesAreLeftAlone) {
  Tasks tasks;
  tasks.add("default/web", "/default/web");
  const timespec old[2] = {{1000, 0}, {1000, 0}};
  for (const char* directory : {"", "default"})
    ASSERT_EQ(::utimensat(AT_FDCWD, tasks.tree.at(kTasks + std::string(directory)).c_str(), old, 0), 0);
  EXPECT_TRUE(tasks.has("/default/web"));
  tasks.tree.write(kTasks + std::string("default/web/config.json"), spec("/changed"));
  EXPECT_FALSE(tasks.has("/changed"));
  ASSERT_EQ(::utimensat(AT_FDCWD, tasks.tree.at(kTasks + std::string("default")).c_str(), nullptr, 0), 0);
  EXPECT_TRUE(tasks.has("/changed"));
}

}  // namespace
}  // namespace plimsoll::engine
