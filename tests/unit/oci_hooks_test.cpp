// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "runtime/isolate/hook.h"
#include "temp_tree.h"

namespace plimsoll::isolate {
namespace {

using ::testing::HasSubstr;

spec::Hook shell(const std::string& script, std::vector<std::string> env = {"PATH=/usr/bin:/bin"}) {
  return {"/bin/sh", {"sh", "-c", script}, std::move(env), std::nullopt};
}

class OciHooks : public ::testing::Test {
 protected:
  test::TempTree tree_;
};

TEST_F(OciHooks, RunInOrderWithTheStateOnTheirInput) {
  const std::string file = tree_.at("out");
  ASSERT_TRUE(run_hooks("prestart", {shell("cat >> " + file), shell("echo '|' >> " + file), shell("cat >> " + file)},
                        "{state}"));
  EXPECT_EQ(*read_file(file), "{state}|\n{state}");
}

TEST_F(OciHooks, TheirInputIsAFileOfItsOwn) {
  const std::string file = tree_.at("out");
  ASSERT_TRUE(run_hooks("x", {shell("cat /dev/stdin > " + file)}, "{state}"));
  EXPECT_EQ(*read_file(file), "{state}");
}

TEST_F(OciHooks, AStateLargerThanAPipeArrives) {
  const std::string file = tree_.at("out"), state(1'000'000, 's');
  ASSERT_TRUE(run_hooks("x", {shell("sleep 0.05; cat > " + file)}, state));
  EXPECT_EQ(read_file(file)->size(), state.size());
}

TEST_F(OciHooks, OneThatReadsNothingIsNoError) {
  EXPECT_TRUE(run_hooks("x", {shell("exit 0")}, std::string(1'000'000, 's')));
}

TEST_F(OciHooks, OnlyTheirOwnEnvironment) {
  const std::string file = tree_.at("out");
  ASSERT_TRUE(run_hooks(
      "x", {{"/usr/bin/env", {"env"}, {"A=1"}, std::nullopt}, shell("echo $A-$HOME > " + file, {"A=2"})}, ""));
  EXPECT_EQ(*read_file(file), "2-\n");
}

TEST_F(OciHooks, WithoutOneTheEnvironmentIsTheCallers) {
  const std::string file = tree_.at("out");
  ASSERT_EQ(::setenv("OCI_HOOKS_TEST", "here", 1), 0);
  ASSERT_TRUE(run_hooks("x", {shell("echo $OCI_HOOKS_TEST > " + file, {})}, ""));
  EXPECT_EQ(*read_file(file), "here\n");
}

TEST_F(OciHooks, TheFirstFailureEndsThem) {
  auto done = run_hooks("createRuntime", {shell("true"), shell("exit 3"), shell("touch " + tree_.at("late"))}, "");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(),
            "error running createRuntime hook #1: /bin/sh: createRuntime hook failed with exit code 3");
  EXPECT_FALSE(read_file(tree_.at("late")));
}

TEST_F(OciHooks, ASignalIsNamed) {
  EXPECT_THAT(run_hooks("x", {shell("kill -9 $$")}, "").error().message(), HasSubstr("killed by signal 9"));
}

TEST_F(OciHooks, AMissingProgramIsNamed) {
  auto done = run_hooks("x", {{"/no/such/hook", {}, {}, std::nullopt}}, "");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "error running x hook #0: /no/such/hook: No such file or directory");
}

TEST_F(OciHooks, OneThatTakesTooLongIsKilled) {
  spec::Hook hook = shell("echo $$ > " + tree_.at("pid") + "; exec sleep 100");
  hook.timeout = 1;
  const int64_t before = monotonic_ns();
  auto done = run_hooks("x", {hook}, "");
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("not finished within 1 s"));
  EXPECT_LT(monotonic_ns() - before, 20'000'000'000);
  EXPECT_NE(::kill(std::stoi(*read_file(tree_.at("pid"))), 0), 0);
}

TEST_F(OciHooks, SignalsAreAsAfterLogin) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const std::string file = tree_.at("out");
  auto done = run_hooks("x", {shell("grep SigBlk /proc/self/status > " + file)}, "");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ASSERT_TRUE(done);
  EXPECT_THAT(*read_file(file), HasSubstr("0000000000000000"));
}

}  // namespace
}  // namespace plimsoll::isolate
