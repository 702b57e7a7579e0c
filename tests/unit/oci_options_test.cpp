// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/oci/update_options.h"

namespace plimsoll::oci {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Option kOptions[] = {{'b', "bundle", "DIR", "help"},
                               {300, "pid-file", "FILE", "help"},
                               {'t', "tty", "", "help"},
                               {'d', "detach", "", ""}};

Result<Words> parse(std::vector<std::string> words, Order order = Order::kMixed, size_t least = 0,
                    size_t most = SIZE_MAX) {
  static std::vector<std::string> kept;
  kept = std::move(words);
  std::vector<char*> pointers;
  for (std::string& word : kept) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return parse_words({"test", "ID", "summary", kOptions, least, most, order}, pointers.data());
}

std::string error_of(std::vector<std::string> words) {
  auto result = parse(std::move(words));
  return result ? "" : result.error().message();
}

TEST(OciOptions, AValueComesInThreeForms) {
  for (const auto& words : {std::vector<std::string>{"--bundle", "B"}, {"--bundle=B"}, {"-b", "B"}, {"-bB"}}) {
    auto result = parse(words);
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->value('b'), "B");
    EXPECT_TRUE(result->arguments.empty());
  }
}

TEST(OciOptions, TheLastValueCounts) { EXPECT_EQ(parse({"-b", "1", "--bundle=2"})->value('b'), "2"); }

TEST(OciOptions, AnEmptyValueIsAValue) {
  auto result = parse({"--bundle=", "x"});
  EXPECT_TRUE(result->has('b'));
  EXPECT_EQ(result->value('b', "other"), "");
}

TEST(OciOptions, FlagsMayBeJoinedAndSwitchedOff) {
  auto joined = parse({"-td"});
  EXPECT_TRUE(joined->flag('t') && joined->flag('d'));
  EXPECT_EQ(parse({"-tb", "B"})->value('b'), "B");
  EXPECT_TRUE(parse({"--tty=true"})->flag('t'));
  EXPECT_FALSE(parse({"-t", "--tty=false"})->flag('t'));
  EXPECT_THAT(error_of({"--tty=maybe"}), HasSubstr("true or false"));
}

TEST(OciOptions, OptionsMayFollowArguments) {
  auto result = parse({"id", "-t", "KILL"});
  EXPECT_TRUE(result->flag('t'));
  EXPECT_THAT(result->arguments, ElementsAre("id", "KILL"));
}

TEST(OciOptions, AfterTheFirstArgumentWordsAreSomebodyElses) {
  auto result = parse({"-t", "id", "ls", "-l", "--help"}, Order::kOptionsFirst);
  EXPECT_FALSE(result->help);
  EXPECT_THAT(result->arguments, ElementsAre("id", "ls", "-l", "--help"));
}

TEST(OciOptions, TwoDashesEndOptions) {
  EXPECT_THAT(parse({"--", "-t"})->arguments, ElementsAre("-t"));
  EXPECT_THAT(parse({"id", "--", "ls", "--"}, Order::kOptionsFirst)->arguments, ElementsAre("id", "ls", "--"));
}

TEST(OciOptions, ADashAloneIsAnArgument) { EXPECT_THAT(parse({"-"})->arguments, ElementsAre("-")); }

TEST(OciOptions, AnUnknownOptionNamesTheNearest) {
  EXPECT_THAT(error_of({"--bundel", "x"}), HasSubstr("did you mean --bundle?"));
  EXPECT_THAT(error_of({"--pid"}), HasSubstr("did you mean --pid-file?"));
  EXPECT_THAT(error_of({"--qwertzuiop"}), ::testing::Not(HasSubstr("did you mean")));
  EXPECT_THAT(error_of({"-x"}), HasSubstr("-x is not known"));
}

TEST(OciOptions, AMissingValueIsAnError) { EXPECT_THAT(error_of({"--pid-file"}), HasSubstr("needs a value: FILE")); }

TEST(OciOptions, TheNumberOfArgumentsIsChecked) {
  EXPECT_FALSE(parse({}, Order::kMixed, 1, 1));
  EXPECT_TRUE(parse({"a"}, Order::kMixed, 1, 1));
  auto many = parse({"a", "b"}, Order::kMixed, 1, 1);
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message(), HasSubstr("too many arguments: usage: test [OPTION...] ID"));
}

