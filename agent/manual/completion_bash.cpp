// SPDX-License-Identifier: Apache-2.0
// One function for `complete -F`: it looks for the command among the words, then asks tables made of case patterns.
// bash breaks words at "=": "--network=ho" arrives as three.
#include <algorithm>

#include "agent/manual/completion.h"

namespace plimsoll::agent {
namespace {

std::string function_name(const ProgramText& program) {
  std::string name = "_" + program.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string names_of(const std::vector<OptionText>& options) {
  std::vector<std::string> names;
  for (const OptionText& option : options) names.insert(names.end(), option.names.begin(), option.names.end());
  return joined(names, " ");
}

// What a value is completed with, as a word of the script.
std::string value_action(const OptionText& option) {
  const auto choices = choices_of(option);
  if (!choices.empty()) return "words '" + joined(choices, " ") + "'";
  if (takes_directory(option)) return "directories";
  if (takes_file(option)) return "files";
  return "nothing";
}

// Patterns of the case in which a word is the value of the option before it. `command`: "" before it is named.
std::string value_cases(const std::string& command, const std::vector<OptionText>& options) {
  std::string text;
  for (const OptionText& option : options) {
    if (option.value.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names) patterns.push_back("\"" + command + " " + name + "\"");
    text += "    " + joined(patterns, " | ") + ") action=\"" + value_action(option) + "\" ;;\n";
  }
  return text;
}

std::string operand_action(const CommandText& command) {
  switch (operands_of(command)) {
    case Operands::kNone:
      break;
    case Operands::kContainer:
    case Operands::kContainers:
      return "containers";
    case Operands::kContainerFirst:
      return "container_first";
    case Operands::kCommand:
      return "command_line";
  }
  OptionText operand;  // such as "bash|zsh|fish"
  operand.value = command.arguments;
  const auto choices = choices_of(operand);
  return choices.empty() ? "nothing" : "words '" + joined(choices, " ") + "'";
}

constexpr std::string_view kFunction = R"sh(@() {
  local current=${COMP_WORDS[COMP_CWORD]} before= command= operands=0 action=nothing options= index word
  COMPREPLY=()
  # An option and its value in one word: bash has broken it at the sign.
  if [[ $current == '=' ]]; then
    current= before=${COMP_WORDS[COMP_CWORD-1]}
  elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  elif ((COMP_CWORD > 0)); then
    before=${COMP_WORDS[COMP_CWORD-1]}
  fi
  for ((index = 1; index < COMP_CWORD; ++index)); do
    word=${COMP_WORDS[index]}
    if [[ $word == '=' ]]; then
      ((++index))
    elif [[ $word == -* ]]; then
      @_value "$command" "$word"
      [[ -z $action || ${COMP_WORDS[index+1]} == '=' ]] || ((++index))
    elif [[ -z $command ]]; then
      command=$word
    else
      ((++operands))
    fi
  done
  action=
  [[ $before != -* ]] || @_value "$command" "$before"
  if [[ -z $action && $current == -* && ! (@rest) ]]; then
    @_options "$command"
    action="words '$options'"
  elif [[ -z $action && -z $command ]]; then
    action="words '@commands'"
  elif [[ -z $action ]]; then
    @_operands "$command"
  fi
  case $action in
    words*) word=${action#words \'}
            mapfile -t COMPREPLY < <(compgen -W "${word%\'}" -- "$current") ;;
    directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    containers) mapfile -t COMPREPLY < <(compgen -W "$(@list)" -- "$current") ;;
    container_first) ((operands > 0)) || mapfile -t COMPREPLY < <(compgen -W "$(@list)" -- "$current") ;;
    command_line) ((operands > 0)) || mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
  esac
}
complete -F @ @program
)sh";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// Commands after whose first operand every word belongs to somebody else.
std::string rest_condition(const ProgramText& program) {
  std::string pattern;
  for (const CommandText& command : program.commands) {
    const Operands operands = operands_of(command);
    if (operands != Operands::kContainerFirst && operands != Operands::kCommand) continue;
    pattern += (pattern.empty() ? "" : "|") + command.name;
  }
  return pattern.empty() ? "0 == 1" : "$operands -gt 0 && $command =~ ^(" + pattern + ")$";
}

std::string one_case(const std::string& command, const std::string& assignment) {
  return "    '" + command + "') " + assignment + " ;;\n";
}

}  // namespace

std::string bash_completion(const ProgramText& program) {
  const std::string function = function_name(program);
  std::string values = value_cases("", program.options), options, operands;
  std::vector<std::string> commands;
  options += one_case("", "options='" + names_of(program.options) + "'");
  for (const CommandText& command : program.commands) {
    commands.push_back(command.name);
    values += value_cases(command.name, command.options);
    options += one_case(command.name, "options='" + names_of(command.options) + "'");
    operands += one_case(command.name, "action=\"" + operand_action(command) + "\"");
  }
  std::string text = "# Completion of " + program.name + " for bash; made from its tables of options.\n";
  text += function + "_value() {\n  action=\n  case \"$1 $2\" in\n" + values + "  esac\n}\n";
  text += function + "_options() {\n  case $1 in\n" + options + "  esac\n}\n";
  text += function + "_operands() {\n  action=nothing\n  case $1 in\n" + operands + "  esac\n}\n";
  std::string body(kFunction);
  replace_all(body, "@program", program.name);
  replace_all(body, "@commands", joined(commands, " "));
  replace_all(body, "@rest", rest_condition(program));
  replace_all(body, "@list", program.list_containers);
  replace_all(body, "@", function);
  return text + body;
}

}  // namespace plimsoll::agent
