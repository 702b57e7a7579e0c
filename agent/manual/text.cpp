// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/text.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace plimsoll::agent {

std::vector<std::string> choices_of(const OptionText& option) {
  std::vector<std::string> choices;
  if (option.value.find('|') == std::string::npos) return choices;
  for (std::string_view rest = option.value; !rest.empty();) {
    const size_t bar = std::min(rest.find('|'), rest.size());
    choices.emplace_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  return choices;
}

bool takes_directory(const OptionText& option) { return option.value == "DIR"; }

bool takes_file(const OptionText& option) {
  return option.value == "FILE" || option.value == "PATH" || option.value.starts_with("HOST:");
}

Operands operands_of(const CommandText& command) {
  const auto has = [&](const char* word) { return command.arguments.find(word) != std::string::npos; };
  const bool container = has("CONTAINER") || command.arguments.starts_with("ID") || has(" ID");
  if (has("COMMAND")) return container ? Operands::kContainerFirst : Operands::kCommand;
  if (!container) return Operands::kNone;
  return has("...") ? Operands::kContainers : Operands::kContainer;
}

}  // namespace plimsoll::agent
