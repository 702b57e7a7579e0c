// SPDX-License-Identifier: Apache-2.0
// What the agent needs, what it says when that is missing, and its flags about it. The filter: confine_filter_test.cpp.
#include "agent/confine/confine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/settings/agent_options.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::agent {
namespace {

using collectors::container::Kind;
using collectors::container::KindSet;
using test::TempTree;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr CapabilityMask kAll = ~CapabilityMask{0};
constexpr CapabilityMask kSteady = bit_of(CAP_DAC_READ_SEARCH) | bit_of(CAP_SYS_PTRACE);

Wishes with(Kind kind) {
  Wishes wishes{.kinds = KindSet::defaults()};
  wishes.kinds.set(kind, true);
  return wishes;
}

TEST(Capabilities, NamesAreTakenInAnySpelling) {
  for (const char* name : {"CAP_SYS_PTRACE", "cap_sys_ptrace", "sys_ptrace", "SYS_PTRACE"})
    EXPECT_EQ(capability_named(name), CAP_SYS_PTRACE) << name;
  for (const char* name : {"", "CAP_", "CAP_CAP_CHOWN", "SYS", "19", "SYS_PTRACE "})
    EXPECT_FALSE(capability_named(name)) << name;
}

TEST(Capabilities, EveryNumberHasItsName) {
  EXPECT_EQ(capability_name(CAP_CHOWN), "CAP_CHOWN");
  EXPECT_EQ(capability_name(CAP_SYSLOG), "CAP_SYSLOG");
  EXPECT_EQ(capability_name(CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
  for (int number = 0; number <= CAP_CHECKPOINT_RESTORE; ++number)
    EXPECT_EQ(capability_named(capability_name(number)), number);
  EXPECT_EQ(capability_name(63), "capability 63");
  EXPECT_EQ(capability_name(-1), "capability -1");
  EXPECT_TRUE(kernel_has_capability(CAP_CHOWN));
  EXPECT_FALSE(kernel_has_capability(63));
}

TEST(Needs, TwoCapabilitiesAndOneMoreForEachWishThatTakesIt) {
  const Wishes plain{.kinds = KindSet::defaults()};
  EXPECT_EQ(kept_capabilities(plain, {}, kAll), kSteady);
  EXPECT_EQ(kept_capabilities(with(Kind::kDelays), {}, kAll), kSteady | bit_of(CAP_NET_ADMIN));
  EXPECT_EQ(kept_capabilities(with(Kind::kSched), {}, kAll), kSteady | bit_of(CAP_NET_ADMIN));
  EXPECT_EQ(kept_capabilities(with(Kind::kCpuLoad), {}, kAll), kSteady);
  Wishes wishes = plain;
  wishes.low_port = true;
  EXPECT_EQ(kept_capabilities(wishes, {}, kAll), kSteady | bit_of(CAP_NET_BIND_SERVICE));
  wishes = plain;
  wishes.performance_counters = true;
  const int counters = kernel_has_capability(CAP_PERFMON) ? CAP_PERFMON : CAP_SYS_ADMIN;
  EXPECT_EQ(kept_capabilities(wishes, {}, kAll), kSteady | bit_of(counters));
}

TEST(Needs, WhatIsNotThereIsNotKept) {
  const Wishes plain{.kinds = KindSet::defaults()};
  EXPECT_EQ(kept_capabilities(plain, {}, bit_of(CAP_SYS_PTRACE)), bit_of(CAP_SYS_PTRACE));
  EXPECT_EQ(kept_capabilities(plain, {.keep = bit_of(CAP_SYS_ADMIN)}, kSteady), kSteady);
  EXPECT_EQ(kept_capabilities(plain, {.keep = bit_of(CAP_SYS_ADMIN)}, kAll), kSteady | bit_of(CAP_SYS_ADMIN));
  EXPECT_EQ(kept_capabilities(plain, {.keep_all = true}, kAll), kAll);
}

TEST(Lines, EachMissingCapabilityHasOneThatNamesItAndWhatIsNotSeen) {
  EXPECT_THAT(missing_lines(with(Kind::kDelays), kAll), IsEmpty());
  EXPECT_THAT(missing_lines(with(Kind::kDelays), 0),
              ElementsAre(HasSubstr("without CAP_DAC_READ_SEARCH: names"), HasSubstr("without CAP_SYS_PTRACE: sockets"),
                          HasSubstr("without CAP_NET_ADMIN: delays")));
  for (const std::string& line : missing_lines(with(Kind::kSched), 0)) EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(Lines, WhatCouldNotBeOpened) {
  collectors::container::Options containers;
  const collectors::container::Privileged nothing;
  EXPECT_THAT(unopened_lines(containers, nothing),
              ElementsAre(HasSubstr("containers that live between two scrapes"), HasSubstr("CAP_SYS_NICE")));
  containers.events = false;  // nobody has asked for them
  EXPECT_THAT(unopened_lines(containers, nothing), IsEmpty());
}

TEST(Lines, StateThatMayNotBeRead) {
  const TempTree tree;
  tree.write("exited/x", "");
  EXPECT_THAT(unreadable_lines(tree.at("exited")), IsEmpty());
  EXPECT_THAT(unreadable_lines(tree.at("missing")), IsEmpty());
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ASSERT_EQ(::chmod(tree.at("exited").c_str(), 0), 0);
  EXPECT_THAT(unreadable_lines(tree.at("exited")), ElementsAre(HasSubstr("Permission denied")));
  ::chmod(tree.at("exited").c_str(), 0700);
}

SecurityOptions parsed(const std::vector<std::string>& arguments) {
  const auto result = parse_agent_options(arguments, {});
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options.security : SecurityOptions{};
}

TEST(SecurityFlags, WithoutThemEverythingIsOn) {
  const SecurityOptions options = parsed({});
  EXPECT_EQ(options.keep, 0u);
  EXPECT_FALSE(options.keep_all);
  EXPECT_TRUE(options.filter);
}

TEST(SecurityFlags, Values) {
  const CapabilityMask two = bit_of(CAP_SYS_ADMIN) | bit_of(CAP_DAC_OVERRIDE);
  EXPECT_EQ(parsed({"--security.keep-capabilities=CAP_SYS_ADMIN, dac_override"}).keep, two);
  EXPECT_EQ(parsed({"--security.keep-capabilities", "sys_admin", "--security.keep-capabilities", "DAC_OVERRIDE"}).keep,
            two);
  EXPECT_TRUE(parsed({"--security.keep-capabilities=all"}).keep_all);
  EXPECT_FALSE(parsed({"--security.seccomp=false"}).filter);
  EXPECT_TRUE(parsed({"--security.seccomp=false", "--security.seccomp"}).filter);
}

TEST(SecurityFlags, WrongOnesAreNamed) {
  const auto unknown = parse_agent_options({"--security.keep-capabilities=CAP_SYS_ADMIN,CAP_EVERYTHING"}, {});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message(),
              testing::AllOf(HasSubstr("--security.keep-capabilities"), HasSubstr("'CAP_EVERYTHING'"),
                             HasSubstr("CAP_SYS_ADMIN, or all")));
  EXPECT_FALSE(parse_agent_options({"--security.seccomp=maybe"}, {}));
}

}  // namespace
}  // namespace plimsoll::agent
