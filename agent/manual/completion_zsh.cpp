// SPDX-License-Identifier: Apache-2.0
// _arguments of zsh's completion system, once for the program and once for each command. zshcompsys(1)
#include <algorithm>

#include "agent/manual/completion.h"

namespace plimsoll::agent {
namespace {

// Inside of single quotes.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + result + "'";
}

// What stands between brackets or colons of a specification.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string action_of(const OptionText& option) {
  const auto choices = choices_of(option);
  std::string words;
  for (const std::string& choice : choices) words += (words.empty() ? "" : " ") + choice;
  if (!words.empty()) return "(" + words + ")";
  if (takes_directory(option)) return "_files -/";
  return takes_file(option) ? "_files" : " ";
}

// One word for each name: an option may be given by any of them, and by others no more.
std::string specifications(const OptionText& option) {
  std::string others, text;
  for (const std::string& name : option.names) others += (others.empty() ? "" : " ") + name;
  for (const std::string& name : option.names) {
    std::string word = option.repeats ? "*" : "(" + others + ")";
    word += name;
    if (!option.value.empty()) word += name.starts_with("--") ? "=" : "+";
    word += "[" + escaped(option.help) + "]";
    if (!option.value.empty()) word += ":" + escaped(option.value) + ":" + action_of(option);
    text += " \\\n      " + quoted(word);
  }
  return text;
}

std::string operand_specification(const CommandText& command, const std::string& containers) {
  switch (operands_of(command)) {
    case Operands::kNone:
      break;
    case Operands::kContainer:
      return "':container:" + containers + "'";
    case Operands::kContainers:
      return "'*:container:" + containers + "'";
    case Operands::kContainerFirst:
      return "':container:" + containers + "' '*:::command: _normal'";
    case Operands::kCommand:
      return "'(-):command: _command_names -e' '*:::arguments: _normal'";
  }
  OptionText operand;
  operand.value = command.arguments;
  return choices_of(operand).empty() ? "" : "':what:" + action_of(operand) + "'";
}

std::string function_name(const ProgramText& program) { return "_" + program.name; }

std::string command_case(const ProgramText& program, const CommandText& command) {
  std::string text = "    " + command.name + ")\n    _arguments -s -S";
  for (const OptionText& option : command.options) text += specifications(option);
  const std::string operands = operand_specification(command, function_name(program) + "_containers");
  if (!operands.empty()) text += " \\\n      " + operands;
  return text + " && result=0\n    ;;\n";
}

}  // namespace

std::string zsh_completion(const ProgramText& program) {
  const std::string function = function_name(program);
  std::string text = "#compdef " + program.name + "\n# Completion of " + program.name +
                     " for zsh; made from its tables of options.\n";
  text += function + "_containers() {\n  local -a names\n  names=(${(f)\"$(" + program.list_containers +
          ")\"})\n  compadd -a names\n}\n";
  text += function + "() {\n  local context state state_descr line result=1\n  typeset -A opt_args\n  local -a commands\n  commands=(\n";
  for (const CommandText& command : program.commands)
    text += "    " + quoted(command.name + ":" + escaped(command.summary)) + "\n";
  text += "  )\n  _arguments -C";
  for (const OptionText& option : program.options) text += specifications(option);
  text += " \\\n      '1:command:->command' '*::argument:->arguments' && result=0\n";
  text += "  case $state in\n  command) _describe -t commands command commands && result=0 ;;\n  arguments)\n    case $words[1] in\n";
  for (const CommandText& command : program.commands) text += command_case(program, command);
  text += "    esac\n    ;;\n  esac\n  return result\n}\n";
  // Loaded from $fpath the file is the function's body; sourced, it only defines.
  return text + "if [[ $funcstack[1] == " + function + " ]]; then " + function + " \"$@\"; else compdef " + function + " " +
         program.name + "; fi\n";
}

}  // namespace plimsoll::agent
