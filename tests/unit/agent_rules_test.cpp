// SPDX-License-Identifier: Apache-2.0
// What is left out of pages: patterns of names, selectors of series, and what a MetricWriter makes of them.
#include "agent/filter/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "exporter/encoding/text.h"

namespace plimsoll::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using Words = std::vector<std::string>;

bool fits(const Words& patterns, std::string_view name) {
  const auto parsed = NamePatterns::parse(patterns);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
  return parsed && parsed->matches(name);
}

std::string refusal(const Words& patterns) {
  const auto parsed = NamePatterns::parse(patterns);
  EXPECT_FALSE(parsed);
  return parsed ? "" : parsed.error().message();
}

TEST(NamePatterns, APlainNameIsExact) {
  EXPECT_TRUE(fits({"node_load1"}, "node_load1"));
  EXPECT_FALSE(fits({"node_load1"}, "node_load15"));
  EXPECT_FALSE(fits({"load1"}, "node_load1"));
  EXPECT_TRUE(fits({"a:b"}, "a:b"));
  EXPECT_FALSE(fits({}, "")) << "no pattern, no name";
}

TEST(NamePatterns, AnExpressionFitsTheWholeName) {
  EXPECT_TRUE(fits({"node_load.*"}, "node_load15"));
  EXPECT_FALSE(fits({"load.*"}, "node_load15"));
  EXPECT_FALSE(fits({"node_loa."}, "node_load15"));
  EXPECT_TRUE(fits({"^node_load15$"}, "node_load15"));
  EXPECT_TRUE(fits({"x", "a|node_.*", "y+"}, "node_load15"));
  EXPECT_TRUE(fits({"x", "a|node_.*", "y+"}, "yy"));
  EXPECT_FALSE(fits({"a|b", "c"}, "a|b"));
  EXPECT_TRUE(fits({"(?i)NODE_.*"}, "node_a")) << "flags of one pattern";
  EXPECT_FALSE(fits({"(?i)NODE_.*", "abc.?"}, "ABC")) << "are not those of the next";
}

TEST(NamePatterns, RefusesWhatIsNoExpression) {
  EXPECT_THAT(refusal({"("}), HasSubstr("'(' is no regular expression: missing )"));
  EXPECT_THAT(refusal({"a", ""}), HasSubstr("a pattern is empty"));
  EXPECT_THAT(refusal({"a)|(b"}), HasSubstr("'a)|(b' is no regular expression"));
  EXPECT_THAT(refusal({"\\1"}), HasSubstr("invalid escape"));
  EXPECT_THAT(refusal({"[z-a]"}), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal({"*"}), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal({"\xff.*"}), HasSubstr("invalid UTF-8"));
  const std::string shown = refusal({"\n(\x1b[31m" + std::string(200, 'x')});
  EXPECT_EQ(shown.find_first_of("\n\x1b"), std::string::npos) << shown;
}

