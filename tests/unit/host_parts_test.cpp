// SPDX-License-Identifier: Apache-2.0
// What host collectors are made of: filters by regular expression, directories of devices.
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/name_filter.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::TempTree;

TEST(Pattern, SearchesUnlessAnchored) {
  EXPECT_TRUE(Pattern("eth").matches("veth1"));
  EXPECT_FALSE(Pattern("^eth").matches("veth1"));
  EXPECT_FALSE(Pattern("").matches(""));
  EXPECT_TRUE(Pattern("").empty());
  EXPECT_TRUE(Pattern("^$").matches(""));
}

TEST(Pattern, TakesBytesThatAreNoText) {
  EXPECT_TRUE(
      Pattern("^a.b$").matches("a\xff"
                               "b"));
  EXPECT_TRUE(Pattern("b$").matches(std::string_view("a\0b", 3)));
}

TEST(Pattern, SaysWhatDoesNotCompile) {
  EXPECT_TRUE(Pattern::check("^(a|b)+$"));
  const auto bad = Pattern::check("(a");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message(), "'(a' is no regular expression: missing ): (a");
  EXPECT_FALSE(Pattern::check("(?=a)")) << "looking ahead is what makes expressions exponential";
  EXPECT_FALSE(Pattern("(a").matches("(a"));
}

// A backtracking matcher would need 2^10000 steps.
TEST(Pattern, IsLinearInTheText) {
  EXPECT_FALSE(Pattern("^(a+)+$").matches(std::string(10000, 'a') + "b"));
  EXPECT_FALSE(Pattern::check("((((a{100}){100}){100}){100})")) << "too large when it is unfolded";
}

constexpr Flag kInclude = {"x.include", FlagKind::kInclude, "", "Those to show"};
constexpr Flag kExclude = {"x.exclude", FlagKind::kExclude, "^lo$", "Those to leave out"};

TEST(NameFilter, IncludesAndExcludes) {
  Flags flags;
  EXPECT_FALSE(NameFilter(flags, kInclude, kExclude).keeps("lo"));
  EXPECT_TRUE(NameFilter(flags, kInclude, kExclude).keeps("eth0"));
  flags.set(kInclude, "^(lo|eth)");
  EXPECT_TRUE(NameFilter(flags, kInclude, kExclude).keeps("lo")) << "naming some takes the default exclusion away";
  EXPECT_FALSE(NameFilter(flags, kInclude, kExclude).keeps("wlan0"));
  flags.set(kExclude, "0$");
  EXPECT_FALSE(NameFilter(flags, kInclude, kExclude).keeps("eth0"));
  EXPECT_TRUE(NameFilter("", "").keeps(""));
}

std::string names_in(DeviceDir& dir) {
  std::string names;
  const auto devices = dir.devices();
  EXPECT_TRUE(devices);
  for (Device* device : devices ? *devices : std::vector<Device*>{}) names += device->name() + " ";
  return names;
}

TEST(DeviceDir, ListsDirectoriesAndLinksToThem) {
  const TempTree tree(
      {{"class/b/type", "1\n"}, {"class/a/type", "2\n"}, {"class/file", "3\n"}, {"devices/c/type", "4\n"}});
  std::filesystem::create_symlink("../devices/c", tree.at("class/c"));
  std::filesystem::create_symlink("../devices/gone", tree.at("class/d"));
  DeviceDir dir(tree.at("class"));
  EXPECT_EQ(names_in(dir), "a b c ");
  EXPECT_EQ((*dir.devices())[2]->number("type"), 4u);
}

TEST(DeviceDir, WithoutADirectoryIsNotPresent) {
  const TempTree tree({{"file", ""}});
  for (const char* name : {"missing", "file"}) {
    const auto devices = DeviceDir(tree.at(name)).devices();
    ASSERT_FALSE(devices);
    EXPECT_TRUE(is_not_present(devices.error()));
  }
}

TEST(DeviceDir, NoticesDevicesThatComeAndGo) {
  const TempTree tree({{"a/value", "1\n"}, {"b/value", "2\n"}});
  DeviceDir dir(tree.path());
  EXPECT_EQ(names_in(dir), "a b ");
  std::filesystem::remove_all(tree.at("a"));
  tree.write("c/value", "3\n");
  EXPECT_EQ(names_in(dir), "b c ");
}

