// SPDX-License-Identifier: Apache-2.0
// A program's command line as data: what manual pages and completions are made from. It is filled from the very
// declarations that parse the words (agent/cli/options.h, agent/settings, runtime/oci/options.h), so that it cannot drift.
#pragma once

#include <string>
#include <vector>

namespace plimsoll::agent {

struct OptionText {
  std::vector<std::string> names;  // with their dashes: "-d", "--detach"
  std::string value;               // what it takes, "DIR" or "table|json"; "": a flag
  std::string fallback;            // what holds without it; "": nothing to say
  std::string help;
  std::string group;     // a headline for several options; "" for most
  bool repeats = false;  // may be given several times
};

struct CommandText {
  std::string name;         // "run"
  std::string arguments;    // what follows: "[OPTIONS] CONTAINER..."
  std::string summary;      // a line, as lists of commands have it
  std::string description;  // a sentence or more
  std::vector<OptionText> options;
  std::string notes;  // lines as they are, for the end; "" for most
};

struct ProgramText {
  std::string name;     // "plimsoll"
  std::string summary;  // a line
  std::vector<OptionText> options;
  std::vector<CommandText> commands;
  std::string list_containers;  // a shell command that prints names of containers, one a line
};

// "table", "json" of "table|json"; nothing when the value is of another kind.
std::vector<std::string> choices_of(const OptionText& option);
// Its value is a directory (DIR), or a file of any kind.
bool takes_directory(const OptionText& option);
bool takes_file(const OptionText& option);

// Which words stand where a command has no option.
enum class Operands {
  kNone,
  kContainer,       // one
  kContainers,      // any number
  kContainerFirst,  // then a command line of somebody else's
  kCommand          // nothing but that
};
Operands operands_of(const CommandText& command);

}  // namespace plimsoll::agent
