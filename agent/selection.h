// SPDX-License-Identifier: Apache-2.0
// Which collectors one request asks for:
//
//   /metrics?collect[]=cpu&collect[]=container.memory      only these
//   /metrics?exclude[]=filesystem                          all but this
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

#include "base/metric.h"
#include "base/result.h"

namespace plimsoll::agent {

class Selection {
 public:
  Selection() = default;  // everything

  // From the undecoded query of a request; other parameters are not looked at. `known`: the names that
  // may be selected. Error, for the client: collect and exclude together, a name that is not known.
  static Result<Selection> parse(std::string_view query, const std::set<std::string, std::less<>>& known);

  bool is_everything() const { return names_.empty(); }
  // "container" is wanted when any of its kinds is.
  bool wants(std::string_view name) const;
  // For a MetricWriter; refers to this selection.
  MetricWriter::Wanted wanted() const;

 private:
  bool names_or_whole(std::string_view name) const;

  std::set<std::string, std::less<>> names_;
  bool exclude_ = false;
};

// What may be selected when these collectors are on; each of `collectors` is a name of a Collector.
std::set<std::string, std::less<>> selectable(std::span<const std::string> collectors);

}  // namespace plimsoll::agent
