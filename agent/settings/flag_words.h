// SPDX-License-Identifier: Apache-2.0
// A command line as words, before and beside CLI11: Go's spellings of flags, which command lines written for
// node_exporter and cAdvisor have, and complaints that name the flag.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace plimsoll::agent {

// -flag and -flag=value to --flag; -h stays.
std::vector<std::string> without_go_spelling(const std::vector<std::string>& arguments);
// As CLI11 wants to be given them.
std::vector<std::string> in_cli11_order(const std::vector<std::string>& words);

// The first of the flag's long names, without its dashes.
std::string flag_name(const CLI::Option& option);

// Turns the values of switches into those that CLI11 knows. Error: one that is neither true nor false.
Result<void> check_switches(const CLI::App& app, std::vector<std::string>& words);
// Error: a flag whose value is missing.
Result<void> check_values(const CLI::App& app, const std::vector<std::string>& words);
// The complaint about a word that is no flag.
Unexpected unknown_word(const CLI::App& app, const std::string& word);
std::string one_line(std::string text);

// The member of `known` that differs least from `word`; "" when none is similar.
std::string nearest(std::string_view word, std::span<const std::string> known);

}  // namespace plimsoll::agent
