// SPDX-License-Identifier: Apache-2.0
// What systemd is told of a container's resources, devices and annotations.
#include "runtime/limits/resources.h"
#include "runtime/limits/systemd_properties.h"

#include <gmock/gmock.h>

#include <cstring>

namespace plimsoll::limits {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kInfinity = "18446744073709551615";

std::string value_of(BusReader& reader, std::string_view type) {
  if (type == "b" || type == "u") return std::to_string(reader.u32());
  if (type == "i") return std::to_string(static_cast<int32_t>(reader.u32()));
  if (type == "y") return std::to_string(reader.byte());
  if (type == "q" || type == "n") return std::to_string(reader.u16());
  if (type == "t" || type == "x") return std::to_string(reader.u64());
  if (type == "s") return std::string(reader.text());
  if (type == "d") {
    const uint64_t bits = reader.u64();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    return std::to_string(number);
  }
  const uint32_t size = reader.u32();
  if (type == "a(ss)" || type == "a(st)") reader.align(8);
  std::string out;
  for (const size_t end = reader.position() + size; reader.position() < end && reader.ok();) {
    if (!out.empty()) out += ' ';
    if (type == "au") out += std::to_string(reader.u32());
    if (type == "ay") out += std::to_string(reader.byte());
    if (type == "as") out += reader.text();
    if (type == "a(ss)" || type == "a(st)") reader.align(8), out += reader.text();
    if (type == "a(ss)") out += "=" + std::string(reader.text());
    if (type == "a(st)") out += "=" + std::to_string(reader.u64());
  }
  return out;
}

// "Name(type)=value" of each
std::vector<std::string> all_of(const UnitProperties& properties) {
  std::vector<std::string> out;
  BusReader reader(properties.elements());
  while (!reader.at_end() && reader.ok()) {
    reader.align(8);
    const std::string name(reader.text());
    const std::string type(reader.signature());
    out.push_back(name + "(" + type + ")=" + value_of(reader, type));
  }
  EXPECT_TRUE(reader.ok());
  return out;
}

std::vector<std::string> of(const spec::Resources& resources, const PropertyTarget& target = {}) {
  UnitProperties properties;
  const auto added = add_resources(properties, resources, target);
  if (!added) return {added.error().message()};
  return all_of(properties);
}

constexpr PropertyTarget kV1 = {.mode = cgroup::Mode::kV1};

std::vector<std::string> of_annotation(const std::string& name, const std::string& value) {
  UnitProperties properties;
  const auto added = add_annotations(properties, {{"a", "("}, {"org.systemd.property." + name, value}, {"z", "("}});
  if (!added) return {added.error().message()};
  return all_of(properties);
}

TEST(UnitProperties, AreTheSpecificationsBytes) {
  UnitProperties properties;
  properties.flag("Ab", true);
  properties.pid("P", 258);
  EXPECT_EQ(properties.elements(),
            "\2\0\0\0Ab\0\1b\0\0\0\1\0\0\0"s
            "\1\0\0\0P\0\2au\0\0\0\4\0\0\0\2\1\0\0"s);
}

TEST(Resources, NothingAskedForIsNothingSaid) {
  EXPECT_THAT(of({}), IsEmpty());
  EXPECT_THAT(of({.memory = spec::Memory{}, .cpu = spec::Cpu{}, .block_io = spec::BlockIo{}}), IsEmpty());
}

TEST(Resources, Memory) {
  EXPECT_THAT(of({.memory = spec::Memory{.limit = 100, .reservation = 50, .swap = 130}}),
              ElementsAre("MemoryMax(t)=100", "MemoryLow(t)=50", "MemorySwapMax(t)=30"));
  EXPECT_THAT(of({.memory = spec::Memory{.limit = -1}}),
              ElementsAre("MemoryMax(t)="s + kInfinity, "MemorySwapMax(t)="s + kInfinity));
  EXPECT_THAT(of({.memory = spec::Memory{.limit = 100, .swap = -1}}),
              ElementsAre("MemoryMax(t)=100", "MemorySwapMax(t)="s + kInfinity));
  EXPECT_THAT(of({.memory = spec::Memory{.limit = 100, .swap = 100}}),
              ElementsAre("MemoryMax(t)=100", "MemorySwapMax(t)=0"));
  EXPECT_THAT(of({.memory = spec::Memory{.limit = 100, .reservation = 50, .swap = 130}}, kV1),
              ElementsAre("MemoryMax(t)=100"));
}

TEST(Resources, SwapThatContradictsMemoryIsAnError) {
  EXPECT_THAT(of({.memory = spec::Memory{.limit = 100, .swap = 99}}),
              ElementsAre(HasSubstr("resources.memory.swap: includes")));
  EXPECT_THAT(of({.memory = spec::Memory{.swap = 99}}), ElementsAre(HasSubstr("resources.memory.swap: needs")));
}

TEST(Resources, CpuWeight) {
  EXPECT_THAT(of({.cpu = spec::Cpu{.shares = 1024}}), ElementsAre("CPUWeight(t)=100"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.shares = 1024}}, kV1), ElementsAre("CPUShares(t)=1024"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.shares = 1024, .idle = 1}}), ElementsAre("CPUWeight(t)=0"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.idle = 1}}, {.version = 251}), IsEmpty());
}

