// SPDX-License-Identifier: Apache-2.0
#include "agent/filter/selection.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "collectors/container/kinds.h"

namespace plimsoll::agent {
namespace {

constexpr std::string_view kContainer = "container";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// application/x-www-form-urlencoded; what is no escape stays as it is.
std::string decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      plain += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      plain += text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

Unexpected unknown(std::string_view name, const std::set<std::string, std::less<>>& known) {
  std::string list;
  for (const std::string& each : known) list += (list.empty() ? "" : " ") + each;
  return fail("no collector '" + printable(name) + "' is on; there are: " + list);
}

}  // namespace

Result<Selection> Selection::parse(std::string_view query, const std::set<std::string, std::less<>>& known) {
  Selection selection;
  bool collect = false;
  std::vector<std::string> families;
  while (!query.empty()) {
    std::string_view pair = take(query, '&');
    const std::string key = decoded(take(pair, '='));
    if (key == "name[]") families.push_back(decoded(pair));
    const bool exclude = key == "exclude[]";
    if (!exclude && key != "collect[]") continue;
    (exclude ? selection.exclude_ : collect) = true;
    std::string name = decoded(pair);
    if (!known.contains(name)) return unknown(name, known);
    selection.names_.insert(std::move(name));
  }
  if (collect && selection.exclude_) return fail("collect[] and exclude[] cannot be combined; give one of them");
  auto patterns = NamePatterns::parse(families);
  if (!patterns) return fail("name[]: " + patterns.error().message());
  selection.families_ = std::move(*patterns);
  return selection;
}

bool Selection::names_or_whole(std::string_view name) const {
  if (names_.contains(name)) return true;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && names_.contains(name.substr(0, dot));
}

bool Selection::wants(std::string_view name) const {
  if (names_.empty()) return true;
  if (exclude_) return !names_or_whole(name);
  if (names_or_whole(name)) return true;
  return name == kContainer && std::any_of(names_.begin(), names_.end(), [](const std::string& each) {
           return each.starts_with(std::string(kContainer) + ".");
         });
}

MetricWriter::Wanted Selection::wanted() const {
  if (names_.empty()) return {};
  return [this](std::string_view name) { return wants(name); };
}

std::set<std::string, std::less<>> selectable(std::span<const std::string> collectors) {
  std::set<std::string, std::less<>> names(collectors.begin(), collectors.end());
  if (!names.contains(kContainer)) return names;
  for (const auto& info : collectors::container::kinds()) {
    if (info.supported) names.insert(std::string(kContainer) + "." + std::string(info.name));
  }
  return names;
}

}  // namespace plimsoll::agent
