// SPDX-License-Identifier: Apache-2.0
// runtime/spec/mount_options.h: every option of the specification's table, in combinations.
#include "runtime/spec/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sys/mount.h>

#include <algorithm>

namespace plimsoll::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

// "(must be right)" in `data` when it was refused.
MountOptions parsed(std::vector<std::string> options) {
  auto result = parse_mount_options(Mount{.destination = "/data", .options = std::move(options)});
  if (result) return std::move(*result);
  MountOptions bad;
  bad.data.emplace_back("(must be right)", result.error().message());
  return bad;
}

std::string problem_of(std::vector<std::string> options) {
  const auto result = parse_mount_options(Mount{.destination = "/data", .options = std::move(options)});
  return result ? "" : result.error().message();
}

TEST(SpecMountOptions, NoneAreNothing) {
  const MountOptions options = parsed({});
  EXPECT_EQ(options.set | options.clear | options.recursive_set | options.recursive_clear | options.propagation, 0u);
  EXPECT_FALSE(options.bind || options.remount || options.copy_up || options.idmap);
  EXPECT_THAT(options.data, IsEmpty());
}

struct Bit {
  const char* sets;
  const char* clears;
  uint64_t bit;
};
constexpr Bit kBits[] = {
    {"ro", "rw", MOUNT_ATTR_RDONLY},
    {"nosuid", "suid", MOUNT_ATTR_NOSUID},
    {"nodev", "dev", MOUNT_ATTR_NODEV},
    {"noexec", "exec", MOUNT_ATTR_NOEXEC},
    {"nodiratime", "diratime", MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", "symfollow", MOUNT_ATTR_NOSYMFOLLOW},
};

TEST(SpecMountOptions, BitsAreSetAndCleared) {
  for (const Bit& one : kBits) {
    EXPECT_EQ(parsed({one.sets}).set, one.bit) << one.sets;
    EXPECT_EQ(parsed({one.sets}).clear, 0u) << one.sets;
    EXPECT_EQ(parsed({one.clears}).clear, one.bit) << one.clears;
    EXPECT_EQ(parsed({one.clears}).set, 0u) << one.clears;
  }
}

TEST(SpecMountOptions, TheLaterOneCounts) {
  for (const Bit& one : kBits) {
    EXPECT_EQ(parsed({one.sets, one.clears}).set, 0u) << one.sets;
    EXPECT_EQ(parsed({one.sets, one.clears}).clear, one.bit) << one.sets;
    EXPECT_EQ(parsed({one.clears, one.sets}).set, one.bit) << one.sets;
    EXPECT_EQ(parsed({one.clears, one.sets}).clear, 0u) << one.sets;
  }
}

TEST(SpecMountOptions, RecursiveOnesAreKeptApart) {
  for (const Bit& one : kBits) {
    const MountOptions set = parsed({std::string("r") + one.sets}), cleared = parsed({std::string("r") + one.clears});
    EXPECT_EQ(set.recursive_set, one.bit) << one.sets;
    EXPECT_EQ(cleared.recursive_clear, one.bit) << one.clears;
    EXPECT_EQ(set.set | set.clear | set.recursive_clear | cleared.set | cleared.clear | cleared.recursive_set, 0u);
  }
  const MountOptions both = parsed({"rw", "rro"});
  EXPECT_EQ(both.clear, uint64_t{MOUNT_ATTR_RDONLY});
  EXPECT_EQ(both.recursive_set, uint64_t{MOUNT_ATTR_RDONLY});
}

// mount_setattr(2) refuses a part of the access-time field in attr_clr, and a new value without all of it there.
TEST(SpecMountOptions, AccessTimesAreAField) {
  struct Case {
    std::vector<std::string> options;
    uint64_t set;
    bool asked;
  };
  const Case cases[] = {
      {{"noatime"}, MOUNT_ATTR_NOATIME, true},
      {{"strictatime"}, MOUNT_ATTR_STRICTATIME, true},
      {{"relatime"}, MOUNT_ATTR_RELATIME, true},
      {{"noatime", "strictatime"}, MOUNT_ATTR_STRICTATIME, true},
      {{"strictatime", "relatime"}, MOUNT_ATTR_RELATIME, true},
      {{"atime"}, MOUNT_ATTR_RELATIME, true},
      {{"noatime", "atime"}, MOUNT_ATTR_RELATIME, true},
      {{"strictatime", "atime"}, MOUNT_ATTR_STRICTATIME, true},
      {{"nostrictatime"}, MOUNT_ATTR_RELATIME, true},
      {{"strictatime", "nostrictatime"}, MOUNT_ATTR_RELATIME, true},
      {{"noatime", "nostrictatime"}, MOUNT_ATTR_NOATIME, true},
      {{"norelatime"}, 0, false},
      {{"noatime", "norelatime"}, MOUNT_ATTR_NOATIME, true},
  };
  for (const Case& one : cases) {
    std::vector<std::string> recursive;
    for (const std::string& option : one.options) recursive.push_back("r" + option);
    const MountOptions plain = parsed(one.options), deep = parsed(recursive);
    EXPECT_EQ(plain.set, one.set) << one.options.back();
    EXPECT_EQ(plain.clear, one.asked ? uint64_t{MOUNT_ATTR__ATIME} : 0u) << one.options.back();
    EXPECT_EQ(deep.recursive_set, one.set) << recursive.back();
    EXPECT_EQ(deep.recursive_clear, one.asked ? uint64_t{MOUNT_ATTR__ATIME} : 0u) << recursive.back();
  }
}

TEST(SpecMountOptions, BitsBesideTheFieldStay) {
  const MountOptions options = parsed({"nosuid", "nodiratime", "noatime", "ro", "relatime"});
  EXPECT_EQ(options.set, uint64_t{MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_RDONLY});
  EXPECT_EQ(options.clear, uint64_t{MOUNT_ATTR__ATIME});
}

TEST(SpecMountOptions, Propagation) {
  const std::pair<const char*, uint64_t> cases[] = {
      {"private", MS_PRIVATE}, {"slave", MS_SLAVE}, {"shared", MS_SHARED}, {"unbindable", MS_UNBINDABLE}};
  for (const auto& [name, flag] : cases) {
    EXPECT_EQ(parsed({name}).propagation, flag) << name;
    EXPECT_FALSE(parsed({name}).recursive_propagation) << name;
    EXPECT_EQ(parsed({std::string("r") + name}).propagation, flag) << name;
    EXPECT_TRUE(parsed({std::string("r") + name}).recursive_propagation) << name;
  }
  const MountOptions last = parsed({"rprivate", "slave"});
  EXPECT_EQ(last.propagation, uint64_t{MS_SLAVE});
  EXPECT_FALSE(last.recursive_propagation);
}

TEST(SpecMountOptions, Switches) {
  EXPECT_TRUE(parsed({"bind"}).bind);
  EXPECT_FALSE(parsed({"bind"}).recursive_bind);
  EXPECT_TRUE(parsed({"rbind"}).bind && parsed({"rbind"}).recursive_bind);
  EXPECT_TRUE(parsed({"remount"}).remount);
  EXPECT_TRUE(parsed({"tmpcopyup"}).copy_up);
  EXPECT_TRUE(parsed({"copy-symlink"}).copy_symlink);
  EXPECT_TRUE(parsed({"src-nofollow"}).source_no_follow);
  EXPECT_TRUE(parsed({"dest-nofollow"}).destination_no_follow);
  EXPECT_TRUE(parsed({"idmap"}).idmap);
  EXPECT_FALSE(parsed({"idmap"}).recursive_idmap);
  EXPECT_TRUE(parsed({"ridmap"}).idmap && parsed({"ridmap"}).recursive_idmap);
}

TEST(SpecMountOptions, AMappingIsAnIdmap) {
  const auto options = parse_mount_options(Mount{
      .destination = "/data", .options = {"bind"}, .uid_mappings = {{0, 1000, 1}}, .gid_mappings = {{0, 1000, 1}}});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->idmap);
  EXPECT_FALSE(options->recursive_idmap);
}