TEST(OciOptions, HelpComesBeforeEverythingElse) {
  EXPECT_TRUE(parse({"--help"}, Order::kMixed, 1, 1)->help);
  EXPECT_TRUE(parse({"-h", "--nonsense"})->help);
}

TEST(OciOptions, HelpListsOptionsButHiddenOnes) {
  const std::string text = help_text({"test", "ID", "summary", kOptions, 0, 1, Order::kMixed});
  EXPECT_THAT(text, HasSubstr("-b, --bundle DIR"));
  EXPECT_THAT(text, HasSubstr("--pid-file FILE"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("detach")));
}

TEST(OciOptions, LeadingOptionsEndAtTheCommand) {
  std::string words[] = {"-t", "--bundle", "B", "run", "-x"};
  char* pointers[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), words[4].data(), nullptr};
  char** rest = nullptr;
  auto result = parse_leading_options(kOptions, pointers, rest);
  ASSERT_TRUE(result);
  EXPECT_STREQ(*rest, "run");
  EXPECT_EQ(result->value('b'), "B");
}

Result<spec::Resources> limits(std::vector<std::string> words) {
  static std::vector<std::string> kept;
  kept = std::move(words);
  std::vector<char*> pointers;
  for (std::string& word : kept) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  auto parsed = parse_words({"update", "ID", "", kUpdateOptions, 0, 1, Order::kMixed}, pointers.data());
  if (!parsed) return unexpected(parsed.error());
  return resources_of(*parsed);
}

TEST(OciUpdateOptions, SizesTakeUnits) {
  auto resources = limits({"--memory", "512m", "--memory-swap=-1", "--memory-reservation", "1048576"});
  ASSERT_TRUE(resources);
  EXPECT_EQ(resources->memory->limit, 512 * 1024 * 1024);
  EXPECT_EQ(resources->memory->swap, -1);
  EXPECT_EQ(resources->memory->reservation, 1048576);
  EXPECT_FALSE(resources->cpu);
}

TEST(OciUpdateOptions, EveryLimitHasItsMember) {
  auto resources = limits({"--cpu-share",
                           "512",
                           "--cpu-quota=-1",
                           "--cpu-period",
                           "50000",
                           "--cpu-burst",
                           "1000",
                           "--cpu-rt-period",
                           "2",
                           "--cpu-rt-runtime",
                           "3",
                           "--cpu-idle",
                           "1",
                           "--cpuset-cpus",
                           "0-1",
                           "--cpuset-mems",
                           "0",
                           "--pids-limit=-1",
                           "--blkio-weight",
                           "500"});
  ASSERT_TRUE(resources) << resources.error().message();
  EXPECT_EQ(resources->cpu->shares, 512U);
  EXPECT_EQ(resources->cpu->quota, -1);
  EXPECT_EQ(resources->cpu->period, 50'000U);
  EXPECT_EQ(resources->cpu->burst, 1000U);
  EXPECT_EQ(resources->cpu->realtime_period, 2U);
  EXPECT_EQ(resources->cpu->realtime_runtime, 3);
  EXPECT_EQ(resources->cpu->idle, 1);
  EXPECT_EQ(resources->cpu->cpus, "0-1");
  EXPECT_EQ(resources->cpu->mems, "0");
  EXPECT_EQ(resources->pids_limit, -1);
  EXPECT_EQ(resources->block_io->weight, 500);
}

TEST(OciUpdateOptions, NonsenseNamesTheOption) {
  for (const auto& words : {std::vector<std::string>{"--memory=much"},
                            {"--cpu-share=-1"},
                            {"--blkio-weight=70000"},
                            {"--pids-limit=1.5"},
                            {"--cpu-period="}}) {
    auto resources = limits(words);
    ASSERT_FALSE(resources) << words[0];
    EXPECT_THAT(resources.error().message(), HasSubstr(words[0].substr(0, words[0].find('='))));
  }
}

}  // namespace
}  // namespace plimsoll::oci
