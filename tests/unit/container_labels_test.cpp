// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/labels.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace plimsoll::collectors::container {
namespace {

using testing::HasSubstr;
using testing::Not;

engine::Identity web() {
  engine::Identity identity;
  identity.engine = "docker";
  identity.id = "29d1";
  identity.name = "web";
  identity.image = "nginx:1.25";
  return identity;
}

engine::Identity in_pod() {
  engine::Identity identity = web();
  identity.container = "app";
  identity.pod = "web-0";
  identity.pod_namespace = "default";
  identity.pod_uid = "1b9a";
  return identity;
}

TEST(RenderLabels, APlainContainer) {
  engine::Identity identity = web();
  identity.labels = {{"com.example.tier", "front"}, {"b", "2"}};
  const ContainerLabels labels = render_labels("/docker/29d1", identity, {});
  EXPECT_EQ(labels.series.rendered(), R"(id="/docker/29d1",image="nginx:1.25",name="web")");
  EXPECT_EQ(labels.info.rendered(),
            R"(id="/docker/29d1",image="nginx:1.25",name="web",engine="docker",)"
            R"(container_id="29d1",container_label_b="2",container_label_com_example_tier="front")");
  EXPECT_EQ(labels.dropped, 0u);
}

TEST(RenderLabels, InAPod) {
  const ContainerLabels labels = render_labels("/k/29d1", in_pod(), {});
  EXPECT_EQ(labels.series.rendered(),
            R"(id="/k/29d1",image="nginx:1.25",name="web",container="app",namespace="default",pod="web-0")");
  EXPECT_THAT(labels.info.rendered(), HasSubstr(R"(,pod="web-0",engine="docker",container_id="29d1",pod_uid="1b9a")"));
}

TEST(RenderLabels, WhatIsEmptyIsLeftOut) {
  engine::Identity identity;
  identity.engine = "lxc";
  identity.name = "c1";
  const ContainerLabels labels = render_labels("/lxc/c1", identity, {});
  EXPECT_EQ(labels.series.rendered(), R"(id="/lxc/c1",name="c1")");
  EXPECT_EQ(labels.info.rendered(), R"(id="/lxc/c1",name="c1",engine="lxc")");
}

LabelPolicy::Rule one_of(std::vector<std::string> names) {
  return [names](std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); };
}

TEST(RenderLabels, OnlyThoseThatTheRulesAllow) {
  const ContainerLabels labels = render_labels("/k/29d1", in_pod(), {.allow = one_of({"pod", "namespace"})});
  EXPECT_EQ(labels.series.rendered(), R"(id="/k/29d1",namespace="default",pod="web-0")") << "id stays";
  EXPECT_EQ(labels.info.rendered(), render_labels("/k/29d1", in_pod(), {}).info.rendered());
  EXPECT_EQ(labels.dropped, 0u);
}

TEST(RenderLabels, NoneThatTheRulesDeny) {
  engine::Identity identity = in_pod();
  identity.labels = {{"secret", "x"}, {"tier", "front"}};
  const LabelPolicy policy = {.store_labels = true,
                              .allow = one_of({"name", "image", "container_label_tier"}),
                              .deny = one_of({"image", "container_label_secret", "engine", "id"})};
  const ContainerLabels labels = render_labels("/k/29d1", identity, policy);
  EXPECT_EQ(labels.series.rendered(), R"(id="/k/29d1",name="web",container_label_tier="front")");
  EXPECT_THAT(labels.info.rendered(),
              Not(testing::AnyOf(HasSubstr("secret"), HasSubstr("image"), HasSubstr("engine"))));
  EXPECT_THAT(labels.info.rendered(), testing::AllOf(HasSubstr("container_id"), HasSubstr("id=\"/k/29d1\"")));
  EXPECT_EQ(labels.dropped, 0u) << "what is not wanted is not lost";
}

