// SPDX-License-Identifier: Apache-2.0
#include "base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::yaml {
namespace {

using testing::HasSubstr;

std::string problem(std::string_view text) {
  const auto node = parse(text);
  return node ? "" : node.error().message();
}

TEST(Yaml, AMessageIsOneLineWhateverTheNames) {
  EXPECT_EQ(problem("\"a\\nb\": 1\n\"a\\nb\": 2\n"), "line 2: 'a?b' is given twice");
}

TEST(Yaml, MakesATreeWithLines) {
  const auto root = parse("a: 1\nb:\n  - x\n  - 'y'\nc: {d: ~, e: null}\n");
  ASSERT_TRUE(root) << root.error().message();
  ASSERT_EQ(root->kind, Node::Kind::kMap);
  EXPECT_EQ(root->find("a")->scalar, "1");
  const Node& list = *root->find("b");
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[1].line, 4);
  EXPECT_FALSE(list.items[0].quoted);
  EXPECT_TRUE(list.items[1].quoted);
  EXPECT_EQ(root->find("c")->find("d")->kind, Node::Kind::kNull);
  EXPECT_EQ(root->find("nothing"), nullptr);
}

TEST(Yaml, AnEmptyTextIsNull) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    const auto root = parse(text);
    ASSERT_TRUE(root) << text;
    EXPECT_EQ(root->kind, Node::Kind::kNull) << text;
  }
}

TEST(Yaml, AQuotedNullIsText) {
  const auto root = parse("a: 'null'\nb: \"\"\n");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->find("a")->kind, Node::Kind::kScalar);
  EXPECT_EQ(root->find("b")->kind, Node::Kind::kScalar);
}

TEST(Yaml, AliasesAreCopies) {
  const auto root = parse("a: &x [1, 2]\nb: *x\n");
  ASSERT_TRUE(root) << root.error().message();
  EXPECT_EQ(root->find("b")->items.size(), 2u);
}

TEST(Yaml, SaysWhereWhatIsWrong) {
  EXPECT_THAT(problem("a: [1\n"), HasSubstr("line "));
  EXPECT_EQ(problem("a: 1\na: 2\n"), "line 2: 'a' is given twice");
  EXPECT_EQ(problem("a: 1\n---\nb: 2\n"), "more than one document; leave out the line '---'");
  EXPECT_THAT(problem("a: *unknown\n"), HasSubstr("line 1"));
  EXPECT_THAT(problem("? [a]\n: 1\n"), HasSubstr("line 1: a map or a list cannot be the name of a field"));
  EXPECT_THAT(problem("a: &x [*x]\n"), HasSubstr("line 1"));
  EXPECT_THAT(problem(std::string(1 << 21, 'x')), HasSubstr("larger than 1 MB"));
}

TEST(Yaml, IsBounded) {
  EXPECT_THAT(problem(std::string(100, '[') + std::string(100, ']')), HasSubstr("32 levels"));
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    bomb += name + ": &" + name + " [" + below;
    for (int k = 0; k < 9; ++k) bomb += "," + below;
    bomb += "]\n";
  }
  EXPECT_THAT(problem(bomb), HasSubstr("more than 50000 values"));
}

TEST(Yaml, AliasesCountWithTheirBytes) {
  const auto aliased = [](size_t bytes, int times, const char* before, const char* behind) {
    std::string text = "a: &a " + std::string(before) + std::string(bytes, 'x') + behind + "\nb:\n";
    for (int i = 0; i < times; ++i) text += "- *a\n";
    return text;
  };
  const char* reason = "more than 1 MB of text, where each alias counts as what it stands for";
  EXPECT_EQ(problem(aliased(100'000, 9, "", "")), "");
  EXPECT_EQ(problem(aliased(100'000, 4000, "", "")), std::string("line 12: ") + reason);
  EXPECT_THAT(problem(aliased(100'000, 4000, "[{b: ", "}]")), HasSubstr(reason));
  EXPECT_THAT(problem(aliased(1000, 4000, "{", ": 1}")), HasSubstr(reason)) << "names too";
}

TEST(YamlFields, ReadsEachKind) {
  const auto root = parse("text: abc\nyes: on\nnumber: 7\npause: 1m30s\nlist: [a, b]\nmap: {x: 1}\nnothing:\n");
  ASSERT_TRUE(root);
  Fields fields(*root, "");
  EXPECT_EQ(fields.text("text"), "abc");
  EXPECT_EQ(fields.on_off("yes"), true);
  EXPECT_EQ(fields.number("number"), 7u);
  EXPECT_EQ(fields.duration("pause"), std::chrono::seconds(90));
  EXPECT_EQ(fields.texts("list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(fields.node("map", Node::Kind::kMap), nullptr);
  EXPECT_EQ(fields.text("nothing"), std::nullopt);
  EXPECT_EQ(fields.text("absent"), std::nullopt);
  EXPECT_TRUE(fields.finish());
}

std::string complaint(std::string_view text, void (*read)(Fields&)) {
  const auto root = parse(text);
  if (!root) return root.error().message();
  Fields fields(*root, "part");
  read(fields);
  const auto done = fields.finish();
  return done ? "" : done.error().message();
}

TEST(YamlFields, SaysWhatIsWrongOnce) {
  EXPECT_EQ(complaint("a: x\nb: y\n", [](Fields& f) { f.number("a"), f.number("b"); }),
            "line 1: part.a: 'x' is no whole number from 0 on");
  EXPECT_EQ(complaint("\na: [1]\n", [](Fields& f) { f.text("a"); }), "line 2: part.a: is a list; it must be one value");
  EXPECT_EQ(complaint("a: maybe\n", [](Fields& f) { f.on_off("a"); }), "line 1: part.a: is neither true nor false");
  EXPECT_EQ(complaint("a: 'true'\n", [](Fields& f) { f.on_off("a"); }), "line 1: part.a: is neither true nor false");
  EXPECT_EQ(complaint("a: soon\n", [](Fields& f) { f.duration("a"); }),
            "line 1: part.a: 'soon' is no duration; write 10s or 1m30s");
  EXPECT_EQ(complaint("a: [[1]]\n", [](Fields& f) { f.texts("a"); }),
            "line 1: part.a: has an entry that is no single value");
  EXPECT_EQ(complaint("a: 1\nbb: 2\n", [](Fields& f) { f.text("a"), f.text("b"); }),
            "line 2: unknown field 'bb' in part; there are: a, b");
  EXPECT_EQ(complaint("[1]\n", [](Fields& f) { f.text("a"); }), "line 1: part is a list; it must be a map of fields");
  EXPECT_EQ(complaint("a: 1\n", [](Fields& f) { f.text("a"), f.complain("a", "is bad"); }), "line 1: part.a: is bad");
}

}  // namespace
}  // namespace plimsoll::yaml
