// SPDX-License-Identifier: Apache-2.0
// The options of one command. CLI11 behind a small face, since its header takes seconds to compile
// and throws.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/manual/text.h"

namespace plimsoll::agent {

class Options {
 public:
  // `command`: "run". `synopsis`: what follows it, "[OPTIONS] --rootfs DIR COMMAND [ARG...]".
  // `description`: one sentence. `usage_exit_code`: of wrong usage.
  Options(std::string command, std::string synopsis, const std::string& description, int usage_exit_code = 2);
  ~Options();
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // `names` as "-d,--detach". The targets are written by parse() and must live until then.
  void flag(const std::string& names, bool& target, const std::string& help);
  void value(const std::string& names, std::string& target, const std::string& placeholder, const std::string& help);
  // May be given several times.
  void values(const std::string& names, std::vector<std::string>& target, const std::string& placeholder,
              const std::string& help);

  // Options end at the first word that is none (or after "--"); it and all that follow go to
  // `target` as they are: a command line of somebody else.
  void command_words(std::vector<std::string>& target, size_t at_least);
  // Words between, before and after the options.
  void words(std::vector<std::string>& target, size_t at_least);

  // nullopt: go on. Otherwise the help or a one-line error has been printed, and this is the exit code; with `describe`
  // nothing is parsed, and it says what was declared.
  std::optional<int> parse(const std::vector<std::string>& arguments, CommandText* describe = nullptr);

 private:
  struct State;
  void describe(CommandText& text) const;
  int wrong_usage(const std::string& what) const;
  size_t command_start(const std::vector<std::string>& arguments) const;
  bool takes_next_word(const std::string& word) const;

  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::agent
