// SPDX-License-Identifier: Apache-2.0
// Device rules, of which the last that matches counts, as systemd's list of what is allowed.
#include <algorithm>
#include <string>
#include <vector>

#include "runtime/limits/systemd_properties.h"

namespace plimsoll::limits {
namespace {

using spec::DeviceRule;

bool is_for_all(const DeviceRule& rule) { return rule.type == 'a' && !rule.major && !rule.minor; }

// The rule as rules for one type each.
std::vector<DeviceRule> by_type(DeviceRule rule) {
  if (rule.access.empty()) rule.access = "rwm";
  if (rule.type != 'a') return {rule};
  DeviceRule blocks = rule;
  rule.type = 'c';
  blocks.type = 'b';
  return {rule, blocks};
}

bool same_numbers(const DeviceRule& a, const DeviceRule& b) {
  return a.type == b.type && a.major == b.major && a.minor == b.minor;
}

bool overlap(const DeviceRule& a, const DeviceRule& b) {
  return a.type == b.type && (!a.major || !b.major || a.major == b.major) &&
         (!a.minor || !b.minor || a.minor == b.minor) && a.access.find_first_of(b.access) != std::string::npos;
}

struct Allowed {
  bool all = false;   // what no rule of the list names is allowed
  bool exact = true;  // the list says all that the rules say
  std::vector<DeviceRule> rules;

  void apply(const DeviceRule& rule) {
    if (is_for_all(rule)) {
      *this = {.all = rule.allow};
    } else if (all) {
      exact = exact && rule.allow;
    } else {
      for (const DeviceRule& part : by_type(rule)) rule.allow ? add(part) : remove(part);
    }
  }

  void add(const DeviceRule& rule) {
    const auto same = std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return same_numbers(r, rule); });
    if (same == rules.end()) return rules.push_back(rule);
    for (const char c : rule.access)
      if (same->access.find(c) == std::string::npos) same->access += c;
  }

  // A rule that is cut into goes altogether: to allow less is safe.
  void remove(const DeviceRule& rule) {
    for (DeviceRule& r : rules) {
      if (!overlap(r, rule)) continue;
      if (!same_numbers(r, rule)) exact = false;
      std::erase_if(r.access,
                    [&](char c) { return !same_numbers(r, rule) || rule.access.find(c) != std::string::npos; });
    }
    std::erase_if(rules, [](const DeviceRule& r) { return r.access.empty(); });
  }
};

// "/dev/char/1:3", "char-136" for every minor number, "char-*" for every device
std::string path_of(const DeviceRule& rule) {
  const std::string kind = rule.type == 'b' ? "block" : "char";
  if (!rule.major) return kind + "-*";
  if (!rule.minor) return kind + "-" + std::to_string(*rule.major);
  return "/dev/" + kind + "/" + std::to_string(*rule.major) + ":" + std::to_string(*rule.minor);
}

}  // namespace

DeviceProperties device_properties(const std::vector<DeviceRule>& rules, bool v2) {
  Allowed allowed;
  for (const DeviceRule& rule : rules) allowed.apply(rule);
  const auto unsayable = [](const DeviceRule& rule) { return !rule.major && rule.minor; };
  if (std::any_of(allowed.rules.begin(), allowed.rules.end(), unsayable)) allowed.exact = false;
  if (allowed.exact ? allowed.all : v2) return {"auto", {}};
  DeviceProperties properties = {"strict", {}};
  for (const DeviceRule& rule : allowed.rules)
    if (!unsayable(rule)) properties.allow.emplace_back(path_of(rule), rule.access);
  return properties;
}

}  // namespace plimsoll::limits
