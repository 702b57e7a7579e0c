// SPDX-License-Identifier: Apache-2.0
// Which collectors one request asks for, and which families of what they have:
//
//   /metrics?collect[]=cpu&collect[]=container.memory      only these
//   /metrics?exclude[]=filesystem                          all but this
//   /metrics?name[]=node_load1&name[]=container_memory_.*  only families whose whole names fit (rules.h)
//
// Host collectors go by their bare names, the values of the label `collector`; "container" is every family
// of containers and "container.KIND" those of one kind (and how each container is and was), "machine" is
// machine_*.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "agent/filter/name_patterns.h"
#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::agent {

class Selection {
 public:
  Selection() = default;  // everything

  // From the undecoded query of a request; other parameters are not looked at. `known`: the names that
  // may be selected. Error, for the client: collect and exclude together, a name that is not known, a name[]
  // that is no pattern.
  static Result<Selection> parse(std::string_view query, const std::set<std::string, std::less<>>& known);

  bool is_everything() const { return names_.empty() && families_.empty(); }
  // The patterns of name[]; empty: all families.
  const NamePatterns& families() const { return families_; }
  // "container" is wanted when any of its kinds is.
  bool wants(std::string_view name) const;
  // For a MetricWriter; refers to this selection.
  MetricWriter::Wanted wanted() const;

 private:
  bool names_or_whole(std::string_view name) const;

  std::set<std::string, std::less<>> names_;
  bool exclude_ = false;
  NamePatterns families_;
};

// What may be selected when these collectors are on; each of `collectors` is a name of a Collector.
std::set<std::string, std::less<>> selectable(std::span<const std::string> collectors);

}  // namespace plimsoll::agent
