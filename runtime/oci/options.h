// SPDX-License-Identifier: Apache-2.0
// The words of a command line, taken apart by a table of options: getopt_long(3)'s grammar, but for abbreviations, with
// errors that name the option that was probably meant. A flag also takes "=true" and "=false", as runc's do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace plimsoll::oci {

struct Option {
  int key;                 // the letter, or a number from 256 on for an option that has none
  std::string_view name;   // without the dashes
  std::string_view value;  // what it takes, as help shows it; "": a flag
  std::string_view help;   // "": accepted, but not shown
};

enum class Order {
  kMixed,         // options may follow arguments
  kOptionsFirst,  // everything after the first argument belongs to somebody else
  kNoOptions      // every word but --help is an argument
};

struct Syntax {
  std::string_view name;       // "create"
  std::string_view arguments;  // "ID [SIGNAL]"
  std::string_view summary;
  std::span<const Option> options;
  size_t least = 0, most = SIZE_MAX;  // arguments
  Order order = Order::kMixed;
};

struct Words {
  std::vector<std::pair<int, std::string_view>> options;  // in order; a flag's value is "true" or "false"
  std::vector<std::string_view> arguments;
  bool help = false;  // -h or --help was among them; nothing else was looked at

  // Of the last one given, or `otherwise`.
  std::string_view value(int key, std::string_view otherwise = "") const;
  bool flag(int key) const { return value(key) == "true"; }
  bool has(int key) const;
};

bool is_help(std::string_view word);

// `words` ends with a null pointer and outlives the result. The number of arguments is checked, too.
Result<Words> parse_words(const Syntax& syntax, char** words);

// Everything up to the first word that is no option of `options`; for options before the command. `rest` is that word.
Result<Words> parse_leading_options(std::span<const Option> options, char** words, char**& rest);

std::string help_text(const Syntax& syntax);
std::string option_lines(std::span<const Option> options);

// The one of `known` that `word` was probably meant to be; "" when none is close.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace plimsoll::oci
