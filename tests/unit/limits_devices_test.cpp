// SPDX-License-Identifier: Apache-2.0
// Device rules as the v2 program, run here by an interpreter of our own, and as writes to v1's files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/limits/device_filter.h"
#include "tests/unit/limits_tree.h"

namespace plimsoll::limits {
namespace {

using spec::DeviceRule;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint32_t kBlock = BPF_DEVCG_DEV_BLOCK, kCharacter = BPF_DEVCG_DEV_CHAR;
constexpr uint32_t kRead = BPF_DEVCG_ACC_READ, kWrite = BPF_DEVCG_ACC_WRITE, kMknod = BPF_DEVCG_ACC_MKNOD;

// Runs one instruction that is no jump and no exit; only those that are used are known.
bool run_arithmetic(const bpf_insn& line, const uint32_t (&context)[3], uint64_t (&registers)[11]) {
  uint64_t& target = registers[line.dst_reg];
  switch (line.code) {
    case BPF_LDX | BPF_MEM | BPF_W:
      target = context[line.off / 4];
      return true;
    case BPF_ALU64 | BPF_MOV | BPF_X:
      target = registers[line.src_reg];
      return true;
    case BPF_ALU64 | BPF_MOV | BPF_K:
      target = static_cast<uint64_t>(line.imm);
      return true;
    case BPF_ALU | BPF_AND | BPF_K:
      target &= static_cast<uint32_t>(line.imm);
      return true;
    case BPF_ALU | BPF_RSH | BPF_K:
      target = static_cast<uint32_t>(target) >> line.imm;
      return true;
    default:
      return false;
  }
}

// Whether a jump is taken; nullopt when it is none.
std::optional<bool> jumps(const bpf_insn& line, const uint64_t (&registers)[11]) {
  const uint64_t value = registers[line.dst_reg];
  switch (line.code) {
    case BPF_JMP32 | BPF_JNE | BPF_K:
      return static_cast<uint32_t>(value) != static_cast<uint32_t>(line.imm);
    case BPF_JMP | BPF_JSET | BPF_K:
      return (value & static_cast<uint64_t>(line.imm)) != 0;
    case BPF_JMP | BPF_JA:
      return true;
    default:
      return std::nullopt;
  }
}

uint64_t run(const std::vector<bpf_insn>& program, uint32_t type, uint32_t access, uint32_t major, uint32_t minor) {
  const uint32_t context[3] = {access << 16 | type, major, minor};
  uint64_t registers[11] = {};
  for (size_t at = 0; at < program.size(); ++at) {
    if (program[at].code == (BPF_JMP | BPF_EXIT)) return registers[0];
    if (run_arithmetic(program[at], context, registers)) continue;
    const auto taken = jumps(program[at], registers);
    EXPECT_TRUE(taken.has_value()) << "unknown instruction " << int{program[at].code};
    if (taken.value_or(false)) at += static_cast<size_t>(program[at].off);
  }
  ADD_FAILURE() << "no exit";
  return 2;
}

bool allowed(const std::vector<DeviceRule>& rules, uint32_t type, uint32_t access, uint32_t major, uint32_t minor) {
  auto program = device_program(rules);
  EXPECT_TRUE(program) << program.error().message();
  return run(*program, type, access, major, minor) == 1;
}

TEST(DeviceProgram, DefaultsLetOnlyTheListedDevicesBeUsed) {
  const std::vector<DeviceRule> rules = default_device_rules();
  for (const auto& [major, minor] : {std::pair{1u, 3u},
                                     {1u, 5u},
                                     {1u, 7u},
                                     {1u, 8u},
                                     {1u, 9u},
                                     {5u, 0u},
                                     {5u, 1u},
                                     {5u, 2u},
                                     {136u, 0u},
                                     {136u, 77u}}) {
    EXPECT_TRUE(allowed(rules, kCharacter, kRead | kWrite | kMknod, major, minor)) << major << ":" << minor;
    EXPECT_FALSE(allowed(rules, kBlock, kRead, major, minor)) << major << ":" << minor;
  }
  EXPECT_FALSE(allowed(rules, kBlock, kRead, 8, 0));
  EXPECT_FALSE(allowed(rules, kBlock, kRead, 254, 0));
  EXPECT_FALSE(allowed(rules, kCharacter, kRead, 1, 1));    // mem
  EXPECT_FALSE(allowed(rules, kCharacter, kWrite, 1, 11));  // kmsg
  EXPECT_FALSE(allowed(rules, kCharacter, kRead, 10, 229));
  EXPECT_TRUE(allowed(rules, kBlock, kMknod, 8, 0));
  EXPECT_FALSE(allowed(rules, kBlock, kMknod | kRead, 8, 0));
}

TEST(DeviceProgram, LastMatchCountsForEachKindOfAccess) {
  const std::vector<DeviceRule> rules = {
      {true, 'a', {}, {}, ""}, {false, 'b', 8, {}, "w"}, {true, 'b', 8, 1, "w"}, {false, 'c', {}, 7, "rwm"}};
  EXPECT_TRUE(allowed(rules, kBlock, kRead, 8, 0));
  EXPECT_FALSE(allowed(rules, kBlock, kWrite, 8, 0));
  EXPECT_FALSE(allowed(rules, kBlock, kRead | kWrite, 8, 0)) << "one denied kind denies the whole request";
  EXPECT_TRUE(allowed(rules, kBlock, kRead | kWrite, 8, 1));
  EXPECT_FALSE(allowed(rules, kCharacter, kRead, 99, 7));
  EXPECT_TRUE(allowed(rules, kCharacter, kRead, 99, 8));
  EXPECT_FALSE(allowed({{true, 'c', 1, 3, "rwm"}, {false, 'a', {}, {}, ""}}, kCharacter, kRead, 1, 3));
}

TEST(DeviceProgram, KindsMayComeFromSeveralRules) {
  const std::vector<DeviceRule> rules = {{true, 'c', 10, 1, "r"}, {true, 'c', 10, {}, "w"}};
  EXPECT_TRUE(allowed(rules, kCharacter, kRead | kWrite, 10, 1));
  EXPECT_FALSE(allowed(rules, kCharacter, kRead | kWrite, 10, 2));
  EXPECT_FALSE(allowed(rules, kCharacter, kMknod, 10, 1));
}

TEST(DeviceProgram, NothingMatchesMeansDeniedAndLargeNumbersAreNumbers) {
  EXPECT_FALSE(allowed({}, kCharacter, kRead, 1, 3));
  const std::vector<DeviceRule> rules = {{true, 'b', UINT32_MAX, UINT32_MAX - 1, ""}};
  EXPECT_TRUE(allowed(rules, kBlock, kRead, UINT32_MAX, UINT32_MAX - 1));
  EXPECT_FALSE(allowed(rules, kBlock, kRead, UINT32_MAX - 1, UINT32_MAX - 1));
}

TEST(DeviceProgram, TooManyRulesAndUnknownLettersAreRefused) {
  const std::vector<DeviceRule> many(500, DeviceRule{true, 'c', 1, 3, "rwm"});
  EXPECT_LE(device_program(many)->size(), 4096u);
  auto refused = device_program(std::vector<DeviceRule>(600, DeviceRule{true, 'c', 1, 3, "rwm"}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("600 rules"));
  EXPECT_FALSE(device_program({{true, 'c', 1, 3, "rx"}}));
}

std::vector<std::string> writes(const std::string& list, const std::vector<DeviceRule>& rules) {
  auto present = DeviceTable::parse(list);
  auto target = DeviceTable::of(rules);
  EXPECT_TRUE(present && target);
  std::vector<std::string> lines;
  for (const auto& write : present->writes_towards(*target))
    lines.push_back(std::string(write.file) + " " + write.line);
  return lines;
}

TEST(DeviceTable, NewGroupIsResetOnce) {
  EXPECT_THAT(
      writes("a *:* rwm\n", {{false, 'a', {}, {}, "rwm"}, {true, 'c', 1, 3, "rwm"}, {true, 'c', 136, {}, "rw"}}),
      ElementsAre("devices.deny a", "devices.allow c 1:3 rwm", "devices.allow c 136:* rw"));
  EXPECT_THAT(writes("a *:* rwm\n", {{true, 'a', {}, {}, ""}, {false, 'b', 8, 0, "w"}}),
              ElementsAre("devices.allow a", "devices.deny b 8:0 w"));
}

TEST(DeviceTable, UpdateWritesOnlyWhatDiffers) {
  const std::string list = "c 1:3 rwm\nc 5:0 rw\nb *:* m\n";
  EXPECT_THAT(writes(list, {{true, 'c', 1, 3, "rwm"}, {true, 'c', 5, 0, "rw"}, {true, 'b', {}, {}, "m"}}), IsEmpty());
  EXPECT_THAT(writes(list, {{true, 'c', 1, 3, "r"}, {true, 'c', 5, 0, "rwm"}, {true, 'c', 10, 200, "rwm"}}),
              ElementsAre("devices.deny c 1:3 wm", "devices.deny b *:* m", "devices.allow c 5:0 m",
                          "devices.allow c 10:200 rwm"));
}

TEST(DeviceTable, RulesAreTakenInOrder) {
  EXPECT_THAT(writes("", {{true, 'c', 1, 3, "r"}, {true, 'c', 1, 3, "w"}, {false, 'c', 1, {}, "r"}}),
              ElementsAre("devices.allow c 1:3 w"));
  EXPECT_THAT(writes("", {{true, 'c', 1, 3, "rwm"}, {false, 'a', {}, {}, ""}}), IsEmpty());
  EXPECT_THAT(writes("", {{true, 'a', 7, {}, "r"}}), ElementsAre("devices.allow b 7:* r", "devices.allow c 7:* r"));
}

TEST(DeviceTable, TheListHasTheOrderOfTheRules) {
  EXPECT_THAT(writes("", {{true, 'c', 10, 229, "rwm"},
                          {true, 'b', 8, 20, "rw"},
                          {true, 'b', {}, {}, "m"},
                          {true, 'c', 10, 200, "r"},
                          {true, 'b', 8, 20, "m"}}),
              ElementsAre("devices.allow c 10:229 rwm", "devices.allow b 8:20 rwm", "devices.allow b *:* m",
                          "devices.allow c 10:200 r"));
}

TEST(DeviceTable, WhatV1CannotDoIsRefused) {
  auto refused = DeviceTable::of({{true, 'c', {}, {}, "m"}, {false, 'c', 1, 3, "rwm"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("\"c 1:3 rwm\""));
  EXPECT_THAT(refused.error().message(), HasSubstr("\"c *:* m\""));
  EXPECT_TRUE(DeviceTable::of({{true, 'c', {}, {}, "m"}, {false, 'c', 1, 3, "rw"}})) << "no access in common";
}

TEST(DeviceTable, UnknownListsAreErrors) {
  for (const char* list : {"x 1:3 rwm\n", "c 1 rwm\n", "c 1:y rwm\n", "c 1:3 rq\n"}) {
    EXPECT_FALSE(DeviceTable::parse(list)) << list;
  }
}

TEST(RestrictDevices, WritesTheV1Files) {
  test::LimitsTree tree({{"devices", {{"devices.list", "c 1:3 rwm\n"}, {"devices.allow", ""}, {"devices.deny", "-"}}}});
  ASSERT_TRUE(restrict_devices(tree.group(), {{true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "rwm"}}));
  EXPECT_EQ(tree.text("devices", "devices.allow"), "c 1:5 rwm");
  EXPECT_EQ(tree.text("devices", "devices.deny"), "-") << "nothing was taken away for a moment";
  ASSERT_TRUE(restrict_devices(tree.group(), {})) << "without rules nothing is done";
  EXPECT_EQ(tree.text("devices", "devices.allow"), "c 1:5 rwm");
}

}  // namespace
}  // namespace plimsoll::limits
