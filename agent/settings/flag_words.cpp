// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/flag_words.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <optional>

#include "base/text.h"

namespace plimsoll::agent {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Go's spellings of true and false; nullopt for anything else.
std::optional<bool> parse_switch(std::string_view text) {
  constexpr std::string_view kTrue[] = {"true", "1", "t", "T", "TRUE", "True"};
  constexpr std::string_view kFalse[] = {"false", "0", "f", "F", "FALSE", "False"};
  if (std::find(std::begin(kTrue), std::end(kTrue), text) != std::end(kTrue)) return true;
  if (std::find(std::begin(kFalse), std::end(kFalse), text) != std::end(kFalse)) return false;
  return std::nullopt;
}

}  // namespace

// -flag and -flag=value to --flag; -h stays.
std::vector<std::string> without_go_spelling(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (const std::string& word : arguments) {
    const bool single_dash = word.size() > 2 && word[0] == '-' && word[1] != '-';
    words.push_back(single_dash ? "-" + word : word);
  }
  return words;
}

// The words in the order in which CLI11 takes them: off the back. It takes --flag= for a flag whose
// value is missing; two words say that the value is empty. A value that itself ends in '=' is not empty.
std::vector<std::string> in_cli11_order(const std::vector<std::string>& words) {
  std::vector<std::string> order;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    const bool empty_value = word->starts_with("--") && word->find('=') + 1 == word->size();
    if (empty_value) order.emplace_back();
    order.push_back(empty_value ? word->substr(0, word->size() - 1) : *word);
  }
  return order;
}

std::string flag_name(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return names.empty() ? std::string() : names.front();
}

// CLI11's own message for --flag=maybe does not name the flag, and it does not know all of Go's spellings.
Result<void> check_switches(const CLI::App& app, std::vector<std::string>& words) {
  for (std::string& word : words) {
    const size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    const std::string flag = word.substr(0, equals);
    const CLI::Option* option = app.get_option_no_throw(flag);
    if (option == nullptr || option->get_expected_max() != 0) continue;
    const std::string value = word.substr(equals + 1);
    const auto on = parse_switch(value);
    if (!on) return fail(flag + ": '" + value + "' is neither true nor false");
    word = flag + (*on ? "=true" : "=false");
  }
  return {};
}

// CLI11's own message does not name a flag that is in no group of the help.
Result<void> check_values(const CLI::App& app, const std::vector<std::string>& words) {
  for (size_t at = 0; at < words.size(); ++at) {
    const CLI::Option* option = words[at].starts_with('-') ? app.get_option_no_throw(words[at]) : nullptr;
    if (option == nullptr || option->get_expected_max() == 0) continue;
    if (at + 1 == words.size() || words[at + 1].starts_with("--")) return fail(words[at] + ": needs a value");
    ++at;
  }
  return {};
}

Unexpected unknown_word(const CLI::App& app, const std::string& word) {
  if (!word.starts_with('-')) return fail("unexpected argument '" + word + "'; the agent takes flags only, see --help");
  const std::string flag = word.substr(0, word.find('='));
  const std::string similar = nearest(flag, flag_names(app));
  return fail("unknown flag '" + flag + "'; " + (similar.empty() ? "see --help" : "did you mean '" + similar + "'?"));
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return std::string(trim(text));
}

std::string nearest(std::string_view word, std::span<const std::string> known) {
  std::string best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

}  // namespace plimsoll::agent
