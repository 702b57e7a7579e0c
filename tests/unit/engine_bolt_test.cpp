// SPDX-License-Identifier: Apache-2.0
// collectors/engine/bolt.h: databases that the test makes, whole, damaged in every byte, and of wrong kinds of file.
#include "collectors/engine/bolt.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/bolt_writer.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::BoltBucket;
using test::BoltWriter;
using test::TempTree;
using test::write_bolt;

const BoltBucket kPlain{.values = {{"version", "3"}},
                        .buckets = {{"containers",
                                     {.buckets = {{"web", {.values = {{"image", "nginx"}, {"empty", ""}}}},
                                                  {"db", {.values = {{"image", "postgres"}}, .inlined = true}}}}},
                                    {"empty", {}}}};

struct Listed {
  int error = 0;
  std::vector<std::string> texts;  // "key=value", "key/" for a bucket
};

Listed list(const std::string& bytes, std::initializer_list<std::string_view> path) {
  TempTree tree({{"db", bytes}});
  auto file = BoltFile::open(tree.at("db"));
  if (!file) return {file.error().code, {}};
  auto entries = file->list(path);
  if (!entries) return {entries.error().code, {}};
  Listed listed;
  for (const BoltEntry& entry : *entries)
    listed.texts.push_back(entry.key + (entry.is_bucket ? "/" : "=" + entry.value));
  return listed;
}

TEST(Bolt, ListsBucketsAndValues) {
  const std::string file = write_bolt(kPlain);
  EXPECT_THAT(list(file, {}).texts, testing::ElementsAre("containers/", "empty/", "version=3"));
  EXPECT_THAT(list(file, {"containers"}).texts, testing::ElementsAre("db/", "web/"));
  EXPECT_THAT(list(file, {"containers", "web"}).texts, testing::ElementsAre("empty=", "image=nginx"));
  EXPECT_THAT(list(file, {"containers", "db"}).texts, testing::ElementsAre("image=postgres"));
  const Listed empty = list(file, {"empty"});
  EXPECT_EQ(empty.error, 0);
  EXPECT_THAT(empty.texts, testing::IsEmpty());
}

TEST(Bolt, WhatIsNotThere) {
  const std::string file = write_bolt(kPlain);
  EXPECT_EQ(list(file, {"nothing"}).error, ENOENT);
  EXPECT_EQ(list(file, {"version"}).error, ENOENT);  // a value, not a bucket
  EXPECT_EQ(list(file, {"containers", "web", "image"}).error, ENOENT);
  EXPECT_EQ(list(file, {"containers", "db", "image"}).error, ENOENT);
}

