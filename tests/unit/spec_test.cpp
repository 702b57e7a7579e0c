// SPDX-License-Identifier: Apache-2.0
// runtime/spec/read.h: the members outside of "linux" and "process", and whole files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/spec/read.h"
#include "tests/unit/spec_text.h"

namespace plimsoll::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

TEST(Spec, TheSmallestOne) {
  const Spec spec = must_read(config(""));
  EXPECT_EQ(spec.version, "1.0.2");
  EXPECT_EQ(spec.root.path, "rootfs");
  EXPECT_FALSE(spec.root.readonly);
  EXPECT_FALSE(spec.process || spec.seccomp || spec.personality);
  EXPECT_THAT(spec.namespaces, IsEmpty());
}

TEST(Spec, UnknownMembersAndOtherPlatformsAreIgnored) {
  EXPECT_EQ(problem_of(config(R"("windows": {"layerFolders": 5}, "vm": [], "x": {"ociVersion": 3})")), "");
}

TEST(Spec, Versions) {
  const auto with = [](std::string_view version) {
    return problem_of("{\"ociVersion\": \"" + std::string(version) + "\", \"root\": {\"path\": \"r\"}}");
  };
  for (const char* good :
       {"1.0.0", "1.0.2-dev", "1.0.0-rc5-dev", "1.1.0+dev", "1.2.1", "1.3.0", "1.3.99", "1.2.0-rc.1+x"})
    EXPECT_EQ(with(good), "") << good;
  for (const char* other : {"0.5.0-dev", "2.0.0", "18446744073709551615.0.0"})
    EXPECT_THAT(with(other), HasSubstr("only 1.x is")) << other;
  for (const char* bad :
       {"", "1", "1.0", "v1.0.0", "1.0.0.0", "1.0.x", "1.0.0-", "1.0.0 ", "01.0.0", "1..0", "1.0.0-a/b", "1.0.0_"})
    EXPECT_THAT(with(bad), HasSubstr("is no version")) << bad;
  EXPECT_EQ(problem_of(R"({"root": {"path": "r"}})"), "ociVersion: missing");
}

TEST(Spec, ANewerMinorVersionIsAWarning) {
  Warnings warnings;
  EXPECT_TRUE(read_spec(R"({"ociVersion": "1.4.0", "root": {"path": "r"}})", warnings));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("1.4.0 is newer than 1.3")));
  warnings.clear();
  EXPECT_TRUE(read_spec(config(""), warnings));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(Spec, Root) {
  const Spec spec = must_read(R"({"ociVersion": "1.0.0", "root": {"path": "/a b", "readonly": true}})");
  EXPECT_EQ(spec.root.path, "/a b");
  EXPECT_TRUE(spec.root.readonly);
  for (const char* root : {"", ", \"root\": {}", ", \"root\": null", ", \"root\": {\"path\": \"\"}"})
    EXPECT_EQ(problem_of("{\"ociVersion\": \"1.0.0\"" + std::string(root) + "}"), "root: must have a path") << root;
  EXPECT_EQ(problem_of(R"({"ociVersion": "1.0.0", "root": {"path": "a", "readonly": "yes"}})"),
            "root.readonly: must be true or false");
}

TEST(Spec, NamesNeedAUtsNamespace) {
  const std::string uts = R"(, "linux": {"namespaces": [{"type": "uts"}]})";
  const Spec spec = must_read(config(R"("hostname": "web", "domainname": "example.org")" + uts));
  EXPECT_EQ(spec.hostname, "web");
  EXPECT_EQ(spec.domainname, "example.org");
  EXPECT_EQ(problem_of(config(R"("hostname": "web")")), "hostname: needs a uts namespace, or it would change the host");
  EXPECT_THAT(problem_of(config(R"("domainname": "d")")), StartsWith("domainname: needs a uts namespace"));
  EXPECT_EQ(problem_of(config(R"("hostname": "")")), "");
  EXPECT_THAT(problem_of(config("\"hostname\": \"" + std::string(65, 'a') + "\"" + uts)), StartsWith("hostname: "));
  EXPECT_EQ(problem_of(config("\"hostname\": \"" + std::string(64, 'a') + "\"" + uts)), "");
}

TEST(Spec, Mounts) {
  const Spec spec = must_read(config(R"("mounts": [
      {"destination": "/proc", "type": "proc", "source": "proc"},
      {"destination": "/data", "source": "/srv", "options": ["rbind", "idmap"],
       "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
       "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 20}]}])"));
  ASSERT_EQ(spec.mounts.size(), 2u) << spec.version;
  EXPECT_EQ(spec.mounts[0].type, "proc");
  EXPECT_THAT(spec.mounts[0].options, IsEmpty());
  EXPECT_EQ(spec.mounts[1].source, "/srv");
  EXPECT_THAT(spec.mounts[1].options, ElementsAre("rbind", "idmap"));
  EXPECT_EQ(spec.mounts[1].gid_mappings.at(0).host_id, 2000u);
  EXPECT_EQ(spec.mounts[1].uid_mappings.at(0).size, 10u);
}

TEST(Spec, MountsThatCannotBe) {
  EXPECT_EQ(problem_of(config(R"("mounts": [{"destination": "/a"}, {"source": "x"}])")),
            "mounts[1].destination: missing");
  EXPECT_EQ(problem_of(config(R"("mounts": [{"destination": ""}])")), "mounts[0].destination: missing");
  EXPECT_THAT(problem_of(config(R"("mounts": [{"destination": "/a", "options": ["bind", "idmap"]}])")),
              StartsWith("mounts[0].options: idmap needs"));
  EXPECT_THAT(problem_of(config(R"("mounts": [{"destination": "/a", "options": ["ridmap"]}])")),
              StartsWith("mounts[0]"));
  EXPECT_EQ(problem_of(config(R"("mounts": [{"destination": "/a", "options": ["bind", "idmap"]}],
      "linux": {"namespaces": [{"type": "user", "path": "/proc/1/ns/user"}]})")),
            "");
  EXPECT_THAT(problem_of(config(R"("mounts": [{"destination": "/a",
      "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}])")),
              HasSubstr("must both be there"));
  EXPECT_THAT(problem_of(config(R"("mounts": [{"destination": "/a",
      "gidMappings": [{"containerID": 0, "hostID": 1, "size": 0}]}])")),
              StartsWith("mounts[0].gidMappings[0].size: must be above 0"));
}

TEST(Spec, ARelativeDestinationIsAWarning) {
  Warnings warnings;
  const auto spec = read_spec(config(R"("mounts": [{"destination": "tmp"}])"), warnings);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->mounts[0].destination, "tmp");
  EXPECT_THAT(warnings, ElementsAre(StartsWith("mounts[0].destination: 'tmp' is relative")));
}

