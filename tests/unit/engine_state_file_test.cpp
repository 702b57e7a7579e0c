// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/state_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tests/unit/temp_tree.h"

namespace plimsoll::engine {
namespace {

using test::TempTree;
using testing::ElementsAre;
using testing::Pair;

TEST(StateFile, ReadsARegularFile) {
  const TempTree tree({{"a.json", "{}"}, {"empty", ""}});
  auto file = read_state_file(tree.at("a.json"));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->text, "{}");
  EXPECT_NE(file->revision, 0u);
  EXPECT_EQ(file->revision, file_revision(tree.at("a.json")));
  EXPECT_EQ(file->modified_ns, file_stamp(tree.at("a.json")).modified_ns);
  EXPECT_EQ(read_state_file(tree.at("empty"))->text, "");
}

TEST(StateFile, RefusesWhatIsNoRegularFile) {
  const TempTree tree({{"real", "{}"}});
  tree.make_dir("dir");
  ASSERT_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("real", tree.at("link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", tree.at("dangling").c_str()), 0);
  const std::pair<const char*, int> kCases[] = {
      {"dir", EINVAL}, {"fifo", EINVAL}, {"link", ELOOP}, {"dangling", ELOOP}, {"missing", ENOENT}};
  for (const auto& [name, code] : kCases) {
    auto file = read_state_file(tree.at(name));
    ASSERT_FALSE(file) << name;
    EXPECT_EQ(file.error().code, code) << name;
    EXPECT_NE(file.error().context.find(name), std::string::npos) << name;
    EXPECT_EQ(file_revision(tree.at(name)), 0u) << name;
  }
}

TEST(StateFile, IsBounded) {
  const TempTree tree;
  tree.write("full", std::string(kMaxStateFileBytes, ' '));
  tree.write("over", std::string(kMaxStateFileBytes + 1, ' '));
  auto full = read_state_file(tree.at("full"));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->text.size(), kMaxStateFileBytes);
  auto over = read_state_file(tree.at("over"));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, EFBIG);
  // A sparse terabyte says its size before anything is read.
  ASSERT_EQ(::truncate(tree.at("over").c_str(), int64_t{1} << 40), 0);
  EXPECT_FALSE(read_state_file(tree.at("over")));
  // A file that says less than it has, as those of the kernel do.
  EXPECT_GT(read_state_file("/proc/self/status")->text.size(), 100u);
}

TEST(StateFile, RevisionTellsAChange) {
  const TempTree tree({{"a", "one"}});
  const uint64_t first = file_revision(tree.at("a"));
  EXPECT_EQ(file_revision(tree.at("a")), first);
  tree.write("a", "longer");
  const uint64_t longer = file_revision(tree.at("a"));
  EXPECT_NE(longer, first);
  tree.write("b", "longer");
  ASSERT_EQ(::rename(tree.at("b").c_str(), tree.at("a").c_str()), 0);
  EXPECT_NE(file_revision(tree.at("a")), longer);
}

TEST(StateJson, Malformed) {
  for (const char* text : {"", " ", "{", "{\"a\":}", "[1,2", "{} {}", "nul", "\"\xff\"", "{\"a\":1e99999}", "\xef\xbb"})
    EXPECT_FALSE(parse_json(text)) << text;
  for (const char* text : {"{}", "[]", "null", "1", " {\"a\":[1]} ", "\xef\xbb\xbf{}"})
    EXPECT_TRUE(parse_json(text)) << text;
}