TEST(Bolt, DeepTreesAndLongValues) {
  BoltBucket many;
  for (int i = 1000; i < 2000; ++i) many.buckets["c" + std::to_string(i)].values["n"] = std::to_string(i);
  many.values["long"] = std::string(50'000, 'x');
  const std::string file = BoltWriter(1024, 4).write({.buckets = {{"all", many}}});
  EXPECT_EQ(list(file, {"all"}).texts.size(), 1001u);
  EXPECT_EQ(list(file, {"all"}).texts.back(), "long=" + std::string(50'000, 'x'));
  for (const char* key : {"c1000", "c1001", "c1499", "c1500", "c1999"})
    EXPECT_THAT(list(file, {"all", key}).texts, testing::ElementsAre("n=" + std::string(key + 1))) << key;
  EXPECT_EQ(list(file, {"all", "a"}).error, ENOENT);  // before the first
  EXPECT_EQ(list(file, {"all", "c12345"}).error, ENOENT);
  EXPECT_EQ(list(file, {"all", "zzz"}).error, ENOENT);
}

TEST(Bolt, TheNewerOfTwoMetasThatIsWhole) {
  for (const uint64_t txid : {8, 9}) {
    const std::string file = BoltWriter().write(kPlain, txid);
    for (const size_t meta : {size_t{0}, size_t{4096}}) {
      std::string torn = file;
      torn[meta + 16 + 30] ^= 1;  // the checksum tells
      EXPECT_EQ(list(torn, {}).texts.size(), 3u) << txid << " " << meta;
    }
    std::string lost = file;
    lost[16] = lost[4096 + 16] = 0;
    EXPECT_EQ(list(lost, {}).error, EINVAL);
  }
}

TEST(Bolt, OtherFiles) {
  EXPECT_EQ(list("", {}).error, EINVAL);
  EXPECT_EQ(list("SQLite format 3", {}).error, EINVAL);
  EXPECT_EQ(list(std::string(100'000, '\0'), {}).error, EINVAL);
  TempTree tree({{"real", write_bolt(kPlain)}});
  ASSERT_EQ(::symlink("real", tree.at("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  tree.make_dir("directory");
  EXPECT_EQ(BoltFile::open(tree.at("link")).error().code, ELOOP);
  EXPECT_EQ(BoltFile::open(tree.at("fifo")).error().code, EINVAL);
  EXPECT_EQ(BoltFile::open(tree.at("directory")).error().code, EINVAL);
  EXPECT_EQ(BoltFile::open(tree.at("missing")).error().code, ENOENT);
}

// Whatever is cut off or changed: an answer, and no byte from outside of the file (address sanitizer).
TEST(Bolt, DamageAnywhere) {
  const std::string file = BoltWriter(512, 2).write(kPlain);
  for (size_t size = 0; size < file.size(); size += 37) {
    const Listed listed = list(file.substr(0, size), {"containers", "web"});
    EXPECT_TRUE(listed.error == EINVAL || (listed.error == 0 && listed.texts.size() == 2)) << size;
  }
  size_t understood = 0;
  for (size_t at = 1024; at < file.size(); at += 11) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 0xFF);
    understood += list(changed, {"containers", "web"}).error == 0;
  }
  EXPECT_GT(understood, 0u);
  EXPECT_LT(understood, file.size() / 11);
}

// A branch that is its own child, and a bucket that is its own root.
TEST(Bolt, Cycles) {
  BoltBucket many;
  for (int i = 0; i < 8; ++i) many.values["k" + std::to_string(i)] = "v";
  std::string file = BoltWriter(512, 4).write(many);
  const uint64_t root = file.size() / 512 - 1;  // written last
  ASSERT_EQ(file[root * 512 + 8], 1);           // a branch
  for (size_t i = 0; i < 2; ++i) std::memcpy(file.data() + root * 512 + 16 + 16 * i + 8, &root, sizeof root);
  EXPECT_EQ(list(file, {}).error, EFBIG);  // by the bound on what is read
  EXPECT_EQ(list(file, {"k1"}).error, EFBIG);
}

TEST(Bolt, KeepsToItsLimits) {
  TempTree tree({{"db", write_bolt({.values = {{"a", std::string(600, 'a')}, {"b", "b"}, {"c", "c"}}})}});
  const auto error_with = [&](BoltLimits limits) {
    auto file = BoltFile::open(tree.at("db"));
    const UniqueFd copy(::dup(file->fd()));
    const auto entries = BoltFile(UniqueFd(::dup(copy.get())), limits).list({});
    return entries ? 0 : entries.error().code;
  };
  EXPECT_EQ(error_with({}), 0);
  EXPECT_EQ(error_with({.bytes = 100}), EFBIG);
  EXPECT_EQ(error_with({.entries = 2}), EFBIG);
  EXPECT_EQ(error_with({.read = 4000}), EFBIG);
}

TEST(Bolt, FindsAValueAmongEntries) {
  const std::vector<BoltEntry> entries = {{"labels", "", true}, {"image", "nginx", false}};
  ASSERT_NE(find_value(entries, "image"), nullptr);
  EXPECT_EQ(*find_value(entries, "image"), "nginx");
  EXPECT_EQ(find_value(entries, "labels"), nullptr);
  EXPECT_EQ(find_value(entries, "name"), nullptr);
}

}  // namespace
}  // namespace plimsoll::engine
