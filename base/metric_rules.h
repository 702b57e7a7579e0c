// SPDX-License-Identifier: Apache-2.0
// What a page leaves out: whole families by their names, single series by their labels. A MetricWriter asks
// once for each family and once for each label set, so that a sample costs a few operations on bits, and
// nothing in a family that no rule is about.
//
// A selector is a set of matchers, of which each looks at one label; a series goes when all of them hold. Every
// matcher of a page's rules is one bit. A sample's labels come in two sets, so a matcher that finds its label
// in neither of them holds when it holds for the empty value.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace plimsoll {

// What the matchers say of one label set, by those labels that are in it.
struct LabelMatch {
  uint64_t holds = 0;  // the label is there and fits
  uint64_t fails = 0;  // it is there and does not
};

struct FamilyRule {
  bool wanted = true;      // false: none of its samples
  uint64_t selectors = 0;  // bits of PageRules::selectors(): those that are about series of this name
};

// Thread-safe; outlives the writers that use it.
class PageRules {
 public:
  virtual ~PageRules() = default;

  // `series` is the family's name, or in a histogram perhaps that and _bucket, _sum or _count.
  virtual FamilyRule rule(std::string_view family, std::string_view series) const = 0;
  // The matchers of each selector; 64 selectors at most.
  virtual std::span<const uint64_t> selectors() const = 0;
  // Those matchers that hold for a label that is not there.
  virtual uint64_t holding_for_nothing() const = 0;
  // `rendered`: as a LabelSet renders it.
  virtual LabelMatch match(std::string_view rendered) const = 0;
};

}  // namespace plimsoll