TEST(SpecMountOptions, AMappingAsAnOption) {
  const MountOptions options = parsed({"bind", "idmap=uids=0-1000-10#@10-1-2;gids=5-6-7"});
  EXPECT_TRUE(options.idmap && !options.recursive_idmap);
  ASSERT_EQ(options.uid_ranges.size(), 2u);
  EXPECT_EQ(options.uid_ranges[0].ids.host_id, 1000u);
  EXPECT_FALSE(options.uid_ranges[0].relative);
  EXPECT_EQ(options.uid_ranges[1].ids.container_id, 10u);
  EXPECT_EQ(options.uid_ranges[1].ids.size, 2u);
  EXPECT_TRUE(options.uid_ranges[1].relative);
  ASSERT_EQ(options.gid_ranges.size(), 1u);
  EXPECT_TRUE(parsed({"rbind", "ridmap=uids=0-1-1;gids=0-1-1"}).recursive_idmap);
  for (const char* bad : {"idmap=", "idmap=uids=0-1-1", "idmap=uids=0-1;gids=0-1-1", "idmap=uids=0-1-0;gids=0-1-1",
                          "idmap=uids=0-1-1-1;gids=0-1-1", "idmap=x=0-1-1", "idmap=uids=0-4294967296-1;gids=0-1-1"}) {
    EXPECT_THAT(problem_of({"bind", bad}), HasSubstr("must be as in")) << bad;
  }
}

