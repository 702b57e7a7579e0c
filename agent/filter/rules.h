// SPDX-License-Identifier: Apache-2.0
// What is left out of every page, by --metric.allow, --metric.deny, --series.drop, and of one page by ?name[]=.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/filter/name_patterns.h"
#include "agent/filter/series_selector.h"
#include "base/metric_rules.h"
#include "base/result.h"

namespace plimsoll::agent {

// As given on the command line, not split yet.
struct RuleWords {
  std::vector<std::string> allow, deny;  // lists of patterns for families
  std::vector<std::string> drop;         // selectors
  bool operator==(const RuleWords&) const = default;
};

// Whether a family tells how collecting went. Such a family goes only when it is denied: who asks for other
// families wants to know whether they are whole.
bool tells_outcome(std::string_view family);

// Decisions about names are kept, so that a page asks for each family's only once.
class Rules : public PageRules {
 public:
  // Error: flag, what is wrong.
  static Result<std::unique_ptr<Rules>> parse(const RuleWords& words);

  // Whether there are any.
  bool empty() const { return allow_.empty() && deny_.empty() && selectors_.empty(); }

  FamilyRule rule(std::string_view family, std::string_view series) const override;
  std::span<const uint64_t> selectors() const override { return masks_; }
  uint64_t holding_for_nothing() const override { return holding_for_nothing_; }
  LabelMatch match(std::string_view rendered) const override;

 private:
  struct Matcher {
    LabelMatcher text;
    std::vector<WholePattern> expression;  // one, of an expression
    bool holds(std::string_view value) const;
  };
  struct Selector {
    std::vector<WholePattern> name;  // one, or none for any
  };

  Result<void> add(const std::string& selector);
  Result<void> add(LabelMatcher text);
  FamilyRule decide(std::string_view family, std::string_view series) const;

  NamePatterns allow_, deny_;
  std::vector<Selector> selectors_;
  std::vector<Matcher> matchers_;
  std::vector<uint64_t> masks_;
  uint64_t holding_for_nothing_ = 0;
  mutable std::mutex mutex_;
  mutable std::map<std::string, FamilyRule, std::less<>> known_;  // by series' name; under `mutex_`
};

// The rules of one request: those of all pages, and of the rest only families of these names.
class NamedRules : public PageRules {
 public:
  // Both must outlive it.
  NamedRules(const Rules& rules, const NamePatterns& names) : rules_(rules), names_(names) {}

  FamilyRule rule(std::string_view family, std::string_view series) const override;
  std::span<const uint64_t> selectors() const override { return rules_.selectors(); }
  uint64_t holding_for_nothing() const override { return rules_.holding_for_nothing(); }
  LabelMatch match(std::string_view rendered) const override { return rules_.match(rendered); }

 private:
  const Rules& rules_;
  const NamePatterns& names_;
};

}  // namespace plimsoll::agent
