// SPDX-License-Identifier: Apache-2.0
// A line of complete(1) for each option. fish takes "--name=VALUE" and "--name VALUE" by itself.
#include <algorithm>

#include "agent/manual/completion.h"

namespace plimsoll::agent {
namespace {

// fish knows two escapes inside of single quotes.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return "'" + result + "'";
}

std::string values_of(const OptionText& option) {
  if (option.value.empty()) return "";
  std::string words;
  for (const std::string& choice : choices_of(option)) words += (words.empty() ? "" : " ") + choice;
  if (!words.empty()) return " -x -a " + quoted(words);
  if (takes_directory(option)) return " -x -a '(__fish_complete_directories)'";
  return takes_file(option) ? " -r -F" : " -x";
}

std::string function_name(const ProgramText& program) {
  std::string name = "__" + program.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// Which command it is about, "" before it is named: fish's own function for that takes values of options for commands.
std::string command_function(const ProgramText& program) {
  std::string takes_value;
  for (const OptionText& option : program.options) {
    if (option.value.empty()) continue;
    for (const std::string& name : option.names) takes_value += " " + name;
  }
  const std::string name = function_name(program);
  std::string text = "function " + name + "_command\n  set -l words (commandline -opc)[2..]\n  while set -q words[1]\n" +
                     "    switch $words[1]\n";
  if (!takes_value.empty()) text += "      case" + takes_value + "\n        set words $words[3..]\n";
  text += "      case '-*'\n        set words $words[2..]\n      case '*'\n        echo $words[1]\n        return\n";
  return text + "    end\n  end\nend\nfunction " + name + "_is\n  set -l command (" + name +
         "_command)\n  test \"$command\" = \"$argv[1]\"\nend\n";
}

std::string option_line(const std::string& beginning, const OptionText& option) {
  std::string line = beginning;
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return line + values_of(option) + " -d " + quoted(option.help) + "\n";
}

std::string operand_line(const std::string& beginning, const ProgramText& program, const CommandText& command) {
  switch (operands_of(command)) {
    case Operands::kNone:
      break;
    case Operands::kContainer:
    case Operands::kContainers:
    case Operands::kContainerFirst:
      return beginning + " -a " + quoted("(" + program.list_containers + ")") + " -d container\n";
    case Operands::kCommand:
      return beginning + " -a '(__fish_complete_subcommand)'\n";
  }
  OptionText operand;
  operand.value = command.arguments;
  std::string words;
  for (const std::string& choice : choices_of(operand)) words += (words.empty() ? "" : " ") + choice;
  return words.empty() ? "" : beginning + " -a " + quoted(words) + "\n";
}

}  // namespace

std::string fish_completion(const ProgramText& program) {
  const std::string complete = "complete -c " + program.name;
  std::string text = "# Completion of " + program.name + " for fish; made from its tables of options.\n" +
                     command_function(program) + complete + " -f\n";
  const std::string is = complete + " -n '" + function_name(program) + "_is ";
  const std::string first = is + "\"\"'";
  for (const OptionText& option : program.options)
    text += option_line(first, option);
  for (const CommandText& command : program.commands) {
    text += first + " -a " + command.name + " -d " + quoted(command.summary) + "\n";
    const std::string beginning = is + command.name + "'";
    for (const OptionText& option : command.options) text += option_line(beginning, option);
    text += operand_line(beginning, program, command);
  }
  return text;
}

std::optional<std::string> completion_for(std::string_view shell, const ProgramText& program) {
  if (shell == "bash") return bash_completion(program);
  if (shell == "zsh") return zsh_completion(program);
  if (shell == "fish") return fish_completion(program);
  return std::nullopt;
}

}  // namespace plimsoll::agent
