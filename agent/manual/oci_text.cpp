// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/oci_text.h"

#include <span>

#include "runtime/oci/command.h"
#include "runtime/oci/command_line.h"

namespace plimsoll::agent {
namespace {

std::vector<OptionText> texts_of(std::span<const oci::Option> options) {
  std::vector<OptionText> texts;
  for (const oci::Option& option : options) {
    if (option.help.empty()) continue;
    OptionText text;
    if (option.key < 256) text.names.push_back({'-', static_cast<char>(option.key)});
    text.names.push_back("--" + std::string(option.name));
    text.value = option.value;
    text.help = option.help;
    texts.push_back(std::move(text));
  }
  texts.push_back({{"-h", "--help"}, "", "", "Show this text", "", false});
  return texts;
}

}  // namespace

ProgramText oci_text() {
  ProgramText program;
  program.name = "plimsoll-oci";
  program.summary = "OCI container runtime with runc's command line";
  program.options = texts_of(oci::global_options());
  program.list_containers = "plimsoll-oci list --quiet 2>/dev/null";
  for (const oci::Command* command : oci::commands()) {
    CommandText text;
    text.name = command->syntax.name;
    text.arguments = command->syntax.arguments;
    text.summary = command->syntax.summary;
    text.options = texts_of(command->syntax.options);
    program.commands.push_back(std::move(text));
  }
  return program;
}

}  // namespace plimsoll::agent
