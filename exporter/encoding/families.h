// SPDX-License-Identifier: Apache-2.0
// What the families of a page are in the formats that are stricter than text: OpenMetrics and protobuf.
//
// What would not be valid there as what it is becomes a family of unknown type under the exact name of its samples:
// the types of a few families are lost, and no name or label ever differs from the text format.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/metric.h"

namespace plimsoll::exporter {

struct FamilyView {
  uint32_t first, last;   // entries of page.families(); more than one only in a histogram or summary
  std::string_view name;  // as its heading has it
  std::string_view help;
  MetricType type;        // histograms and summaries: assemble() succeeds for them
  std::string_view unit;  // "" = none known
};

// Protobuf: names stay; a histogram or summary that is not whole becomes its parts, untyped.
std::vector<FamilyView> families_for_protobuf(const MetricPage& page);

// OpenMetrics: a counter's family is called as its samples without _total; a counter whose name lacks that is of
// unknown type, and so is one that has a negative value or NaN, or whose family would take a name that another
// family has: foo beside foo_total, foo_created beside foo_total.
std::vector<FamilyView> families_for_openmetrics(const MetricPage& page);

// The unit with which a family's name (without _total) ends: "seconds", "bytes" ...; "" for none.
std::string_view unit_of(std::string_view name);

}  // namespace plimsoll::exporter
