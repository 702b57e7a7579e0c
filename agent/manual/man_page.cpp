// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/man_page.h"

#include <algorithm>
#include <cctype>
#include <functional>

namespace plimsoll::agent {
namespace {

// Text that is to be printed as it is.
std::string roff(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool line_begins = result.empty() || result.back() == '\n';
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if (c == '^' || c == '~' || c == '`') {
      result += c == '^' ? "\\(ha" : c == '~' ? "\\(ti" : "\\(ga";
    } else {
      result += c;
    }
  }
  return result;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string sentence(std::string text) {
  if (!text.empty() && !text.ends_with('.') && !text.ends_with('?')) text += '.';
  return roff(text);
}

std::string heading(const PageHead& head) {
  return ".\\\" Made from the program's own tables of options; not to be edited.\n.TH " + upper(roff(head.name)) + " " +
         std::to_string(head.section) + " " + head.date + " \"" + head.version + "\" \"Plimsoll\"\n.ad l\n.SH NAME\n" +
         roff(head.name) + " \\- " + roff(head.summary) + "\n";
}

std::string paragraph(const std::string& roff_text) { return roff_text.empty() ? "" : roff_text + "\n"; }

// A long expression may be broken where it says "or".
std::string breakable(const std::string& roff_text) {
  std::string result;
  for (const char c : roff_text) result += c == '|' ? "|\\:" : std::string(1, c);
  return result;
}

std::string fallback_of(const OptionText& option) {
  return option.fallback.empty() ? "" : "\nDefault: " + breakable(bold(option.fallback)) + ".";
}

std::string option_entry(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names) {
    names += (names.empty() ? "" : ", ") + bold(name);
    if (!option.value.empty() && &name == &option.names.back()) names += " " + italic(option.value);
  }
  return ".TP\n" + names + "\n" + sentence(option.help) + fallback_of(option) +
         (option.repeats ? "\nMay be given several times." : "") + "\n";
}

std::string key_entry(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names) {
    if (!name.starts_with("--no-")) names += (names.empty() ? "" : ", ") + bold(name.substr(2));
  }
  const std::string value = option.value.empty() ? "true|false" : option.value;
  return ".TP\n" + names + ": " + italic(value) + "\n" + sentence(option.help) + fallback_of(option) +
         (option.repeats ? "\nOne or a list." : "") + "\n";
}

using Entry = std::function<std::string(const OptionText&)>;

// In their groups, in order of first appearance.
std::string grouped(const std::vector<OptionText>& options, const Entry& entry) {
  std::vector<std::string> groups;
  for (const OptionText& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  std::string text;
  for (const std::string& group : groups) {
    if (!group.empty()) text += ".SS " + roff(group) + "\n";
    for (const OptionText& option : options) {
      if (option.group == group) text += entry(option);
    }
  }
  return text;
}

std::string notes_section(const CommandText& command) {
  return command.notes.empty() ? "" : ".SH NOTES\n.nf\n" + roff(command.notes) + ".fi\n";
}

bool is_about_the_call(const OptionText& option) {
  const std::string& name = option.names.back();
  return name == "--help" || name == "--version" || name == "--help-cadvisor" || name == "--config.file";
}

}  // namespace

std::string program_page(const PageHead& head, const ProgramText& program, bool each, const std::string& rest) {
  std::string text = heading(head) + ".SH SYNOPSIS\n" + bold(program.name) + " [" + italic("OPTION") + "...] " +
                     italic("COMMAND") + " [" + italic("ARGUMENT") + "...]\n.SH COMMANDS\n";
  for (const CommandText& command : program.commands) {
    if (each) {
      text += ".SS " + roff(command.name + (command.arguments.empty() ? "" : " " + command.arguments)) + "\n" +
              sentence(command.summary) + "\n" + grouped(command.options, option_entry);
      continue;
    }
    text += ".TP\n" + bold(command.name) + "\n" + sentence(command.summary) + "\n";
  }
  return text + ".SH OPTIONS\n" + grouped(program.options, option_entry) + rest;
}

std::string command_page(const PageHead& head, const ProgramText& program, const CommandText& command,
                         const std::string& rest) {
  std::string text = heading(head) + ".SH SYNOPSIS\n" + bold(program.name + " " + command.name) +
                     (command.arguments.empty() ? "" : " " + roff(command.arguments)) + "\n.SH DESCRIPTION\n" +
                     paragraph(roff(command.description));
  if (!command.options.empty()) text += ".SH OPTIONS\n" + grouped(command.options, option_entry);
  return text + notes_section(command) + rest;
}

std::string settings_page(const PageHead& head, const CommandText& command, const std::string& rest) {
  std::vector<OptionText> keys;
  std::copy_if(command.options.begin(), command.options.end(), std::back_inserter(keys),
               [](const OptionText& option) { return !is_about_the_call(option); });
  return heading(head) + rest + ".SH KEYS\n" + grouped(keys, key_entry) + notes_section(command) +
         ".SH SEE ALSO\n.BR plimsoll\\-" + command.name + " (1)\n";
}

}  // namespace plimsoll::agent
