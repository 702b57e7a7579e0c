// SPDX-License-Identifier: Apache-2.0
// The command line from its first word to its exit code; commands that need no container.
#include "runtime/oci/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temp_tree.h"

namespace plimsoll::oci {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Result {
  int code;
  std::string out, err;
};

class OciCommandLine : public ::testing::Test {
 protected:
  Result run(std::vector<std::string> words) {
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = run_command_line(pointers.data());
    return {code, ::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
  }
  Result with_root(std::vector<std::string> words) {
    words.insert(words.begin(), {"--root", tree_.path()});
    return run(std::move(words));
  }
  test::TempTree tree_;
};

TEST_F(OciCommandLine, TheVersionIsOnLinesThatClientsRead) {
  const Result result = run({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, StartsWith("plimsoll-oci version " PLIMSOLL_VERSION "\ncommit: "));
  EXPECT_THAT(result.out, HasSubstr("\nspec: 1.3.0\n"));
  EXPECT_EQ(run({"-v"}).out, result.out);
}

TEST_F(OciCommandLine, HelpIsOnStdout) {
  for (const char* option : {"--help", "-h", "help"}) {
    const Result result = run({option});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, HasSubstr("--cgroup-manager"));
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(OciCommandLine, EveryCommandHasHelpOfItsOwn) {
  for (const std::string command : {"create", "run", "start", "state", "kill", "delete", "list", "ps", "exec", "pause",
                                    "resume", "update", "events", "features", "spec", "checkpoint", "restore"}) {
    const Result result = run({command, "--help"});
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr("plimsoll-oci " + command + " ")) << command;
    EXPECT_EQ(run({"help", command}).out, result.out);
  }
}

TEST_F(OciCommandLine, WhatIsUnknownNamesTheNearest) {
  EXPECT_THAT(run({"strat", "x"}).err, HasSubstr("did you mean start?"));
  EXPECT_EQ(run({"strat", "x"}).code, 1);
  EXPECT_THAT(run({"--rot", "x", "list"}).err, HasSubstr("did you mean --root?"));
  EXPECT_THAT(run({"list", "--quite"}).err, HasSubstr("list: option --quite is not known: did you mean --quiet?"));
  EXPECT_EQ(run({}).code, 1);
}

TEST_F(OciCommandLine, ValuesOfGlobalOptionsAreChecked) {
  EXPECT_EQ(run({"--log-format", "xml", "list"}).code, 1);
  EXPECT_EQ(run({"--cgroup-manager", "x", "list"}).code, 1);
  EXPECT_EQ(run({"--rootless", "maybe", "list"}).code, 1);
  EXPECT_EQ(run({"--root=", "list"}).code, 1);
  EXPECT_EQ(with_root({"list"}).code, 0);
  EXPECT_EQ(run({"--root", tree_.path(), "--criu", "x", "--rootless=true", "--systemd-cgroup", "list"}).code, 0);
}

TEST_F(OciCommandLine, ErrorsGoToTheLogAsJson) {
  const std::string log = tree_.at("log");
  const Result result = with_root({"--log", log, "--log-format", "json", "state", "x"});
  EXPECT_EQ(result.code, 1);
  const auto line = nlohmann::json::parse(*read_file(log), nullptr, false);
  ASSERT_TRUE(line.is_object());
  EXPECT_EQ(line["level"], "error");
  EXPECT_THAT(line["msg"].get<std::string>(), HasSubstr("container \"x\" does not exist"));
  EXPECT_THAT(result.err, StartsWith("plimsoll-oci: container \"x\""));
}

TEST_F(OciCommandLine, AMissingContainer) {
  for (const std::string command : {"state", "start", "kill", "delete", "pause", "resume", "update", "ps", "events"}) {
    const Result result = with_root({command, "x"});
    EXPECT_EQ(result.code, 1) << command;
    EXPECT_THAT(result.err, HasSubstr("does not exist")) << command;
  }
  EXPECT_EQ(with_root({"delete", "--force", "x"}).code, 0);
  EXPECT_EQ(with_root({"delete", "--force", "../x"}).code, 1);
}

TEST_F(OciCommandLine, ListsWithoutContainers) {
  EXPECT_EQ(with_root({"list", "-f", "json"}).out, "[]\n");
  EXPECT_EQ(with_root({"list", "-q"}).out, "");
  EXPECT_THAT(with_root({"list"}).out, ::testing::MatchesRegex("ID +PID +STATUS +BUNDLE +CREATED +OWNER\n"));
  EXPECT_EQ(with_root({"list", "-f", "xml"}).code, 1);
  EXPECT_EQ(run({"--root", tree_.at("missing"), "list"}).code, 1);
}

TEST_F(OciCommandLine, ADamagedContainerDoesNotHideTheOthers) {
  tree_.write("bad/state.json", "{");
  const Result result = with_root({"list"});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("bad/state.json"));
  EXPECT_EQ(with_root({"state", "bad"}).code, 1);
}

TEST_F(OciCommandLine, CheckpointAndRestoreAreRefusedWithAReason) {
  for (const char* command : {"checkpoint", "restore"}) {
    const Result result = with_root({command, "--image-path", "/x", "--tcp-established", "id"});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.err, HasSubstr("not supported"));
  }
}

TEST_F(OciCommandLine, FeaturesAreJson) {
  const auto features = nlohmann::json::parse(run({"features"}).out, nullptr, false);
  ASSERT_TRUE(features.is_object());
  EXPECT_EQ(features["ociVersionMax"], "1.3.0");
  EXPECT_EQ(features["hooks"].size(), 6U);
  EXPECT_EQ(features["linux"]["namespaces"].size(), 8U);
  EXPECT_GE(features["linux"]["capabilities"].size(), 41U);
  EXPECT_GE(features["mountOptions"].size(), 50U);
  EXPECT_EQ(features["linux"]["seccomp"]["actions"].size(), 9U);
  EXPECT_EQ(features["linux"]["mountExtensions"]["idmap"]["enabled"], true);
}

TEST_F(OciCommandLine, SpecWritesOnceAndNeverOver) {
  EXPECT_EQ(run({"spec", "--bundle", tree_.path()}).code, 0);
  const std::string first = *read_file(tree_.at("config.json"));
  EXPECT_TRUE(nlohmann::json::parse(first, nullptr, false).contains("ociVersion"));
  const Result again = run({"spec", "--rootless", "-b", tree_.path()});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("exists already"));
  EXPECT_EQ(*read_file(tree_.at("config.json")), first);
  EXPECT_EQ(run({"spec", "--rootless", "-b", tree_.path(), "-f", "other.json"}).code, 0);
  EXPECT_THAT(*read_file(tree_.at("other.json")), HasSubstr("uidMappings"));
}

TEST_F(OciCommandLine, UsageErrorsOfExecAre255) {
  EXPECT_EQ(run({"exec", "--nonsense"}).code, 255);
  EXPECT_EQ(run({"exec"}).code, 255);
}

}  // namespace
}  // namespace plimsoll::oci