TEST(RenderLabels, WithoutAnIdRulesWouldMakeTwoContainersOne) {
  const LabelPolicy policy = {.allow = one_of({"image"}), .deny = one_of({"name"})};
  EXPECT_EQ(render_labels("", web(), policy).series.rendered(), R"(image="nginx:1.25",name="web")");
}

TEST(RenderLabels, OnEverySeriesIfAskedFor) {
  engine::Identity identity = web();
  identity.labels = {{"a.b", "1"}, {"c", "2"}};
  const ContainerLabels all = render_labels("/x", identity, {.store_labels = true});
  EXPECT_THAT(all.series.rendered(), HasSubstr(R"(,name="web",container_label_a_b="1",container_label_c="2")"));
  const ContainerLabels some = render_labels("/x", identity, {.whitelisted = {" a.b ", "d"}});
  EXPECT_THAT(some.series.rendered(), HasSubstr(R"(container_label_a_b="1")"));
  EXPECT_THAT(some.series.rendered(), Not(HasSubstr("container_label_c")));
  EXPECT_THAT(some.info.rendered(), HasSubstr("container_label_c"));
  // Names are compared as the engine has them.
  const ContainerLabels none = render_labels("/x", identity, {.whitelisted = {"a_b", "C", "", "a"}});
  EXPECT_THAT(none.series.rendered(), Not(HasSubstr("container_label")));
}

TEST(RenderLabels, VariablesInLowerCase) {
  engine::Identity identity = web();
  identity.env = {{"APP.Name", "x"}, {"PATH", "/bin"}};
  const ContainerLabels labels = render_labels("/x", identity, {});
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(container_env_app_name="x",container_env_path="/bin")"));
  EXPECT_THAT(labels.info.rendered(), HasSubstr(R"(container_env_path="/bin")"));
}

TEST(RenderLabels, OfTheSameNamesTheFirstStays) {
  engine::Identity identity = web();
  identity.labels = {{"a-b", "dash"}, {"a.b", "dot"}, {"a/b", "slash"}, {"a_b", "low"}};
  identity.env = {{"V", "upper"}, {"v", "lower"}};
  ContainerLabels labels = render_labels("/x", identity, {.store_labels = true});
  for (const LabelSet* set : {&labels.series, &labels.info}) {
    EXPECT_THAT(set->rendered(), HasSubstr(R"(container_label_a_b="dash")"));
    EXPECT_THAT(set->rendered(), HasSubstr(R"(container_env_v="upper")"));
    for (const char* other : {"dot", "slash", "low\"", "lower"})
      EXPECT_THAT(set->rendered(), Not(HasSubstr(other))) << other;
  }
  EXPECT_EQ(labels.dropped, 4u);
  // On the series the one that was asked for.
  labels = render_labels("/x", identity, {.whitelisted = {"a.b"}});
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(container_label_a_b="dot")"));
}

TEST(RenderLabels, HostileNamesAndValues) {
  engine::Identity identity = web();
  identity.name = "a\"b\\c\nd\xff";
  identity.labels = {
      {"", "empty"}, {"9", "digit"}, {"\xC3\xBC", "umlaut"}, {"q\"}", "x\"} 1\n"}, {std::string(1, '\0'), "nul"}};
  const ContainerLabels labels = render_labels("/x", identity, {.store_labels = true});
  EXPECT_THAT(labels.series.rendered(), HasSubstr("name=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\""));
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(container_label__="empty")"));
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(container_label__9="digit")"));
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(container_label_q__="x\"} 1\n")"));
  EXPECT_THAT(labels.series.rendered(), Not(HasSubstr("\n")));
  EXPECT_EQ(labels.dropped, 1u) << "NUL and nothing are both _";
}