// Patterns come from the network. None may cost much memory or time.
TEST(NamePatterns, HostileOnesAreRefusedOrCheap) {
  EXPECT_THAT(refusal({".{1000}{1000}"}), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal({"(((.{100}){10}){10})"}), HasSubstr("no regular expression"));
  EXPECT_THAT(refusal({std::string(10'000, '.')}), HasSubstr("longer than 8192 bytes"));
  EXPECT_THAT(refusal(Words(2000, "aa.*bb.*cc")), HasSubstr("too large"));
  EXPECT_THAT(refusal({std::string(5000, '(')}), HasSubstr("no regular expression"));
  EXPECT_TRUE(fits(Words(2000, "plain"), "plain")) << "plain names are no expressions";
  const auto slow = NamePatterns::parse({"(a*)*(a*)*(a*)*b", "(x+x+)+y", ".*.*.*.*.*.*=.*"});
  ASSERT_TRUE(slow);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 1500; ++i) EXPECT_FALSE(slow->matches(std::string(120, "ax"[i % 2])));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST(SplitPatterns, AtCommasBetweenPatterns) {
  EXPECT_THAT(split_patterns({"a,b", " c , d.*"}), ElementsAre("a", "b", "c", "d.*"));
  EXPECT_THAT(split_patterns({"a{1,2},b", "[,x],(c,d)"}), ElementsAre("a{1,2}", "b", "[,x]", "(c,d)"));
  EXPECT_THAT(split_patterns({"a\\{,b"}), ElementsAre("a\\{", "b"));
  EXPECT_THAT(split_patterns({"a),b,\\"}), ElementsAre("a)", "b", "\\")) << "what is wrong is told later";
  EXPECT_THAT(split_patterns({"", ",,", " "}), IsEmpty());
}

struct Selected {
  const char* text;
  const char* name;
  std::vector<const char*> matchers;  // label, operator and value
};

TEST(SeriesSelector, ReadsPrometheusNotation) {
  const Selected cases[] = {
      {R"({namespace="kube-system"})", "", {"namespace=kube-system"}},
      {R"(container_fs_.*{device=~"loop.*"})", "container_fs_.*", {"device=~loop.*"}},
      {R"( up { a != 'x' , b !~ `\d+` , } )", "up", {"a!=x", R"(b!~\d+)"}},
      {R"(node_load1)", "node_load1", {}},
      {R"(up{})", "up", {}},
      {R"({a="\"\\\n\t\r'"})", "", {"a=\"\\\n\t\r'"}},
      {R"({a='"',b="{,}"})", "", {"a=\"", "b={,}"}},
      {R"({a="",_b1="ü"})", "", {"a=", "_b1=ü"}},
  };
  for (const auto& [text, name, matchers] : cases) {
    const auto selector = parse_selector(text);
    ASSERT_TRUE(selector) << text << ": " << selector.error().message();
    EXPECT_EQ(selector->name, name);
    ASSERT_EQ(selector->matchers.size(), matchers.size()) << text;
    for (size_t i = 0; i < matchers.size(); ++i) {
      const LabelMatcher& m = selector->matchers[i];
      const char* sign = m.expression ? (m.negative ? "!~" : "=~") : (m.negative ? "!=" : "=");
      EXPECT_EQ(m.label + sign + m.value, matchers[i]);
    }
  }
}

TEST(SeriesSelector, SaysWhatIsWrongAndWhere) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "leave out every series"},
      {"{}", "leave out every series"},
      {"{a=\"b\"", "at character 7: expected ',' or '}'"},
      {"{a=b}", "at character 4: expected a value in quotes"},
      {"{a=\"b}", "the quote is not closed"},
      {"{a=\"b\" c=\"d\"}", "at character 8: expected ',' or '}'"},
      {"{a}", "at character 3: expected =, !=, =~ or !~"},
      {"{a==\"b\"}", "at character 4: expected a value"},
      {"{a!\"b\"}", "expected =, !="},
      {"{1a=\"b\"}", "at character 2: expected the name of a label"},
      {"{,}", "expected the name of a label"},
      {"{a=\"b\"}x", "nothing may follow"},
      {"{a=\"b\"}{c=\"d\"}", "nothing may follow"},
      {"{a=\"\\d\"}", "unknown escape"},
      {"{a=\"\\", "unknown escape"},
      {"{__name__=\"up\"}", "the metric's name goes before"},
      {std::string("{a=\"\0", 5), "the quote is not closed"},
  };
  for (const auto& [text, reason] : cases) {
    const auto selector = parse_selector(text);
    ASSERT_FALSE(selector) << text;
    EXPECT_THAT(selector.error().message(), HasSubstr(reason)) << text;
  }
}

std::string complaint(const RuleWords& words) {
  const auto rules = Rules::parse(words);
  EXPECT_FALSE(rules);
  return rules ? "" : rules.error().message();
}

TEST(Rules, NameTheFlagThatIsWrong) {
  EXPECT_THAT(complaint({.allow = {"("}}), testing::StartsWith("--metric.allow: '('"));
  EXPECT_THAT(complaint({.deny = {"a,[b"}}), testing::StartsWith("--metric.deny: '[b'"));
  EXPECT_THAT(complaint({.drop = {"{"}}), testing::StartsWith("--series.drop: '{': at character 2"));
  EXPECT_THAT(complaint({.drop = {"{a=~\"(\"}"}}), testing::StartsWith("--series.drop: '(' is no regular expression"));
  EXPECT_THAT(complaint({.drop = {"({a=\"b\"}"}}), testing::StartsWith("--series.drop: '(' is no regular expression"));
  EXPECT_THAT(complaint({.drop = Words(65, "a")}), HasSubstr("more than 64 selectors"));
  EXPECT_THAT(complaint({.drop = Words(33, R"({a="b",c="d"})")}), HasSubstr("more than 64 selectors or matchers"));
}

