// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/families.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "exporter/encoding/points.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kTotal = "_total";
constexpr std::string_view kCreated = "_created";
constexpr std::string_view kUnits[] = {"seconds", "bytes", "ratio",  "celsius", "volts",  "amperes", "joules",
                                       "watts",   "hertz", "meters", "grams",   "kelvin", "percent"};

// Calls visit(first, last) for the entries of each family.
template <typename Visit>
void each_family(const MetricPage& page, Visit&& visit) {
  const auto& entries = page.families();
  for (size_t first = 0; first < entries.size();) {
    size_t last = first + 1;
    while (last < entries.size() && !entries[last].starts) ++last;
    visit(static_cast<uint32_t>(first), static_cast<uint32_t>(last));
    first = last;
  }
}

bool is_point_family(MetricType type) { return type == MetricType::kHistogram || type == MetricType::kSummary; }

// Whether the samples are what a family of that type may have.
bool is_whole(const MetricPage& page, uint32_t first, uint32_t last) {
  return is_point_family(page.families()[first].desc.type) ? assemble(page, first, last).has_value()
                                                           : last - first == 1;
}

void add_unknown(std::vector<FamilyView>& views, const MetricPage& page, uint32_t first, uint32_t last) {
  for (uint32_t entry = first; entry < last; ++entry) {
    const MetricPage::Family& family = page.families()[entry];
    views.push_back({entry, entry + 1, family.sample_name, family.desc.help, MetricType::kUntyped, ""});
  }
}

bool counts_up(const MetricPage& page, uint32_t entry) {
  const auto [first, last] = page.samples(entry);
  return std::all_of(first, last,
                     [](const Sample& sample) { return sample.is_integer || sample.value().number() >= 0; });
}

// Which names OpenMetrics families take: those of their samples, and for types with several samples the family's own
// and NAME_created, even if there is no such sample.
class Names {
 public:
  explicit Names(const MetricPage& page) {
    for (const MetricPage::Family& family : page.families()) ++samples_[family.sample_name];
  }

  // Takes `base` and base_created for the entries of one family, unless they are in use elsewhere.
  bool take(const MetricPage& page, uint32_t first, uint32_t last, std::string_view base) {
    size_t own = 0;
    for (uint32_t entry = first; entry < last; ++entry) own += page.families()[entry].sample_name == base ? 1 : 0;
    created_.assign(base).append(kCreated);
    const bool created_of_other =
        base.ends_with(kCreated) && taken_.contains(base.substr(0, base.size() - kCreated.size()));
    if (count(base) != own || count(created_) != 0 || taken_.contains(base) || taken_.contains(created_) ||
        created_of_other)
      return false;
    taken_.insert(base);
    return true;
  }

 private:
  size_t count(std::string_view name) const {
    const auto found = samples_.find(name);
    return found == samples_.end() ? 0 : found->second;
  }

  std::unordered_map<std::string_view, size_t> samples_;  // how many entries have samples of that name
  std::unordered_set<std::string_view> taken_;            // bases, views into the page
  std::string created_;
};

std::string_view base_of(const MetricDesc& desc) {
  return desc.type == MetricType::kCounter ? desc.name.substr(0, desc.name.size() - kTotal.size()) : desc.name;
}

// Whether the family is in OpenMetrics what it is on the page, if its names allow that.
bool keeps_type(const MetricPage& page, uint32_t first, uint32_t last) {
  const MetricDesc& desc = page.families()[first].desc;
  if (!is_whole(page, first, last)) return false;
  if (desc.type != MetricType::kCounter) return true;
  return desc.name.size() > kTotal.size() && desc.name.ends_with(kTotal) && counts_up(page, first);
}

}  // namespace

std::string_view unit_of(std::string_view name) {
  const size_t last = name.rfind('_');
  if (last == std::string_view::npos || last == 0) return "";
  const std::string_view word = name.substr(last + 1);
  return std::find(std::begin(kUnits), std::end(kUnits), word) == std::end(kUnits) ? std::string_view() : word;
}

std::vector<FamilyView> families_for_protobuf(const MetricPage& page) {
  std::vector<FamilyView> views;
  each_family(page, [&](uint32_t first, uint32_t last) {
    const MetricDesc& desc = page.families()[first].desc;
    if (!is_whole(page, first, last)) return add_unknown(views, page, first, last);
    const bool total = desc.type == MetricType::kCounter && desc.name.ends_with(kTotal);
    views.push_back({first, last, desc.name, desc.help, desc.type, unit_of(total ? base_of(desc) : desc.name)});
  });
  return views;
}

std::vector<FamilyView> families_for_openmetrics(const MetricPage& page) {
  std::vector<FamilyView> views;
  Names names(page);
  each_family(page, [&](uint32_t first, uint32_t last) {
    const MetricDesc& desc = page.families()[first].desc;
    const bool simple = desc.type == MetricType::kGauge || desc.type == MetricType::kUntyped;
    if (!keeps_type(page, first, last) || (!simple && !names.take(page, first, last, base_of(desc))))
      return add_unknown(views, page, first, last);
    const std::string_view name = base_of(desc);
    views.push_back({first, last, name, desc.help, desc.type, unit_of(name)});
  });
  return views;
}

}  // namespace plimsoll::exporter
