// SPDX-License-Identifier: Apache-2.0
#include "agent/settings/rule_flags.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "agent/filter/name_patterns.h"

namespace plimsoll::agent {
namespace {

using LabelRule = collectors::container::LabelPolicy::Rule;

constexpr const char* kGroup = "Filters";

Result<LabelRule> label_rule(const char* flag, const std::vector<std::string>& lists) {
  auto parsed = NamePatterns::parse(split_patterns(lists));
  if (!parsed) return fail(std::string(flag) + ": " + parsed.error().message());
  if (parsed->empty()) return LabelRule{};
  return LabelRule([patterns = std::make_shared<const NamePatterns>(std::move(*parsed))](std::string_view name) {
    return patterns->matches(name);
  });
}

}  // namespace

void declare_rule_flags(CLI::App& app, RuleFlagWords& words) {
  const auto list = [&](const char* name, std::vector<std::string>& value, const char* type, const char* what) {
    app.add_option(name, value, what)->type_name(type)->allow_extra_args(false)->group(kGroup);
  };
  list("--metric.allow", words.rules.allow, "LIST", "Only families whose whole names fit one of these expressions");
  list("--metric.deny", words.rules.deny, "LIST", "No families whose names do; wins over --metric.allow");
  list("--label.allow", words.label_allow, "LIST", "Of the labels that tell containers apart only these, and id");
  list("--label.deny", words.label_deny, "LIST", "Not these, nor in container_info; wins over --label.allow");
  list("--series.drop", words.rules.drop, "SELECTOR", "No series that this selects, written as for Prometheus");
}

Result<void> apply_rule_flags(const RuleFlagWords& words, collectors::container::LabelPolicy& labels) {
  if (const auto rules = Rules::parse(words.rules); !rules) return unexpected(rules.error());
  auto allow = label_rule("--label.allow", words.label_allow);
  if (!allow) return unexpected(allow.error());
  auto deny = label_rule("--label.deny", words.label_deny);
  if (!deny) return unexpected(deny.error());
  labels.allow = std::move(*allow);
  labels.deny = std::move(*deny);
  return {};
}

}  // namespace plimsoll::agent