class RulesPage : public testing::Test {
 protected:
  // The page below, as the rules leave it.
  std::string page(const RuleWords& words, const Words& names = {}) {
    auto rules = Rules::parse(words);
    EXPECT_TRUE(rules) << (rules ? "" : rules.error().message());
    const auto patterns = NamePatterns::parse(names);
    const NamedRules named(**rules, *patterns);
    const PageRules* both = names.empty() ? static_cast<const PageRules*>(rules->get()) : &named;
    std::string text;
    for (int round = 0; round < 2; ++round) {  // the second time from what is known
      MetricWriter writer(INT64_MAX, {}, both);
      fill(writer);
      dropped = writer.dropped_by_rule();
      const MetricPage finished = writer.finish();
      const std::string now = exporter::to_text(finished);
      EXPECT_TRUE(round == 0 || now == text) << now << text;
      text = now;
    }
    return without_comments(text);
  }

  static void fill(MetricWriter& writer) {
    const LabelRef web = writer.labels(LabelSet{{"id", "/a"}, {"name", "web \"1\""}});
    const LabelRef db = writer.labels(LabelSet{{"id", "/b"}, {"name", "db"}});
    const LabelRef disk = writer.labels(LabelSet{{"device", "sda"}}),
                   loop = writer.labels(LabelSet{{"device", "loop0"}});
    writer.family({"reads_total", "Reads.", MetricType::kCounter});
    for (const LabelRef base : {web, db}) {
      for (const LabelRef extra : {disk, loop}) writer.sample(base, extra, 1);
    }
    writer.family({"up", "Up.", MetricType::kGauge});
    for (const LabelRef base : {web, db, LabelRef{0}}) writer.sample(base, 2);
    writer.family({"wait_seconds", "Wait.", MetricType::kHistogram});
    writer.part("_bucket");
    writer.sample(web, writer.labels(LabelSet{{"le", "1"}}), 3);
    writer.sample(web, writer.labels(LabelSet{{"le", "+Inf"}}), 4);
    writer.part("_sum");
    writer.sample(web, 5);
    writer.part("_count");
    writer.sample(web, 4);
    writer.family({"node_scrape_collector_success", "Success.", MetricType::kGauge});
    writer.sample(1);
  }

  static std::string without_comments(const std::string& text) {
    std::string samples;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      if (text[at] != '#') samples += text.substr(at, end + 1 - at);
      at = end + 1;
    }
    return samples;
  }

  uint64_t dropped = 0;
};

constexpr const char* kSuccess = "node_scrape_collector_success 1\n";

TEST_F(RulesPage, NoneLeaveEverything) {
  MetricWriter writer;
  fill(writer);
  EXPECT_EQ(page({}), without_comments(exporter::to_text(writer.finish())));
  EXPECT_TRUE((*Rules::parse({}))->empty());
}

TEST_F(RulesPage, FamiliesByName) {
  EXPECT_THAT(page({.allow = {"u.,none"}}),
              "up{id=\"/a\",name=\"web \\\"1\\\"\"} 2\nup{id=\"/b\",name=\"db\"} 2\nup 2\n" + std::string(kSuccess));
  EXPECT_THAT(page({.deny = {"reads_total", "wait.*"}}), Not(HasSubstr("reads")));
  EXPECT_THAT(page({.deny = {"wait.*"}}), testing::AllOf(Not(HasSubstr("wait")), HasSubstr("reads")));
  EXPECT_EQ(page({.allow = {"up,reads_total"}, .deny = {".*"}}), "") << "deny wins";
  EXPECT_EQ(dropped, 0u) << "whole families are no dropped series";
}

TEST_F(RulesPage, HistogramsGoAsAWhole) {
  EXPECT_EQ(page({.deny = {"wait_seconds_bucket,up,reads_total,node.*"}}),
            page({.allow = {"wait_seconds"}, .deny = {"node.*"}}));
  EXPECT_THAT(page({.allow = {"wait_seconds"}}),
              HasSubstr("wait_seconds_bucket{id=\"/a\",name=\"web \\\"1\\\"\",le=\"+Inf\"} 4\n"));
  EXPECT_EQ(page({.allow = {"wait_seconds_bucket"}}), kSuccess);
}