TEST(Spec, Hooks) {
  const Spec spec = must_read(config(R"("hooks": {
      "prestart": [{"path": "/a", "args": ["a", "b"], "env": ["X=1"], "timeout": 5}],
      "createRuntime": [{"path": "/b"}], "createContainer": [{"path": "/c"}], "startContainer": [{"path": "/d"}],
      "poststart": [{"path": "/e"}, {"path": "/f"}], "poststop": null})"));
  ASSERT_EQ(spec.hooks.prestart.size(), 1u) << spec.version;
  EXPECT_THAT(spec.hooks.prestart[0].args, ElementsAre("a", "b"));
  EXPECT_THAT(spec.hooks.prestart[0].env, ElementsAre("X=1"));
  EXPECT_EQ(spec.hooks.prestart[0].timeout, 5);
  EXPECT_EQ(spec.hooks.create_runtime.at(0).path, "/b");
  EXPECT_EQ(spec.hooks.create_runtime.at(0).timeout, std::nullopt);
  EXPECT_EQ(spec.hooks.create_container.at(0).path, "/c");
  EXPECT_EQ(spec.hooks.start_container.at(0).path, "/d");
  EXPECT_EQ(spec.hooks.poststart.at(1).path, "/f");
  EXPECT_THAT(spec.hooks.poststop, IsEmpty());
}

TEST(Spec, HooksThatCannotBe) {
  const auto with = [](std::string_view hook) {
    return problem_of(config("\"hooks\": {\"poststop\": [" + std::string(hook) + "]}"));
  };
  EXPECT_EQ(with(R"({"args": ["x"]})"), "hooks.poststop[0].path: missing");
  EXPECT_EQ(with(R"({"path": "bin/x"})"), "hooks.poststop[0].path: must be an absolute path");
  EXPECT_EQ(with(R"({"path": "/x", "timeout": 0})"), "hooks.poststop[0].timeout: must be above 0");
  EXPECT_EQ(with(R"({"path": "/x", "timeout": -1})"), "hooks.poststop[0].timeout: must be above 0");
  EXPECT_EQ(with(R"({"path": "/x"}, 5)"), "hooks.poststop: must be a list of objects");
}

TEST(Spec, Annotations) {
  EXPECT_THAT(must_read(config(R"("annotations": {"a.b": "c", "d": ""})")).annotations,
              ElementsAre(Pair("a.b", "c"), Pair("d", "")));
  EXPECT_EQ(problem_of(config(R"("annotations": {"": "c"})")), "annotations: one has no name");
  EXPECT_EQ(problem_of(config(R"("annotations": {"a": 1})")), "annotations: must be an object of texts");
}

TEST(Spec, WhatIsNoConfiguration) {
  EXPECT_EQ(problem_of("[]"), "must be a JSON object");
  EXPECT_THAT(problem_of(""), HasSubstr("not JSON"));
  EXPECT_EQ(problem_of(std::string(kLargestConfig + 1, ' ')), "larger than 16 MiB");
  EXPECT_THAT(problem_of(std::string(100'000, '[')), HasSubstr("nested more than 64"));
  EXPECT_THAT(problem_of(config(R"("hostname": "a", "hostname": "b")")), HasSubstr("twice"));
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The specification's own examples: PLIMSOLL_RUNTIME_SPEC names a checkout of opencontainers/runtime-spec.
TEST(Spec, TheSpecificationsOwnExamples) {
  const char* const checkout = std::getenv("PLIMSOLL_RUNTIME_SPEC");
  if (checkout == nullptr) GTEST_SKIP() << "PLIMSOLL_RUNTIME_SPEC names no checkout";
  const std::filesystem::path examples = std::filesystem::path(checkout) / "schema/test/config";
  for (const char* name : {"minimal", "minimal-for-start", "linux-rdma", "freebsd-minimal", "zos-minimal"})
    EXPECT_EQ(problem_of(read_whole(examples / "good" / (std::string(name) + ".json"))), "") << name;
  for (const char* name : {"invalid-json", "linux-hugepage", "linux-netdevice", "linux-rdma"})
    EXPECT_NE(problem_of(read_whole(examples / "bad" / (std::string(name) + ".json"))), "") << name;
  // Two that follow the schema and not the text: version 0.5, and a device that moves into no namespace.
  std::string example = read_whole(examples / "good/spec-example.json");
  EXPECT_THAT(problem_of(example), HasSubstr("only 1.x is"));
  example.replace(example.find("0.5.0-dev"), 9, "1.0.0-dev");
  EXPECT_EQ(problem_of(example), "");
  EXPECT_THAT(problem_of(read_whole(examples / "good/linux-netdevice.json")), HasSubstr("needs a network namespace"));
}

}  // namespace
}  // namespace plimsoll::spec