TEST(SpecMountOptions, TheFileSystemsOwnComeInOrder) {
  const MountOptions options = parsed({"mode=755", "nosuid", "size=65536k", "newinstance", "gid=5"});
  EXPECT_THAT(options.data,
              ElementsAre(Pair("mode", "755"), Pair("size", "65536k"), Pair("newinstance", ""), Pair("gid", "5")));
  EXPECT_EQ(options.set, uint64_t{MOUNT_ATTR_NOSUID});
}

TEST(SpecMountOptions, FlagsOfTheFileSystem) {
  EXPECT_THAT(parsed({"sync", "dirsync", "lazytime", "mand", "sync"}).data,
              ElementsAre(Pair("dirsync", ""), Pair("lazytime", ""), Pair("mand", ""), Pair("sync", "")));
  EXPECT_THAT(parsed({"sync", "lazytime", "mand", "async", "nolazytime", "nomand"}).data, IsEmpty());
}

TEST(SpecMountOptions, IgnoredOnes) {
  const MountOptions options = parsed({"defaults", "silent", "loud", "iversion", "noiversion", "nofail", "_netdev",
                                       "auto", "noauto", "x-systemd.automount", "comment=for fstab", ""});
  EXPECT_EQ(options.set | options.clear, 0u);
  EXPECT_THAT(options.data, IsEmpty());
}

TEST(SpecMountOptions, CommasSeparateUnlessQuotedOrEscaped) {
  EXPECT_THAT(parsed({"mode=755,size=64k,noexec"}).data, ElementsAre(Pair("mode", "755"), Pair("size", "64k")));
  EXPECT_EQ(parsed({"mode=755,size=64k,noexec"}).set, uint64_t{MOUNT_ATTR_NOEXEC});
  EXPECT_THAT(parsed({R"(context="system_u:object_r:t:s0:c1,c2",nr_inodes=5)"}).data,
              ElementsAre(Pair("context", "system_u:object_r:t:s0:c1,c2"), Pair("nr_inodes", "5")));
  EXPECT_THAT(parsed({R"(lowerdir=/a\,b:/c)"}).data, ElementsAre(Pair("lowerdir", R"(/a\,b:/c)")));
  EXPECT_THAT(parsed({",,", ",mode=1"}).data, ElementsAre(Pair("mode", "1")));
  EXPECT_THAT(parsed({"a=b=c"}).data, ElementsAre(Pair("a", "b=c")));
}

TEST(SpecMountOptions, ABindMountHasNoFileSystemOfItsOwn) {
  EXPECT_THAT(parsed({"rbind", "sync", "dirsync", "lazytime", "mand", "ro"}).data, IsEmpty());
  EXPECT_THAT(parsed({"bind", "size=64k"}).data, ElementsAre(Pair("size", "64k")));
}

// The table of config.md, "Linux mount options".
TEST(SpecMountOptions, EveryOneOfTheSpecificationIsKnown) {
  const char* table[] = {"async",          "atime",      "bind",         "defaults",    "dev",
                         "diratime",       "dirsync",    "exec",         "iversion",    "lazytime",
                         "loud",           "mand",       "noatime",      "nodev",       "nodiratime",
                         "noexec",         "noiversion", "nolazytime",   "nomand",      "norelatime",
                         "nostrictatime",  "nosuid",     "nosymfollow",  "private",     "ratime",
                         "rbind",          "rdev",       "rdiratime",    "relatime",    "remount",
                         "rexec",          "rnoatime",   "rnodiratime",  "rnoexec",     "rnorelatime",
                         "rnostrictatime", "rnosuid",    "rnosymfollow", "ro",          "rprivate",
                         "rrelatime",      "rro",        "rrw",          "rshared",     "rslave",
                         "rstrictatime",   "rsuid",      "rsymfollow",   "runbindable", "rw",
                         "shared",         "silent",     "slave",        "strictatime", "suid",
                         "symfollow",      "sync",       "tmpcopyup",    "unbindable",  "idmap",
                         "ridmap"};
  const auto known = known_mount_options();
  for (const char* name : table) EXPECT_THAT(known, testing::Contains(name));
  EXPECT_TRUE(std::is_sorted(known.begin(), known.end()));
  EXPECT_EQ(std::adjacent_find(known.begin(), known.end()), known.end());
}

}  // namespace
}  // namespace plimsoll::spec
