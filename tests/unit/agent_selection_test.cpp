// SPDX-License-Identifier: Apache-2.0
#include "agent/filter/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::agent {
namespace {

using testing::HasSubstr;

const std::set<std::string, std::less<>> kKnown =
    selectable(std::vector<std::string>{"container", "machine", "cpu", "time"});

Selection parsed(std::string_view query) {
  const auto selection = Selection::parse(query, kKnown);
  EXPECT_TRUE(selection) << query << ": " << (selection ? "" : selection.error().message());
  return selection ? *selection : Selection();
}

std::string refusal(std::string_view query) {
  const auto selection = Selection::parse(query, kKnown);
  EXPECT_FALSE(selection) << query;
  return selection ? "" : selection.error().message();
}

TEST(Selection, IsOfEverythingUnlessAsked) {
  for (const char* query : {"", "x=1", "collect=cpu", "&&=", "collect"}) {
    EXPECT_TRUE(parsed(query).is_everything()) << query;
    EXPECT_TRUE(parsed(query).wants("time")) << query;
    EXPECT_FALSE(parsed(query).wanted()) << "costs nothing";
  }
}

TEST(Selection, Collects) {
  const Selection selection = parsed("collect[]=cpu&a=b&collect%5b%5D=machine");
  EXPECT_TRUE(selection.wants("cpu"));
  EXPECT_TRUE(selection.wants("machine"));
  EXPECT_FALSE(selection.wants("time"));
  EXPECT_FALSE(selection.wants("container"));
  EXPECT_FALSE(selection.wants("container.cpu"));
  EXPECT_TRUE(selection.wanted()("cpu"));
  EXPECT_FALSE(selection.wanted()("time"));
}

TEST(Selection, Excludes) {
  const Selection selection = parsed("exclude[]=cpu&exclude[]=container.memory");
  EXPECT_FALSE(selection.wants("cpu"));
  EXPECT_TRUE(selection.wants("time"));
  EXPECT_TRUE(selection.wants("container"));
  EXPECT_TRUE(selection.wants("container.cpu"));
  EXPECT_FALSE(selection.wants("container.memory"));
}

TEST(Selection, NamesFamilies) {
  const Selection names = parsed("name[]=node_load1&name%5B%5D=container_memory_.%2A&x=1");
  EXPECT_FALSE(names.is_everything());
  EXPECT_TRUE(names.wants("cpu")) << "of every collector";
  EXPECT_FALSE(names.wanted());
  EXPECT_TRUE(names.families().matches("node_load1"));
  EXPECT_TRUE(names.families().matches("container_memory_cache"));
  EXPECT_FALSE(names.families().matches("node_load15"));
  EXPECT_TRUE(parsed("name=up").families().empty());
}

TEST(Selection, NamesOfSomeCollectors) {
  const Selection both = parsed("collect[]=cpu&name[]=a%2Bb");
  EXPECT_TRUE(both.wants("cpu"));
  EXPECT_FALSE(both.wants("time"));
  EXPECT_TRUE(both.families().matches("aab"));
  const Selection but = parsed("name[]=up&exclude[]=cpu");
  EXPECT_FALSE(but.wants("cpu"));
  EXPECT_TRUE(but.wants("time"));
}

TEST(Selection, RefusesBadNames) {
  EXPECT_THAT(refusal("name[]=("), HasSubstr("name[]: '(' is no regular expression"));
  EXPECT_THAT(refusal("name[]="), HasSubstr("name[]: a pattern is empty"));
  EXPECT_THAT(refusal("name[]=up&name[]=%5B"), HasSubstr("name[]: '['"));
  EXPECT_THAT(refusal("name[]=up&collect[]=cpuu"), HasSubstr("no collector 'cpuu'"));
  EXPECT_THAT(refusal("name[]=%ff*"), HasSubstr("name[]: '?*'"));
}

TEST(Selection, AContainersKindIsPartOfContainer) {
  const Selection kind = parsed("collect[]=container.cpu");
  EXPECT_TRUE(kind.wants("container"));
  EXPECT_TRUE(kind.wants("container.cpu"));
  EXPECT_FALSE(kind.wants("container.memory"));
  EXPECT_FALSE(kind.wants("cpu"));
  const Selection whole = parsed("collect[]=container");
  EXPECT_TRUE(whole.wants("container.memory"));
  EXPECT_FALSE(parsed("exclude[]=container").wants("container.cpu"));
}

TEST(Selection, RefusesWhatIsNotThere) {
  EXPECT_THAT(refusal("collect[]=cpu&exclude[]=time"), HasSubstr("cannot be combined"));
  EXPECT_THAT(refusal("collect[]=cpuu"), HasSubstr("no collector 'cpuu' is on; there are: container container.advtcp"));
  EXPECT_THAT(refusal("exclude[]="), HasSubstr("no collector ''"));
  EXPECT_THAT(refusal("collect[]=container.app"), HasSubstr("'container.app'")) << "what we do not have";
  EXPECT_THAT(refusal("collect[]=a%0d%0aX%3A<b>%zz"), HasSubstr("'a??X:<b>%zz'"));
  EXPECT_LT(refusal("collect[]=" + std::string(5000, 'x')).size(), 1000u);
}

TEST(Selection, KindsAreOnlyOfCollectorsThatAreOn) {
  EXPECT_FALSE(selectable(std::vector<std::string>{"machine"}).contains("container.cpu"));
}

}  // namespace
}  // namespace plimsoll::agent
