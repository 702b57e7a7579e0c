// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/options.h"

#include <algorithm>

namespace plimsoll::oci {
namespace {

constexpr Option kHelp = {'h', "help", "", "Show this text"};

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t at = 0; at <= b.size(); ++at) row[at] = at;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

const Option* find_name(std::span<const Option> options, std::string_view name) {
  if (name == kHelp.name) return &kHelp;
  const auto found = std::find_if(options.begin(), options.end(), [&](const Option& one) { return one.name == name; });
  return found == options.end() ? nullptr : &*found;
}

const Option* find_letter(std::span<const Option> options, char letter) {
  const auto found = std::find_if(options.begin(), options.end(), [&](const Option& one) { return one.key == letter; });
  if (found == options.end()) return letter == kHelp.key ? &kHelp : nullptr;
  return &*found;
}

Unexpected unknown(std::span<const Option> options, std::string_view word, std::string_view name) {
  std::vector<std::string_view> names = {kHelp.name};
  for (const Option& option : options) names.push_back(option.name);
  std::string text = "option " + std::string(word) + " is not known";
  const std::string_view close = nearest(name, names);
  if (!close.empty()) text += ": did you mean --" + std::string(close) + "?";
  return fail(text);
}

// Reads the options of one word at a time.
class Reader {
 public:
  Reader(std::span<const Option> options, Words& result) : options_(options), result_(result) {}

  // `at` is a word that begins with a dash; left at the last word that was used.
  Result<void> take(char**& at) {
    const std::string_view word = *at;
    return word.starts_with("--") ? take_long(word, at) : take_letters(word, at);
  }

 private:
  Result<void> take_long(std::string_view word, char**& at) {
    std::string_view name = word.substr(2);
    const size_t equals = name.find('=');
    const bool attached = equals != std::string_view::npos;
    const std::string_view value = attached ? name.substr(equals + 1) : "";
    name = name.substr(0, equals);
    const Option* option = find_name(options_, name);
    if (option == nullptr) return unknown(options_, word.substr(0, name.size() + 2), name);
    if (option->value.empty()) return add_flag(*option, attached ? value : "true");
    if (attached) return add(*option, value);
    return add_next(*option, at);
  }

  Result<void> take_letters(std::string_view word, char**& at) {
    for (size_t letter = 1; letter < word.size(); ++letter) {
      const Option* option = find_letter(options_, word[letter]);
      if (option == nullptr) return unknown(options_, word, word.substr(1, word.find('=') - 1));
      if (!option->value.empty()) {
        return letter + 1 < word.size() ? add(*option, word.substr(letter + 1)) : add_next(*option, at);
      }
      if (auto added = add(*option, "true"); !added) return added;
    }
    return {};
  }

  Result<void> add_flag(const Option& option, std::string_view value) {
    if (value == "true" || value == "1") return add(option, "true");
    if (value == "false" || value == "0") return add(option, "false");
    return fail("--" + std::string(option.name) + " is a flag: '" + std::string(value) + "' must be true or false");
  }

  Result<void> add_next(const Option& option, char**& at) {
    if (at[1] == nullptr) {
      return fail("option --" + std::string(option.name) + " needs a value: " + std::string(option.value));
    }
    return add(option, *++at);
  }

  Result<void> add(const Option& option, std::string_view value) {
    if (&option == &kHelp) result_.help = true;
    result_.options.emplace_back(option.key, value);
    return {};
  }

  std::span<const Option> options_;
  Words& result_;
};

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

Result<void> check_count(const Syntax& syntax, size_t count) {
  if (count >= syntax.least && count <= syntax.most) return {};
  const std::string usage = ": usage: " + std::string(syntax.name) + " [OPTION...] " + std::string(syntax.arguments);
  if (count < syntax.least && count == 0) return fail("an argument is missing" + usage);
  return fail((count < syntax.least ? "too few arguments" : "too many arguments") + usage);
}

}  // namespace

bool is_help(std::string_view word) { return word == "--help" || word == "-h"; }

std::string_view Words::value(int key, std::string_view otherwise) const {
  for (auto one = options.rbegin(); one != options.rend(); ++one) {
    if (one->first == key) return one->second;
  }
  return otherwise;
}

bool Words::has(int key) const {
  return std::any_of(options.begin(), options.end(), [key](const auto& one) { return one.first == key; });
}

Result<Words> parse_words(const Syntax& syntax, char** words) {
  Words result;
  Reader reader(syntax.options, result);
  bool only_arguments = false;
  for (char** at = words; *at != nullptr && !result.help; ++at) {
    const std::string_view word = *at;
    if (!only_arguments && word == "--") {
      only_arguments = true;
    } else if (!only_arguments && is_option(word) && (syntax.order != Order::kNoOptions || is_help(word))) {
      if (auto taken = reader.take(at); !taken) return unexpected(taken.error());
    } else {
      result.arguments.push_back(word);
      if (syntax.order == Order::kOptionsFirst && !only_arguments) {
        only_arguments = true;
        if (at[1] != nullptr && std::string_view(at[1]) == "--") ++at;
      }
    }
  }
  if (result.help) return result;
  if (auto counted = check_count(syntax, result.arguments.size()); !counted) return unexpected(counted.error());
  return result;
}

Result<Words> parse_leading_options(std::span<const Option> options, char** words, char**& rest) {
  Words result;
  Reader reader(options, result);
  char** at = words;
  for (; *at != nullptr && is_option(*at) && !result.help; ++at) {
    if (auto taken = reader.take(at); !taken) return unexpected(taken.error());
  }
  rest = at;
  return result;
}

std::string option_lines(std::span<const Option> options) {
  static constexpr size_t kColumn = 34;
  std::string text;
  const auto line = [&text](const Option& option) {
    if (option.help.empty()) return;
    std::string left = option.key < 256 ? std::string("  -") + static_cast<char>(option.key) + ", " : "      ";
    left += "--" + std::string(option.name);
    if (!option.value.empty()) left += " " + std::string(option.value);
    left.resize(std::max(left.size() + 2, kColumn), ' ');
    text += left + std::string(option.help) + "\n";
  };
  for (const Option& option : options) line(option);
  line(kHelp);
  return text;
}

std::string help_text(const Syntax& syntax) {
  const std::string name = "plimsoll-oci " + std::string(syntax.name);
  return "NAME:\n   " + name + " - " + std::string(syntax.summary) + "\n\nUSAGE:\n   " + name + " [OPTION...] " +
         std::string(syntax.arguments) + "\n\nOPTIONS:\n" + option_lines(syntax.options);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;
  if (word.size() > 64) return best;
  for (const std::string_view one : known) {
    const size_t away = one.starts_with(word) && word.size() > 2 ? 1 : distance(word, one);
    if (away < least) {
      least = away;
      best = one;
    }
  }
  return best;
}

}  // namespace plimsoll::oci
