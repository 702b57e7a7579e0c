// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <set>

#include "agent/manual/from_cli11.h"

namespace plimsoll::agent {
namespace {

// CLI11 would print a usage line made of option counts.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string usage) : usage_(std::move(usage)) { column_width(32); }
  std::string make_usage(const CLI::App*, std::string) const override { return "Usage: " + usage_ + "\n"; }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }

 private:
  std::string usage_;
};

}  // namespace

struct Options::State {
  std::string command, synopsis;
  int usage_exit_code;
  CLI::App app;
  std::set<std::string> with_value;  // "-m", "--memory"
  std::vector<std::string>* words = nullptr;
  bool words_are_command = false;
  size_t least_words = 0;
};

Options::Options(std::string command, std::string synopsis, const std::string& description, int usage_exit_code)
    : state_(new State{std::move(command), std::move(synopsis), usage_exit_code, CLI::App(description), {}}) {
  state_->app.set_help_flag("--help", "Print this help");
  state_->app.formatter(std::make_shared<HelpFormatter>("plimsoll " + state_->command + " " + state_->synopsis));
}

Options::~Options() = default;

void Options::flag(const std::string& names, bool& target, const std::string& help) {
  state_->app.add_flag(names, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Options::value(const std::string& names, std::string& target, const std::string& placeholder,
                    const std::string& help) {
  CLI::Option* option = state_->app.add_option(names, target, help);
  option->type_name(placeholder)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  for (std::string rest = names; !rest.empty();
       rest.erase(0, rest.find(',') == std::string::npos ? rest.size() : rest.find(',') + 1)) {
    state_->with_value.insert(rest.substr(0, rest.find(',')));
  }
}

void Options::values(const std::string& names, std::vector<std::string>& target, const std::string& placeholder,
                     const std::string& help) {
  CLI::Option* option = state_->app.add_option(names, target, help);
  option->type_name(placeholder)->type_size(1)->expected(1)->allow_extra_args(false);
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (std::string rest = names; !rest.empty();
       rest.erase(0, rest.find(',') == std::string::npos ? rest.size() : rest.find(',') + 1)) {
    state_->with_value.insert(rest.substr(0, rest.find(',')));
  }
}

void Options::command_words(std::vector<std::string>& target, size_t at_least) {
  words(target, at_least);
  state_->words_are_command = true;
}

void Options::words(std::vector<std::string>& target, size_t at_least) {
  state_->words = &target;
  state_->least_words = at_least;
}

int Options::wrong_usage(const std::string& what) const {
  std::fprintf(stderr, "plimsoll: %s: %s (see 'plimsoll %s --help')\n", state_->command.c_str(), what.c_str(),
               state_->command.c_str());
  return state_->usage_exit_code;
}

// Whether the word after the option(s) `word` is its value: "--memory 64m", "-m 64m", "-dm 64m", but
// neither "--memory=64m" nor "-m64m".
bool Options::takes_next_word(const std::string& word) const {
  if (word.starts_with("--")) return state_->with_value.contains(word);
  for (size_t at = 1; at < word.size(); ++at) {
    if (state_->with_value.contains({'-', word[at]})) return at + 1 == word.size();
  }
  return false;
}

// Index of the first word that is neither an option nor the value of one.
size_t Options::command_start(const std::vector<std::string>& arguments) const {
  size_t at = 0;
  while (at < arguments.size()) {
    const std::string& word = arguments[at];
    if (word == "--" || word.size() < 2 || word[0] != '-') break;
    at += takes_next_word(word) ? 2 : 1;
  }
  return std::min(at, arguments.size());
}

void Options::describe(CommandText& text) const {
  text.arguments = state_->synopsis;
  text.description = state_->app.get_description();
  text.options = option_texts(state_->app);
}

std::optional<int> Options::parse(const std::vector<std::string>& arguments, CommandText* describe) {
  State& state = *state_;
  if (describe != nullptr) {
    this->describe(*describe);
    return 0;
  }
  std::vector<std::string> mine = arguments, words;
  if (state.words_are_command) {
    const size_t start = command_start(arguments);
    mine.resize(start);
    const bool separated = start < arguments.size() && arguments[start] == "--";
    words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(start + (separated ? 1 : 0)), arguments.end());
  } else if (state.words != nullptr) {
    state.app.add_option("words", words)->group("");
  }
  std::reverse(mine.begin(), mine.end());
  try {
    state.app.parse(mine);
  } catch (const CLI::CallForHelp&) {
    std::fputs(state.app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ExtrasError& extra) {
    const auto unknown = state.app.remaining();
    return wrong_usage(unknown.empty() ? extra.what() : "unknown option '" + unknown.front() + "'");
  } catch (const std::exception& error) {
    return wrong_usage(error.what());
  }
  if (words.size() < state.least_words) {
    return wrong_usage(state.words_are_command ? "no command given: say what to run"
                                               : "no container given: name at least one");
  }
  if (state.words != nullptr) *state.words = std::move(words);
  return std::nullopt;
}

}  // namespace plimsoll::agent