TEST_F(RulesPage, OneRequestsNames) {
  EXPECT_EQ(page({.deny = {"node_.*"}}, {"up"}), page({.allow = {"up"}, .deny = {"node_.*"}}));
  EXPECT_EQ(page({.deny = {"up"}}, {"up"}), kSuccess) << "a request cannot undo a rule";
  EXPECT_EQ(page({.drop = {"up"}}, {"up"}), kSuccess);
}

TEST_F(RulesPage, HowItWentGoesOnlyWhenDenied) {
  EXPECT_EQ(page({.allow = {"nothing"}}), kSuccess);
  EXPECT_EQ(page({}, {"nothing"}), kSuccess);
  EXPECT_EQ(page({.deny = {"node_scrape_collector_success"}}, {"nothing"}), "");
}

TEST_F(RulesPage, SeriesByTheirLabels) {
  struct Case {
    const char* selector;
    size_t dropped;
    const char* gone;
  };
  const Case cases[] = {
      {R"({name="db"})", 3, "name=\"db\""},
      {R"({name="web \"1\""})", 7, "web"},
      {R"({device=~"loop.*"})", 2, "loop0"},
      {R"({device=~"oop"})", 0, "nothing: it must fit the whole value"},
      {R"({name=~"w.*",device="sda"})", 1, "name=\"web \\\"1\\\"\",device=\"sda\""},
      {R"({device="sda",name="db",le=""})", 1, "name=\"db\",device=\"sda\""},
      {R"({id!=""})", 10, "id="},
      {R"({id=""})", 2, "up 2"},
      {R"({device!~"sda|"})", 2, "loop0"},
      {R"(up{name!="db"})", 2, "up 2"},
      {R"(wait_seconds_bucket{le!="+Inf"})", 1, "le=\"1\""},
      {R"(wait_seconds)", 4, "wait"},
      {R"(wait_seconds_sum)", 1, "_sum"},
      {R"(rea.*{})", 4, "reads"},
      {R"({id="/a",name="db"})", 0, "nothing: all must hold"},
      {R"({missing="x"})", 0, "nothing"},
  };
  for (const auto& [selector, number, gone] : cases) {
    EXPECT_THAT(page({.drop = {selector}}), Not(HasSubstr(gone))) << selector;
    EXPECT_EQ(dropped, number) << selector;
  }
}

TEST_F(RulesPage, ManySelectorsAreOneOrTheOther) {
  page({.drop = {R"({name="db"})", R"(up)", R"({device="loop0",id="/a"})"}});
  EXPECT_EQ(dropped, 3u + 2u + 1u);
  Words many(62, R"({other="x"})");
  many.push_back(R"({id="/b",name="db"})");  // the last bits
  page({.drop = many});
  EXPECT_EQ(dropped, 3u);
}

TEST_F(RulesPage, AFamilyWithoutSeriesDoesNotAppear) {
  auto rules = Rules::parse({.deny = {"up"}, .drop = {"reads_total"}});
  MetricWriter writer(INT64_MAX, {}, rules->get());
  fill(writer);
  EXPECT_FALSE(writer.has_family("up"));
  EXPECT_FALSE(writer.has_family("reads_total"));
  EXPECT_TRUE(writer.has_family("wait_seconds"));
  EXPECT_FALSE(writer.wants_family("up"));
  EXPECT_THAT(exporter::to_text(writer.finish()), Not(testing::AnyOf(HasSubstr("TYPE up"), HasSubstr("TYPE reads"))));
}

TEST_F(RulesPage, EmptyFamiliesAndRunTimeNames) {
  auto rules = Rules::parse({.allow = {"b"}});
  MetricWriter writer(INT64_MAX, {}, rules->get());
  EXPECT_FALSE(writer.family("a", "A.", MetricType::kGauge));
  writer.sample(1);
  EXPECT_EQ(writer.sample_count(), 0u);
  EXPECT_TRUE(writer.family("b", "B.", MetricType::kGauge));
  writer.sample(1);
  writer.take_back(0);
  EXPECT_FALSE(writer.family("c", "C.", MetricType::kGauge));
  EXPECT_EQ(writer.finish().families().size(), 0u);
}

TEST(OverBudget, IsCounted) {
  MetricWriter writer;
  writer.family({"a", "A.", MetricType::kGauge});
  for (int i = 0; i < 5; ++i) writer.sample(i);
  writer.take_back_over_budget(2);
  EXPECT_EQ(writer.dropped_over_budget(), 3u);
  EXPECT_EQ(writer.finish().sample_count(), 2u);
}

}  // namespace
}  // namespace plimsoll::agent
