// SPDX-License-Identifier: Apache-2.0
// What the kernel's event queues are turned into: fanotify's bytes, and inotify on a tree of plain directories.
#include "collectors/container/cgroup_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fanotify.h>

#include <cstring>
#include <random>

#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using test::TempTree;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

template <typename T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

struct Made {
  uint64_t mask = FAN_CREATE;
  std::string name = "web";
  uint8_t info_type = FAN_EVENT_INFO_TYPE_DFID_NAME;
  uint32_t handle_bytes = 8;
  int length_error = 0;  // added to event_len
  int info_error = 0;    // added to the record's length
  uint8_t version = FANOTIFY_METADATA_VERSION;
};

// One event as read(2) returns it.
std::string event_bytes(const Made& made) {
  std::string info;
  fanotify_event_info_fid fid{};
  fid.hdr.info_type = made.info_type;
  fid.fsid.val[0] = 42;
  std::string handle;
  append(handle, made.handle_bytes);
  append(handle, int32_t{254});
  handle += "HANDLE-8";
  fid.hdr.len =
      static_cast<uint16_t>(static_cast<int>(sizeof(fid) + handle.size() + made.name.size() + 1) + made.info_error);
  append(info, fid);
  info += handle + made.name + '\0';
  fanotify_event_metadata meta{};
  meta.vers = made.version;
  meta.metadata_len = sizeof(meta);
  meta.mask = made.mask;
  meta.event_len = static_cast<uint32_t>(static_cast<int>(sizeof(meta) + info.size()) + made.length_error);
  std::string bytes;
  append(bytes, meta);
  return bytes + info;
}

struct Told {
  std::vector<std::string> names;
  bool whole = false;
};

Told parse(const std::string& bytes) {
  Told told;
  told.whole = for_each_fanotify_event({bytes.data(), bytes.size()},
                                       [&](const FanotifyEvent& event) { told.names.emplace_back(event.name); });
  return told;
}

TEST(FanotifyBytes, EventsNameDirectoryAndEntry) {
  const std::string bytes = event_bytes({.mask = FAN_DELETE | FAN_ONDIR, .name = "a"});
  size_t count = 0;
  EXPECT_TRUE(for_each_fanotify_event({bytes.data(), bytes.size()}, [&](const FanotifyEvent& event) {
    ++count;
    EXPECT_EQ(event.mask, uint64_t{FAN_DELETE | FAN_ONDIR});
    EXPECT_EQ(event.fsid, 42u);
    EXPECT_EQ(event.name, "a");
    EXPECT_EQ(event.handle.size(), 16u);
    EXPECT_TRUE(event.handle.ends_with("HANDLE-8"));
  }));
  EXPECT_EQ(count, 1u);
  const Told several = parse(event_bytes({.name = "a"}) + event_bytes({.name = ""}) + event_bytes({.name = "c"}));
  EXPECT_TRUE(several.whole);
  EXPECT_THAT(several.names, ElementsAre("a", "", "c"));
}

TEST(FanotifyBytes, AnOverflowIsToldAndTheRestIsTaken) {
  fanotify_event_metadata overflow{};
  overflow.vers = FANOTIFY_METADATA_VERSION;
  overflow.metadata_len = sizeof(overflow);
  overflow.event_len = sizeof(overflow);
  overflow.mask = FAN_Q_OVERFLOW;
  std::string bytes = event_bytes({.name = "a"});
  append(bytes, overflow);
  const Told told = parse(bytes + event_bytes({.name = "b"}));
  EXPECT_FALSE(told.whole);
  EXPECT_THAT(told.names, ElementsAre("a", "b"));
}

TEST(FanotifyBytes, RecordsThatNameNothingAreLeftOut) {
  for (const Made& made : {Made{.info_type = FAN_EVENT_INFO_TYPE_FID}, Made{.handle_bytes = 129},
                           Made{.handle_bytes = 100}, Made{.info_error = 1000}, Made{.info_error = -30}}) {
    const Told told = parse(event_bytes(made) + event_bytes({.name = "next"}));
    EXPECT_TRUE(told.whole);
    EXPECT_THAT(told.names, ElementsAre("next"));
  }
}

