// SPDX-License-Identifier: Apache-2.0
// The agent's flags about host collectors: of a table made here, and of the real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/agent_options.h"
#include "collectors/host/table.h"

namespace plimsoll::agent {
namespace {

using collectors::host::Default;
using collectors::host::Entry;
using collectors::host::Flag;
using collectors::host::FlagKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

Result<void> even(std::string_view value) { return value == "2" ? Result<void>{} : Result<void>(fail("must be even")); }

constexpr Flag kInclude = {"net.device-include", FlagKind::kInclude, "", "Devices to show"};
constexpr Flag kExclude = {"net.device-exclude", FlagKind::kExclude, "^lo$", "Devices to leave out"};
constexpr Flag kDeep = {"net.deep", FlagKind::kSwitch, "false", "Look deeper"};
constexpr Flag kCheap = {"net.cheap", FlagKind::kSwitch, "true", "Look cheaply"};
constexpr Flag kDirectory = {"net.directory", FlagKind::kList, "", "Where to look"};
constexpr Flag kWait = {"net.wait", FlagKind::kDuration, "5s", "How long to wait"};
constexpr Flag kWorkers = {"net.workers", FlagKind::kNumber, "4", "How many", even};
constexpr const Flag* kFlags[] = {&kInclude, &kExclude, &kDeep, &kCheap, &kDirectory, &kWait, &kWorkers};
const Entry kNet = {"net", "Network", Default::kOn, nullptr, kFlags};
const Entry kSlab = {"slab", "Caches", Default::kOff, nullptr};
const Entry kTime = {"time", "Clock", Default::kOn, nullptr};
const Entry* const kTable[] = {&kNet, &kSlab, &kTime};

HostOptions parsed(const std::vector<std::string>& arguments) {
  auto result = parse_agent_options(arguments, kTable);
  EXPECT_TRUE(result) << (result ? "" : result.error().message());
  return result ? result->options.host : HostOptions{};
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto result = parse_agent_options(arguments, kTable);
  EXPECT_FALSE(result);
  return result ? "" : result.error().message();
}

TEST(HostFlags, DefaultsHold) {
  const HostOptions options = parsed({});
  EXPECT_THAT(options.collectors, ElementsAre(&kNet, &kTime));
  EXPECT_THAT(options.requested, IsEmpty());
  EXPECT_FALSE(options.flags.given(kExclude));
  EXPECT_EQ(options.flags.text(kExclude), "^lo$");
  EXPECT_FALSE(options.flags.on(kDeep));
  EXPECT_TRUE(options.flags.on(kCheap));
  EXPECT_THAT(options.flags.list(kDirectory), IsEmpty());
  EXPECT_EQ(options.flags.duration(kWait), 5s);
  EXPECT_EQ(options.flags.number(kWorkers), 4u);
}

TEST(HostFlags, SwitchCollectors) {
  EXPECT_THAT(parsed({"--no-collector.net"}).collectors, ElementsAre(&kTime));
  EXPECT_THAT(parsed({"--collector.net=false"}).collectors, ElementsAre(&kTime));
  const HostOptions options = parsed({"--collector.slab", "--collector.net=true"});
  EXPECT_THAT(options.collectors, ElementsAre(&kNet, &kSlab, &kTime));
  EXPECT_THAT(options.requested, ElementsAre("net", "slab"));
  EXPECT_THAT(parsed({"--collector.net", "--no-collector.net"}).collectors, ElementsAre(&kTime))
      << "the last one holds";
}

TEST(HostFlags, OnlyWhatIsNamed) {
  EXPECT_THAT(parsed({"--collector.disable-defaults"}).collectors, IsEmpty());
  EXPECT_THAT(parsed({"--collector.disable-defaults", "--collector.slab"}).collectors, ElementsAre(&kSlab));
}

TEST(HostFlags, TakeValues) {
  const HostOptions options =
      parsed({"--collector.net.device-include=^(eth|wlan)[0-9]", "--collector.net.deep", "--no-collector.net.cheap",
              "--collector.net.directory=/a", "--collector.net.directory", "/b", "--collector.net.wait=100ms",
              "--collector.net.workers=2"});
  EXPECT_EQ(options.flags.text(kInclude), "^(eth|wlan)[0-9]");
  EXPECT_TRUE(options.flags.on(kDeep));
  EXPECT_FALSE(options.flags.on(kCheap));
  EXPECT_THAT(options.flags.list(kDirectory), ElementsAre("/a", "/b"));
  EXPECT_EQ(options.flags.duration(kWait), 100ms);
  EXPECT_EQ(options.flags.number(kWorkers), 2u);
  EXPECT_EQ(parsed({"--collector.net.device-exclude="}).flags.text(kExclude), "");
  EXPECT_EQ(parsed({"--collector.net.wait=1s", "--collector.net.wait=2s"}).flags.duration(kWait), 2s);
}

TEST(HostFlags, RefuseWhatDoesNotFit) {
  EXPECT_THAT(refusal({"--collector.net.device-include=("}),
              HasSubstr("--collector.net.device-include: '(' is no regular expression: missing )"));
  EXPECT_THAT(refusal({"--collector.net.wait=soon"}), HasSubstr("--collector.net.wait: 'soon' is no duration"));
  EXPECT_THAT(refusal({"--collector.net.workers=-1"}), HasSubstr("--collector.net.workers: '-1' is no number"));
  EXPECT_THAT(refusal({"--collector.net.workers=3"}), HasSubstr("--collector.net.workers: must be even"));
  EXPECT_THAT(refusal({"--collector.net.deep=perhaps"}), HasSubstr("neither true nor false"));
  EXPECT_THAT(refusal({"--collector.nett"}), HasSubstr("did you mean '--collector.net'"));
  EXPECT_THAT(refusal({"--collector.net.device-include=a", "--collector.net.device-exclude=b"}), HasSubstr("only"));
}

TEST(HostFlags, WhatIsLeftOutMayBeTurnedOff) {
  EXPECT_THAT(refusal({"--collector.ntp"}),
              HasSubstr("--collector.ntp: this collector of node_exporter's is left out"));
  EXPECT_THAT(parsed({"--no-collector.wifi", "--collector.ntp=false"}).collectors, ElementsAre(&kNet, &kTime));
}

TEST(HostFlags, HelpNamesEveryCollectorAndFlag) {
  const auto help = parse_agent_options({"--help"}, collectors::host::table());
  ASSERT_TRUE(help && help->help);
  for (const Entry* entry : collectors::host::table()) {
    const std::string line = (entry->state == Default::kOn ? "  * " : "    ") + std::string(entry->name) + " ";
    EXPECT_THAT(*help->help, HasSubstr(line));
    for (const Flag* flag : entry->flags) EXPECT_THAT(*help->help, HasSubstr("--collector." + std::string(flag->name)));
  }
}

// What the declarations themselves must keep: CLI11 would throw, or a default would not be accepted.
TEST(HostFlags, DeclarationsAreSound) {
  ASSERT_TRUE(parse_agent_options({}, collectors::host::table()));
  for (const Entry* entry : collectors::host::table()) {
    for (const Flag* flag : entry->flags) {
      EXPECT_TRUE(flag->kind == FlagKind::kList || check_flag(*flag, flag->fallback)) << flag->name;
      EXPECT_FALSE(flag->help.empty()) << flag->name;
      EXPECT_FALSE(flag->help.ends_with('.')) << flag->name;
    }
  }
}

}  // namespace
}  // namespace plimsoll::agent