TEST(StateJson, DepthAndNumberAreBounded) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_FALSE(parse_json(nested(66)));
  EXPECT_FALSE(parse_json(nested(2'000'000)));
  EXPECT_FALSE(parse_json(std::string(4'000'000, '[')));
  const auto wide = [](size_t count) {
    std::string text = "[0";
    for (size_t i = 1; i < count; ++i) text += ",0";
    return text + "]";
  };
  EXPECT_TRUE(parse_json(wide(199'000)));
  EXPECT_FALSE(parse_json(wide(200'001)));
}

TEST(StateJson, MembersOfTheRightType) {
  const auto json =
      parse_json(R"({"s":"text","b":true,"i":-3,"u":18446744073709551615,"f":1.5,"n":null,"o":{"x":"y"}})");
  ASSERT_TRUE(json);
  EXPECT_EQ(string_of(*json, "s"), "text");
  EXPECT_EQ(string_of(*json, "s", 2), "te");
  for (const char* name : {"b", "i", "n", "o", "missing"}) EXPECT_EQ(string_of(*json, name), "") << name;
  EXPECT_EQ(bool_of(*json, "b"), true);
  EXPECT_EQ(bool_of(*json, "s"), std::nullopt);
  EXPECT_EQ(integer_of(*json, "i"), -3);
  for (const char* name : {"u", "f", "s", "n", "missing"}) EXPECT_EQ(integer_of(*json, name), std::nullopt) << name;
  ASSERT_NE(member(*json, "o"), nullptr);
  EXPECT_EQ(member(*json, "missing"), nullptr);
  EXPECT_EQ(member(*parse_json("[1]"), "s"), nullptr);
  EXPECT_EQ(string_of(*parse_json("\"s\""), "s"), "");
}

TEST(StateJson, LabelsAndVariables) {
  const auto json = parse_json(R"({"labels":{"b":"2","a":"1","n":3},"env":["A=1","B=2","AB=3",4,"C"],"bad":7})");
  ASSERT_TRUE(json);
  Identity identity;
  take_labels(identity, member(*json, "labels"));
  take_labels(identity, member(*json, "bad"));
  take_labels(identity, member(*json, "missing"));
  EXPECT_THAT(identity.labels, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  take_env(identity, member(*json, "env"), {"A*"});
  take_env(identity, member(*json, "bad"), {"A*"});
  take_env(identity, nullptr, {"A*"});
  EXPECT_THAT(identity.env, ElementsAre(Pair("A", "1"), Pair("AB", "3")));
}

TEST(StateJson, KubernetesLabelsAreNotCrowdedOut) {
  Json labels = Json::object();
  for (int i = 0; i < 1000; ++i) labels["a" + std::to_string(i)] = "x";
  labels["io.kubernetes.pod.name"] = "web-0";
  Identity identity;
  take_labels(identity, &labels);
  EXPECT_EQ(identity.labels.size(), kMaxLabels);
  EXPECT_EQ(identity.labels_dropped, 1001 - kMaxLabels);
  EXPECT_EQ(identity.labels["io.kubernetes.pod.name"], "web-0");
}

TEST(StateText, CutsBetweenCharacters) {
  EXPECT_EQ(cut("abc", 3), "abc");
  EXPECT_EQ(cut("abc", 2), "ab");
  EXPECT_EQ(cut("a\xC3\xBC", 2), "a");
  EXPECT_EQ(cut("\xF0\x9F\x90\xB3x", 3), "");
  EXPECT_EQ(cut("\xF0\x9F\x90\xB3x", 4), "\xF0\x9F\x90\xB3");
  // What is no UTF-8 is still cut to the limit, not to nothing.
  EXPECT_EQ(cut(std::string(100, '\x80'), 50).size(), 47u);
}

TEST(StateText, Times) {
  const std::pair<const char*, int64_t> kCases[] = {
      {"1970-01-01T00:00:01Z", 1'000'000'000},
      {"2026-11-22T16:50:34.267025924Z", 1795366234'267025924},
      {"2026-11-22T16:50:34Z", 1795366234'000000000},
      {"2026-11-22T18:50:34.5+02:00", 1795366234'500000000},
      {"2026-11-22T11:20:34-05:30", 1795366234'000000000},
      {"2024-02-29T00:00:00Z", 1709164800'000000000},
      {"2026-11-22T16:50:34.2670259241239Z", 1795366234'267025924},
      {"2261-12-31T23:59:59Z", 9214646399'000000000},
      {"0001-01-01T00:00:00Z", 0},
      {"1969-12-31T23:59:59Z", 0},
      {"2262-01-01T00:00:00Z", 0},
      {"9999-12-31T23:59:59Z", 0},
  };
  for (const auto& [text, expected] : kCases) EXPECT_EQ(time_ns(text), expected) << text;
  for (const char* text :
       {"", "Z", "2026", "2026-11-22", "2026-11-22T16:50:34", "2026-11-22T16:50:34.Z", "2026-11-22T16:50:34ZZ",
        "2026-13-22T16:50:34Z", "2026-11-22T24:50:34Z", "+026-11-22T16:50:34Z", "2026-11-22T16:50:34+2:00",
        "2026-11-22T16:50:34+02", "2026-00-22T16:50:34Z", "now"})
    EXPECT_EQ(time_ns(text), 0) << text;
}

TEST(StateText, FullIds) {
  EXPECT_TRUE(is_full_id(std::string(64, 'a')));
  EXPECT_FALSE(is_full_id(std::string(63, 'a')));
  EXPECT_FALSE(is_full_id(std::string(65, 'a')));
  EXPECT_FALSE(is_full_id(std::string(64, 'A')));
  EXPECT_FALSE(is_full_id(std::string(63, 'a') + "g"));
  EXPECT_FALSE(is_full_id("../" + std::string(61, 'a')));
}

}  // namespace
}  // namespace plimsoll::engine