TEST(FanotifyBytes, WhatIsNoEventEndsTheReading) {
  for (const Made& made : {Made{.length_error = 1}, Made{.length_error = -60}, Made{.version = 2}})
    EXPECT_FALSE(parse(event_bytes(made)).whole);
  const std::string bytes = event_bytes({});
  for (size_t size = 1; size < bytes.size(); ++size) {
    const Told told = parse(bytes.substr(0, size));
    EXPECT_FALSE(told.whole) << size;
    EXPECT_THAT(told.names, IsEmpty());
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string spoilt = bytes + bytes;
    for (int k = 0; k < 3; ++k) spoilt[random() % spoilt.size()] = static_cast<char>(random());
    (void)parse(spoilt.substr(0, random() % (spoilt.size() + 1)));
  }
}

using Found = std::vector<std::pair<std::string, bool>>;

class InotifyTreeTest : public testing::Test {
 protected:
  Result<bool> drain() {
    found.clear();
    return tree->drain([this](const std::string& path, bool made) { found.emplace_back(path, made); });
  }
  void open(size_t max_watches = 0) {
    auto made = InotifyTree::open(root.path(), max_watches);
    ASSERT_TRUE(made);
    tree.emplace(std::move(*made));
  }

  TempTree root;
  std::optional<InotifyTree> tree;
  Found found;
};

TEST_F(InotifyTreeTest, TellsOfDirectoriesMadeAndRemoved) {
  root.make_dir("docker");
  open();
  EXPECT_EQ(tree->watches(), 2u);
  root.make_dir("docker/a");
  root.write("docker/file", "");  // no directory
  EXPECT_TRUE(drain().value_or(false));
  EXPECT_THAT(found, Contains(std::pair<std::string, bool>("/docker/a", true)));
  EXPECT_EQ(tree->watches(), 3u);
  ASSERT_TRUE(remove_tree(root.at("docker/a")));
  EXPECT_TRUE(drain().value_or(false));
  EXPECT_THAT(found, ElementsAre(std::pair<std::string, bool>("/docker/a", false)));
  EXPECT_EQ(tree->watches(), 2u);
  EXPECT_TRUE(drain().value_or(false));
  EXPECT_THAT(found, IsEmpty());
}

// The directories below are made before their parent can be watched.
TEST_F(InotifyTreeTest, FindsWhatWasMadeBeforeItsParentWasWatched) {
  open();
  root.make_dir("a/b/c/d");
  EXPECT_TRUE(drain().value_or(false));
  for (const char* path : {"/a", "/a/b", "/a/b/c", "/a/b/c/d"})
    EXPECT_THAT(found, Contains(std::pair<std::string, bool>(path, true)));
  EXPECT_EQ(tree->watches(), 5u);
  root.make_dir("a/b/c/d/e");
  EXPECT_TRUE(drain().value_or(false));
  EXPECT_THAT(found, Contains(std::pair<std::string, bool>("/a/b/c/d/e", true)));
}

TEST_F(InotifyTreeTest, OutOfWatchesIsAnError) {
  root.make_dir("a/b");
  const auto none = InotifyTree::open(root.path(), 2);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ENOSPC);
  open(3);
  root.make_dir("c");
  const auto drained = drain();
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().code, ENOSPC);
  EXPECT_FALSE(InotifyTree::open(root.at("missing"), 0).has_value() &&
               InotifyTree::open(root.at("missing"), 0)->watches() > 0);
}

TEST_F(InotifyTreeTest, NestingHasAnEnd) {
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += "d/";
  root.make_dir(deep);
  open();
  EXPECT_LT(tree->watches(), 60u);
}

TEST(LimitFiles, AreThoseOfTheLimitsShown) {
  for (const char* name :
       {"cpu.max", "cpu.shares", "cpu.cfs_quota_us", "memory.max", "memory.limit_in_bytes", "pids.max"})
    EXPECT_TRUE(is_limit_file(name)) << name;
  for (const char* name : {"cgroup.procs", "tasks", "cgroup.events", "cpu.stat", "memory.max_usage_in_bytes", ""})
    EXPECT_FALSE(is_limit_file(name)) << name;
}

TEST(FanotifyQueue, WhatCannotBeMarkedIsAnError) {
  EXPECT_FALSE(FanotifyQueue::open({"/nonexistent"}, FAN_CREATE | FAN_ONDIR, "/proc"));
  TempTree tree;
  EXPECT_FALSE(FanotifyQueue::open({tree.path()}, FAN_CREATE | FAN_ONDIR, tree.path()));  // no proc there
}

}  // namespace
}  // namespace plimsoll::collectors::container