TEST(Resources, TheCurveOfWeightsHasItsEnds) {
  EXPECT_EQ(weight_of_shares(0), 1u);
  EXPECT_EQ(weight_of_shares(2), 1u);
  EXPECT_EQ(weight_of_shares(1024), 100u);
  EXPECT_EQ(weight_of_shares(262144), 10000u);
  EXPECT_EQ(weight_of_shares(UINT64_MAX), 10000u);
  for (uint64_t shares = 3, last = 1; shares < 262144; shares += 97) {
    EXPECT_GE(weight_of_shares(shares), last);
    last = weight_of_shares(shares);
  }
}

TEST(Resources, CpuQuota) {
  EXPECT_THAT(of({.cpu = spec::Cpu{.period = 50'000, .quota = 25'000}}),
              ElementsAre("CPUQuotaPeriodUSec(t)=50000", "CPUQuotaPerSecUSec(t)=500000"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.quota = 33'333}}), ElementsAre("CPUQuotaPerSecUSec(t)=340000"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.quota = -1}}), ElementsAre("CPUQuotaPerSecUSec(t)="s + kInfinity));
  EXPECT_THAT(of({.cpu = spec::Cpu{.period = 50'000}}, {.version = 241}),
              ElementsAre("CPUQuotaPerSecUSec(t)="s + kInfinity));
  EXPECT_THAT(of({.cpu = spec::Cpu{.quota = INT64_MAX}}), ElementsAre(HasSubstr("resources.cpu.quota")));
}

TEST(Resources, SetsOfProcessors) {
  EXPECT_THAT(of({.cpu = spec::Cpu{.cpus = "0-2, 9", .mems = "1"}}),
              ElementsAre("AllowedCPUs(ay)=7 2", "AllowedMemoryNodes(ay)=2"));
  EXPECT_THAT(of({.cpu = spec::Cpu{.cpus = "0"}}, {.version = 243}), IsEmpty());
  for (const char* wrong : {"x", "3-1", "1-", "-1", "8192", "99999999999999999999", ",", "0-4294967295"})
    EXPECT_THAT(of({.cpu = spec::Cpu{.cpus = wrong}}), ElementsAre(HasSubstr("resources.cpu.cpus"))) << wrong;
}

TEST(Resources, Tasks) {
  EXPECT_THAT(of({.pids_limit = 5}), ElementsAre("TasksMax(t)=5"));
  EXPECT_THAT(of({.pids_limit = -1}), ElementsAre("TasksMax(t)="s + kInfinity));
}

TEST(Resources, BlockIo) {
  const spec::Resources resources = {
      .block_io =
          spec::BlockIo{.weight = 1000, .weight_devices = {{.device = {8, 16}, .weight = 10}, {.device = {8, 0}}}}};
  EXPECT_THAT(of(resources), ElementsAre("IOWeight(t)=10000", "IODeviceWeight(a(st))=/dev/block/8:16=1"));
  EXPECT_THAT(of(resources, kV1), ElementsAre("BlockIOWeight(t)=1000"));
}

TEST(Resources, FilesOfTheGroup) {
  EXPECT_THAT(
      of({.unified = {{"memory.high", "max"},
                      {"memory.min", " 4096\n"},
                      {"pids.max", "0"},
                      {"cpu.max", "50000"},
                      {"cpu.weight", "7"},
                      {"cpuset.mems", "0"},
                      {"memory.oom.group", "1"},
                      {"hugetlb.2MB.max", "5"}}}),
      ElementsAre("MemoryHigh(t)="s + kInfinity, "MemoryMin(t)=4096", "TasksMax(t)=1", "CPUQuotaPeriodUSec(t)=100000",
                  "CPUQuotaPerSecUSec(t)=500000", "CPUWeight(t)=7", "AllowedMemoryNodes(ay)=1", "OOMPolicy(s)=kill"));
  EXPECT_THAT(of({.unified = {{"cpu.max", "max 50000"}, {"cpu.idle", "1"}}}),
              ElementsAre("CPUQuotaPeriodUSec(t)=50000", "CPUQuotaPerSecUSec(t)="s + kInfinity, "CPUWeight(t)=0"));
  EXPECT_THAT(of({.unified = {{"memory.high", "5"}}}, kV1), IsEmpty());
  EXPECT_THAT(of({.unified = {{"memory.oom.group", "1"}}}, {.start = false}), IsEmpty());
}

TEST(Resources, FilesWithWrongValuesAreNamed) {
  for (const auto& [file, value] : std::vector<std::pair<std::string, std::string>>{{"memory.max", "-1"},
                                                                                    {"cpu.max", ""},
                                                                                    {"cpu.max", "5 0"},
                                                                                    {"cpu.max", "-5"},
                                                                                    {"cpu.max", "1 2 3"},
                                                                                    {"cpu.weight", "max"},
                                                                                    {"cpuset.cpus", "all"},
                                                                                    {"pids.max", "1e3"}})
    EXPECT_THAT(of({.unified = {{file, value}}}), ElementsAre(HasSubstr("resources.unified." + file))) << value;
}

using Rules = std::vector<spec::DeviceRule>;
const spec::DeviceRule kDenyAll = {.allow = false};
const spec::DeviceRule kAllowAll = {.allow = true};

std::string devices(const Rules& rules, bool v2 = true) {
  const DeviceProperties properties = device_properties(rules, v2);
  std::string out = properties.policy;
  for (const auto& [path, access] : properties.allow) out += " " + path + "=" + access;
  return out;
}

TEST(Devices, AListOfWhatIsAllowed) {
  EXPECT_EQ(devices({kDenyAll,
                     {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw"},
                     {.allow = true, .type = 'c', .major = 136},
                     {.allow = true, .type = 'b', .access = "m"}}),
            "strict /dev/char/1:3=rw char-136=rwm block-*=m");
  EXPECT_EQ(devices({{.allow = true, .access = "m"}, kDenyAll}), "strict");
  EXPECT_EQ(devices({kDenyAll, kAllowAll}), "auto");
  EXPECT_EQ(devices({{.allow = true, .major = 9, .minor = 1, .access = "r"}}),
            "strict /dev/char/9:1=r /dev/block/9:1=r");
}

TEST(Devices, ALaterRuleCounts) {
  const spec::DeviceRule null = {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "rw"};
  EXPECT_EQ(devices({null, {.allow = true, .type = 'c', .major = 1, .minor = 3, .access = "wm"}}),
            "strict /dev/char/1:3=rwm");
  EXPECT_EQ(devices({null, {.allow = false, .type = 'c', .major = 1, .minor = 3, .access = "w"}}),
            "strict /dev/char/1:3=r");
  EXPECT_EQ(devices({null, {.allow = false, .type = 'c', .major = 1, .minor = 3}}), "strict");
  EXPECT_EQ(devices({null, {.allow = false, .type = 'b', .major = 1, .minor = 3}}), "strict /dev/char/1:3=rw");
}

TEST(Devices, WhatSystemdCannotSayIsLeftToTheProgramOrBecomesLess) {
  const Rules hole = {{.allow = true, .type = 'c', .major = 1},
                      {.allow = true, .type = 'c', .major = 5, .minor = 0},
                      {.allow = false, .type = 'c', .major = 1, .minor = 3}};
  EXPECT_EQ(devices(hole), "auto");
  EXPECT_EQ(devices(hole, false), "strict /dev/char/5:0=rwm");
  const Rules all_but = {kAllowAll, {.allow = false, .type = 'b', .major = 8}};
  EXPECT_EQ(devices(all_but), "auto");
  EXPECT_EQ(devices(all_but, false), "strict");
  const Rules no_major = {{.allow = true, .type = 'c', .minor = 3}, {.allow = true, .type = 'c', .major = 5}};
  EXPECT_EQ(devices(no_major), "auto");
  EXPECT_EQ(devices(no_major, false), "strict char-5=rwm");
}

TEST(Devices, AreOnlyThereAtTheStart) {
  const spec::Resources resources = {.devices = {kDenyAll}};
  EXPECT_THAT(of(resources), ElementsAre("DevicePolicy(s)=strict", "DeviceAllow(a(ss))="));
  EXPECT_THAT(of(resources, {.start = false}), IsEmpty());
}

TEST(Annotations, Values) {
  EXPECT_THAT(of_annotation("TimeoutStopUSec", "uint64 123456789"), ElementsAre("TimeoutStopUSec(t)=123456789"));
  EXPECT_THAT(of_annotation("CollectMode", "'inactive-or-failed'"), ElementsAre("CollectMode(s)=inactive-or-failed"));
  EXPECT_THAT(of_annotation("Name", R"("it\"s \\ 'so'")"), ElementsAre(R"(Name(s)=it"s \ 'so')"));
  EXPECT_THAT(of_annotation("Flag", "true"), ElementsAre("Flag(b)=1"));
  EXPECT_THAT(of_annotation("Flag", " boolean false "), ElementsAre("Flag(b)=0"));
  EXPECT_THAT(of_annotation("Number", "-12"), ElementsAre("Number(i)=-12"));
  EXPECT_THAT(of_annotation("Number", "byte 255"), ElementsAre("Number(y)=255"));
  EXPECT_THAT(of_annotation("Number", "int16 -1"), ElementsAre("Number(n)=65535"));
  EXPECT_THAT(of_annotation("Number", "uint16 65535"), ElementsAre("Number(q)=65535"));
  EXPECT_THAT(of_annotation("Number", "uint32 7"), ElementsAre("Number(u)=7"));
  EXPECT_THAT(of_annotation("Number", "int64 7"), ElementsAre("Number(x)=7"));
  EXPECT_THAT(of_annotation("Number", "1.5"), ElementsAre("Number(d)=1.500000"));
  EXPECT_THAT(of_annotation("After", "['a.service' , \"b.service\"]"), ElementsAre("After(as)=a.service b.service"));
}

TEST(Annotations, SecondsBecomeMicroseconds) {
  EXPECT_THAT(of_annotation("TimeoutStopSec", "456"), ElementsAre("TimeoutStopUSec(t)=456000000"));
  EXPECT_THAT(of_annotation("TimeoutStopSec", "byte 4"), ElementsAre("TimeoutStopUSec(t)=4000000"));
  EXPECT_THAT(of_annotation("TimeoutStopSec", "1.5"), ElementsAre("TimeoutStopUSec(t)=1500000"));
  EXPECT_THAT(of_annotation("ASec", "1"), ElementsAre("ASec(i)=1"));
  for (const char* wrong : {"'4'", "true", "-1", "uint64 18446744073709551615", "['1']"})
    EXPECT_THAT(of_annotation("TimeoutStopSec", wrong), ElementsAre(HasSubstr("seconds"))) << wrong;
}

TEST(Annotations, AllElseIsRefusedWithItsName) {
  for (const char* wrong :
       {"",           "word", "'open", "'a' 'b'",    "12x",        "99999999999", "uint16 65536", "byte -1",  "uint64",
        "uint64 'a'", "[",    "[]",    "['a'",       "['a',]",     "['a' 'b']",   "[1]",          "{'a': 1}", "(1,)",
        "<1>",        "@u 1", "1.5.2", "double nan", "double inf", "string 5",    "'\\n'",        "boolean 1"})
    EXPECT_THAT(of_annotation("Name", wrong), ElementsAre(HasSubstr("annotation org.systemd.property.Name:"))) << wrong;
  for (const char* name : {"", "ab", "a-b", "Name2", "Name.x"})
    EXPECT_THAT(of_annotation(name, "1"), ElementsAre(HasSubstr("letters"))) << name;
}

}  // namespace
}  // namespace plimsoll::limits