TEST(RenderLabels, TenThousandLabelsOfAHundredKilobytes) {
  engine::Identity identity = web();
  const std::string value(100'000, 'x');
  for (int i = 0; i < 10'000; ++i) identity.labels["l" + std::to_string(i)] = i < 100 ? value : "v";
  const LabelPolicy policy{.store_labels = true};
  const ContainerLabels labels = render_labels("/x", identity, policy);
  EXPECT_LE(labels.series.rendered().size(), policy.max_bytes);
  EXPECT_LE(labels.info.rendered().size(), policy.max_bytes);
  EXPECT_GT(labels.info.rendered().size(), policy.max_bytes - 100) << "small ones fill what is there";
  EXPECT_GT(labels.dropped, 9000u);
  EXPECT_LT(labels.dropped, 10'000u);
}

TEST(RenderLabels, BoundsCountWhatIsRendered) {
  engine::Identity identity = web();
  identity.labels["quotes"] = std::string(1000, '"');
  identity.labels["bytes"] = std::string(1000, '\xff');
  const ContainerLabels labels = render_labels("/x", identity, {.store_labels = true, .max_bytes = 1500});
  EXPECT_EQ(labels.dropped, 2u);
  EXPECT_EQ(render_labels("/x", identity, {.max_bytes = 6000}).dropped, 0u);
}

TEST(RenderLabels, TheContainersOwnAreAlwaysThereButCutOff) {
  engine::Identity identity = in_pod();
  identity.name = identity.image = identity.pod = identity.id = std::string(1'000'000, 'n');
  identity.labels["a"] = "b";
  const ContainerLabels labels = render_labels("/x" + std::string(1'000'000, 'p'), identity, {.max_bytes = 10});
  EXPECT_THAT(labels.series.rendered(), HasSubstr(R"(name="nnn)"));
  EXPECT_LT(labels.series.rendered().size(), 10'000u);
  EXPECT_LT(labels.info.rendered().size(), 10'000u);
  EXPECT_EQ(labels.dropped, 1u);
}

TEST(GroupId, PathsStayAsTheyAre) {
  for (const std::string& path : {std::string("/"), std::string("/docker/29d1"), std::string("/a b/\\x41\n\"/\xC3\xBC"),
                                  std::string("/n\0l", 4), std::string()})
    EXPECT_EQ(group_id(path), path);
}

TEST(GroupId, OtherBytesAreWritten) {
  EXPECT_EQ(group_id("/a\xff\x80"),
            "/a\xEF\xBF\xBD"
            "ff\xEF\xBF\xBD"
            "80");
  EXPECT_EQ(group_id("/\xC3"),
            "/\xEF\xBF\xBD"
            "c3");
  EXPECT_EQ(group_id("\xED\xA0\x80"),
            "\xEF\xBF\xBD"
            "ed\xEF\xBF\xBD"
            "a0\xEF\xBF\xBD"
            "80")
      << "a surrogate";
  EXPECT_NE(group_id("/\xfe"), group_id("/\xff"));
  EXPECT_NE(group_id("/\xff"), group_id("/\xEF\xBF\xBD"
                                        "ff"))
      << "the mark itself is doubled";
}

TEST(GroupId, IsBoundedAndStaysDifferent) {
  const std::string deep(1'000'000, 'a');
  const std::string one = group_id("/" + deep + "1"), two = group_id("/" + deep + "2");
  EXPECT_EQ(one.size(), kMaxIdBytes);
  EXPECT_NE(one, two);
  EXPECT_EQ(one, group_id("/" + deep + "1"));
  EXPECT_EQ(one.substr(0, 10), "/aaaaaaaaa");
  EXPECT_EQ(group_id(std::string(kMaxIdBytes, 'a')), std::string(kMaxIdBytes, 'a'));
  // No character is cut in two.
  std::string umlauts = "/";
  for (int i = 0; i < 5000; ++i) umlauts += "\xC3\xBC";
  for (size_t skip : {0u, 1u}) {
    const std::string id = group_id(umlauts.substr(skip));
    EXPECT_EQ(group_id(id), id);
    EXPECT_LE(id.size(), kMaxIdBytes);
  }
}

}  // namespace
}  // namespace plimsoll::collectors::container