TEST(DeviceDir, AnotherDeviceOfTheSameNameIsRead) {
  const TempTree tree({{"a/value", "1\n"}});
  DeviceDir dir(tree.path());
  EXPECT_EQ((*dir.devices())[0]->number("value"), 1u);
  EXPECT_EQ((*dir.devices())[0]->number("other"), std::nullopt);
  std::filesystem::rename(tree.at("a"), tree.at("old"));
  tree.write("a/value", "2\n");
  tree.write("a/other", "3\n");
  EXPECT_EQ((*dir.devices())[0]->number("value"), 2u);
  EXPECT_EQ((*dir.devices())[0]->number("other"), 3u);
}

TEST(Device, ReadsTextAndNumbers) {
  const TempTree tree({{"a/text", " two words \n"},
                       {"a/number", "18446744073709551615\n"},
                       {"a/negative", "-5\n"},
                       {"a/fraction", "1.5\n"},
                       {"a/empty", ""},
                       {"a/deep/file", "7\n"},
                       {"a/none", "N/A\n"},
                       {"a/nan", "nan\n"}});
  DeviceDir dir(tree.path());
  Device& device = *(*dir.devices())[0];
  EXPECT_EQ(device.text("text"), "two words");
  EXPECT_EQ(device.number("number"), UINT64_MAX);
  EXPECT_EQ(device.number("negative"), std::nullopt);
  EXPECT_EQ(device.text("empty"), "");
  EXPECT_EQ(device.number("empty"), std::nullopt);
  EXPECT_EQ(device.number("deep/file"), 7u);
  EXPECT_EQ(device.number("none"), std::nullopt);
  EXPECT_EQ(device.text("missing"), std::nullopt);
  EXPECT_EQ(device.read("missing").error().message(), "a/missing: No such file or directory");
  EXPECT_EQ(device.read("deep").error().code, EISDIR);
  EXPECT_EQ(device.list(),
            (std::vector<std::string>{"deep", "empty", "fraction", "nan", "negative", "none", "number", "text"}));
  EXPECT_EQ(device.list("deep"), std::vector<std::string>{"file"});
  EXPECT_TRUE(device.list("nowhere").empty());
}

TEST(Device, FollowsAFileThatChanges) {
  const TempTree tree({{"a/value", "1\n"}});
  DeviceDir dir(tree.path());
  EXPECT_EQ((*dir.devices())[0]->number("value"), 1u);
  tree.write("a/value", "23\n");
  EXPECT_EQ((*dir.devices())[0]->number("value"), 23u);
}

TEST(Device, LooksAgainForWhatWasNotThere) {
  const TempTree tree({{"a/value", "1\n"}});
  DeviceDir dir(tree.path());
  EXPECT_EQ((*dir.devices())[0]->number("late"), std::nullopt);
  tree.write("a/late", "2\n");
  std::optional<uint64_t> late;
  for (int i = 0; i < 20 && !late; ++i) late = (*dir.devices())[0]->number("late");
  EXPECT_EQ(late, 2u);
}

TEST(Device, DoesNotWaitForAFifo) {
  const TempTree tree({{"a/value", "1\n"}});
  ASSERT_EQ(::mkfifo(tree.at("a/pipe").c_str(), 0600), 0);
  DeviceDir dir(tree.path());
  EXPECT_EQ((*dir.devices())[0]->text("pipe").value_or(""), "");
}

size_t open_descriptors() {
  const auto own = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(own, std::filesystem::directory_iterator{}));
}

TEST(DeviceDir, KeepsNoMoreFilesOpenThanItMay) {
  const TempTree tree;
  for (int i = 0; i < 10; ++i) tree.write("d" + std::to_string(i) + "/value", std::to_string(i) + "\n");
  DeviceDir dir(tree.path(), 4);
  const size_t before = open_descriptors();
  for (int round = 0; round < 3; ++round) {
    const auto devices = dir.devices();
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ((*devices)[i]->number("value"), i);
    EXPECT_EQ(open_descriptors(), before + 10 + 4) << "a directory of each, and four files";
  }
  for (int i = 0; i < 10; ++i) std::filesystem::remove_all(tree.at("d" + std::to_string(i)));
  EXPECT_EQ(names_in(dir), "");
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace plimsoll::collectors::host
