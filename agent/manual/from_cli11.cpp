// SPDX-License-Identifier: Apache-2.0
#include "agent/manual/from_cli11.h"

#include <CLI/CLI.hpp>

namespace plimsoll::agent {
namespace {

// A list is shown as "[a,b]".
std::string without_brackets(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  if (option.get_expected_max() != 0) {
    text.value = option.get_type_name();
    text.fallback = without_brackets(option.get_default_str());
    text.repeats = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll || option.get_expected_max() > 1;
  }
  text.help = option.get_description();
  text.group = option.get_group() == "Options" ? "" : option.get_group();
  return text;
}

std::vector<OptionText> option_texts(const CLI::App& app) {
  std::vector<OptionText> texts;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) texts.push_back(option_text(*option));
  }
  return texts;
}

}  // namespace plimsoll::agent
