// SPDX-License-Identifier: Apache-2.0
// Manual pages and completions out of declared options. Real shells and formatters are asked in tests/packages.
#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

#include "agent/cli/options.h"
#include "agent/manual/completion.h"
#include "agent/manual/from_cli11.h"
#include "agent/manual/man_page.h"

namespace plimsoll::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const PageHead kHead = {"box-open", 1, "2026-01-02", "box 1.0", "open it"};

ProgramText box() {
  ProgramText box;
  box.name = "box";
  box.options = {{{"--root"}, "DIR", "/a|b", "Where", "", false}};
  box.list_containers = "box list";
  CommandText open;
  open.name = "open";
  open.summary = "Open it";
  open.arguments = "[OPTIONS] CONTAINER...";
  open.options = {{{"-w", "--width"}, "small|large", "", "It's [so]: wide\\", "", false},
                  {{"--lid"}, "", "", ".is a line's beginning", "Lids", true}};
  box.commands = {open};
  return box;
}

TEST(ManualText, ValuesTellWhatTheyAreCompletedWith) {
  EXPECT_THAT(choices_of({{}, "a|b|c", "", "", "", false}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(choices_of({{}, "DIR", "", "", "", false}), IsEmpty());
  EXPECT_TRUE(takes_directory({{}, "DIR", "", "", "", false}));
  EXPECT_TRUE(takes_file({{}, "HOST:DIR[:ro]", "", "", "", false}));
  EXPECT_FALSE(takes_file({{}, "N", "", "", "", false}));
}

TEST(ManualText, OperandsAreReadFromTheSynopsis) {
  const auto of = [](const char* arguments) {
    CommandText command;
    command.arguments = arguments;
    return operands_of(command);
  };
  EXPECT_EQ(of("[OPTIONS]"), Operands::kNone);
  EXPECT_EQ(of("[OPTIONS] CONTAINER"), Operands::kContainer);
  EXPECT_EQ(of("[OPTIONS] [CONTAINER...]"), Operands::kContainers);
  EXPECT_EQ(of("CONTAINER COMMAND [ARG...]"), Operands::kContainerFirst);
  EXPECT_EQ(of("--rootfs DIR COMMAND [ARG...]"), Operands::kCommand);
  EXPECT_EQ(of("ID [SIGNAL]"), Operands::kContainer);
}

TEST(ManualFromCli11, AsDeclared) {
  CLI::App app;
  std::string level = "info";
  std::vector<std::string> names;
  bool on = false;
  app.add_option("-l,--level", level, "How much")->type_name("LEVEL")->capture_default_str()->group("Log");
  app.add_option("--name", names, "Which")->type_name("NAME")->allow_extra_args(false);
  app.add_flag("--on,!--no-on", on, "Whether");
  app.add_flag("--hidden")->group("");
  const auto options = option_texts(app);
  ASSERT_EQ(options.size(), 4u);  // with --help
  EXPECT_THAT(options[1].names, ElementsAre("-l", "--level"));
  EXPECT_EQ(options[1].value, "LEVEL");
  EXPECT_EQ(options[1].fallback, "info");
  EXPECT_EQ(options[1].group, "Log");
  EXPECT_FALSE(options[1].repeats);
  EXPECT_TRUE(options[2].repeats);
  EXPECT_THAT(options[3].names, ElementsAre("--on", "--no-on"));
  EXPECT_EQ(options[3].value, "");
  EXPECT_EQ(options[3].group, "");
}

TEST(ManualFromCli11, ACommandDescribesItself) {
  bool all = false;
  std::vector<std::string> words;
  Options options("ps", "[OPTIONS] CONTAINER", "Lists.");
  options.flag("-a,--all", all, "All");
  options.words(words, 1);
  CommandText text;
  EXPECT_EQ(options.parse({}, &text), 0);  // though a word is missing
  EXPECT_EQ(text.arguments, "[OPTIONS] CONTAINER");
  EXPECT_EQ(text.description, "Lists.");
  ASSERT_EQ(text.options.size(), 2u);
  EXPECT_THAT(text.options[1].names, ElementsAre("-a", "--all"));
}

TEST(ManualPage, TextIsNoRequest) {
  const std::string page = command_page(kHead, box(), box().commands[0], ".SH REST\n");
  EXPECT_THAT(page, HasSubstr("\n.TH BOX\\-OPEN 1 2026-01-02 \"box 1.0\" \"Plimsoll\"\n"));
  EXPECT_THAT(page, HasSubstr("\n\\fB\\-w\\fR, \\fB\\-\\-width\\fR \\fIsmall|large\\fR\nIt's [so]: wide\\e.\n"));
  EXPECT_THAT(page, HasSubstr("\n.SS Lids\n.TP\n\\fB\\-\\-lid\\fR\n\\&.is a line's beginning.\nMay be given several times.\n"));
  EXPECT_TRUE(page.ends_with("\n.SH REST\n"));
  const std::string first = page.substr(0, page.find('\n'));
  EXPECT_TRUE(first.starts_with(".\\\"")) << first;
}

TEST(ManualPage, OfAProgram) {
  const std::string page = program_page(kHead, box(), false, "");
  EXPECT_THAT(page, HasSubstr(".TP\n\\fBopen\\fR\nOpen it.\n"));
  EXPECT_THAT(page, HasSubstr("Default: \\fB/a|\\:b\\fR."));
  EXPECT_THAT(page, Not(HasSubstr("width")));
  EXPECT_THAT(program_page(kHead, box(), true, ""), HasSubstr("width"));
}

TEST(ManualPage, OfSettings) {
  CommandText command;
  command.name = "agent";
  command.options = {{{"--help"}, "", "", "Help", "", false},
                     {{"--a.b", "--no-a.b"}, "", "", "A switch", "", false},
                     {{"--c", "--d"}, "N", "5", "A number", "", true}};
  const std::string page = settings_page(kHead, command, "");
  EXPECT_THAT(page, HasSubstr(".TP\n\\fBa.b\\fR: \\fItrue|false\\fR\nA switch.\n"));
  EXPECT_THAT(page, HasSubstr(".TP\n\\fBc\\fR, \\fBd\\fR: \\fIN\\fR\nA number.\nDefault: \\fB5\\fR.\nOne or a list.\n"));
  EXPECT_THAT(page, Not(HasSubstr("help")));
}

TEST(ManualCompletion, EachShellQuotesInItsOwnWay) {
  EXPECT_THAT(zsh_completion(box()), HasSubstr("'(-w --width)-w+[It'\\''s \\[so\\]\\: wide\\\\]:small|large:(small large)'"));
  EXPECT_THAT(zsh_completion(box()), HasSubstr("'*--lid["));
  EXPECT_THAT(fish_completion(box()), HasSubstr(" -s w -l width -x -a 'small large' -d 'It\\'s [so]: wide\\\\'\n"));
  EXPECT_THAT(bash_completion(box()), HasSubstr("    \"open -w\" | \"open --width\") action=\"words 'small large'\" ;;\n"));
  EXPECT_THAT(bash_completion(box()), HasSubstr("complete -F _box box\n"));
}

TEST(ManualCompletion, UnknownShell) {
  EXPECT_EQ(completion_for("fish", box()), fish_completion(box()));
  EXPECT_FALSE(completion_for("tcsh", box()));
  EXPECT_FALSE(completion_for("", box()));
}

}  // namespace
}  // namespace plimsoll::agent
