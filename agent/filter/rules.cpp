// SPDX-License-Identifier: Apache-2.0
#include "agent/filter/rules.h"

#include <algorithm>

#include "exporter/encoding/rendered_labels.h"

namespace plimsoll::agent {
namespace {

constexpr size_t kMost = 64;          // bits in a mask
constexpr size_t kMostKept = 20'000;  // names: far more than there are, unless a text file makes them up

constexpr std::string_view kOutcomes[] = {"node_scrape_collector_success", "node_textfile_scrape_error",
                                          "container_scrape_error", "machine_scrape_error"};

Result<NamePatterns> patterns(const char* flag, const std::vector<std::string>& lists) {
  auto parsed = NamePatterns::parse(split_patterns(lists));
  if (!parsed) return fail(std::string(flag) + ": " + parsed.error().message());
  return parsed;
}

}  // namespace

bool tells_outcome(std::string_view family) {
  return std::find(std::begin(kOutcomes), std::end(kOutcomes), family) != std::end(kOutcomes);
}

bool Rules::Matcher::holds(std::string_view value) const {
  const bool fits = text.expression ? expression.front().matches(value) : text.value == value;
  return fits != text.negative;
}

Result<std::unique_ptr<Rules>> Rules::parse(const RuleWords& words) {
  auto rules = std::make_unique<Rules>();
  auto allow = patterns("--metric.allow", words.allow);
  if (!allow) return unexpected(allow.error());
  auto deny = patterns("--metric.deny", words.deny);
  if (!deny) return unexpected(deny.error());
  rules->allow_ = std::move(*allow);
  rules->deny_ = std::move(*deny);
  for (const std::string& selector : words.drop) {
    if (auto added = rules->add(selector); !added) return fail("--series.drop: " + added.error().message());
  }
  return rules;
}

Result<void> Rules::add(const std::string& text) {
  auto selector = parse_selector(text);
  if (!selector) return unexpected(selector.error());
  if (selectors_.size() == kMost || matchers_.size() + selector->matchers.size() > kMost)
    return fail("more than 64 selectors or matchers; one =~ with | between its values does the work of many");
  Selector added;
  if (!selector->name.empty()) {
    auto name = WholePattern::parse(selector->name);
    if (!name) return fail("'" + printable(selector->name) + "' is " + name.error().message());
    added.name.push_back(std::move(*name));
  }
  uint64_t mask = 0;
  for (LabelMatcher& matcher : selector->matchers) {
    mask |= uint64_t{1} << matchers_.size();
    if (auto fine = add(std::move(matcher)); !fine) return fine;
  }
  selectors_.push_back(std::move(added));
  masks_.push_back(mask);
  return {};
}

Result<void> Rules::add(LabelMatcher text) {
  Matcher matcher{std::move(text), {}};
  if (matcher.text.expression) {
    auto expression = WholePattern::parse(matcher.text.value);
    if (!expression) return fail("'" + printable(matcher.text.value) + "' is " + expression.error().message());
    matcher.expression.push_back(std::move(*expression));
  }
  if (matcher.holds("")) holding_for_nothing_ |= uint64_t{1} << matchers_.size();
  matchers_.push_back(std::move(matcher));
  return {};
}

FamilyRule Rules::decide(std::string_view family, std::string_view series) const {
  const bool allowed = allow_.empty() || allow_.matches(family) || tells_outcome(family);
  FamilyRule rule = {allowed && !deny_.matches(family), 0};
  for (size_t i = 0; i < selectors_.size(); ++i) {
    const auto& name = selectors_[i].name;
    if (name.empty() || name.front().matches(series) || name.front().matches(family))
      rule.selectors |= uint64_t{1} << i;
  }
  return rule;
}

FamilyRule Rules::rule(std::string_view family, std::string_view series) const {
  // A part of a family, NAME_sum, may have the name of another family, whose rule is the one that is kept.
  const bool is_part = family.size() != series.size();
  if (is_part) return decide(family, series);
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(series); known != known_.end()) return known->second;
  const FamilyRule rule = decide(family, series);
  if (known_.size() >= kMostKept) known_.clear();
  known_.emplace(series, rule);
  return rule;
}

LabelMatch Rules::match(std::string_view rendered) const {
  LabelMatch match;
  exporter::RenderedLabel label;
  std::string value;
  while (exporter::take_label(rendered, label)) {
    value.clear();
    exporter::append_unescaped(value, label.value);
    for (size_t i = 0; i < matchers_.size(); ++i) {
      if (matchers_[i].text.label != label.name) continue;
      (matchers_[i].holds(value) ? match.holds : match.fails) |= uint64_t{1} << i;
    }
  }
  return match;
}

FamilyRule NamedRules::rule(std::string_view family, std::string_view series) const {
  FamilyRule rule = rules_.rule(family, series);
  rule.wanted = rule.wanted && (names_.matches(family) || tells_outcome(family));
  return rule;
}

}  // namespace plimsoll::agent
