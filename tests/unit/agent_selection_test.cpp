// SPDX-License-Identifier: Apache-2.0
#include "agent/selection.h"

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
