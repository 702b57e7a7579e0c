// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/openmetrics.h"

#include "exporter/encoding/lines.h"

namespace plimsoll::exporter {
namespace {

bool has_points(const FamilyView& family) {
  return family.type == MetricType::kHistogram || family.type == MetricType::kSummary;
}

}  // namespace

OpenMetricsEncoder::OpenMetricsEncoder(const MetricPage& page, const EncodeOptions& options)
    : page_(page), created_(options.created), families_(families_for_openmetrics(page)) {}

void OpenMetricsEncoder::heading(Output& out, const FamilyView& family) {
  append_help(out, family.name, family.help, HelpQuotes::kEscaped);
  append_comment(out, "TYPE", family.name, type_name(family.type, "unknown"));
  if (!family.unit.empty()) append_comment(out, "UNIT", family.name, family.unit);
  created_name_.clear();
  if (created_ && (family.type == MetricType::kCounter || has_points(family)))
    created_name_.assign(family.name).append("_created");
  points_.clear();
  if (!has_points(family)) return;
  points_ = assemble(page_, family.first, family.last).value_or(std::vector<Point>());
  sum_name_.assign(family.name).append("_sum");
  count_name_.assign(family.name).append("_count");
}

void OpenMetricsEncoder::write_point(Output& out, const Point& point) const {
  const FamilyView& family = families_[family_];
  const std::string part_name = std::string(family.name) + (family.type == MetricType::kHistogram ? "_bucket" : "");
  for (const Point::Part& part : point.parts) append_sample(out, part_name, point.labels, part.label, part.value);
  append_sample(out, count_name_, point.labels, "", *point.count);
  append_sample(out, sum_name_, point.labels, "", *point.sum);
  if (!created_name_.empty() && point.start_ns > 0)
    append_sample(out, created_name_, point.labels, "", seconds_of(point.start_ns));
}

// The family's next samples; true when all are written.
bool OpenMetricsEncoder::write(Output& out, const FamilyView& family, size_t target) {
  if (at_ == 0) heading(out, family);
  if (!has_points(family)) return append_samples(out, page_, family.first, at_, target, created_name_);
  // One at least: see append_samples.
  do write_point(out, points_[at_]);
  while (++at_ < points_.size() && out.used() < target);
  return at_ == points_.size();
}

bool OpenMetricsEncoder::next(std::string& chunk, size_t target) {
  if (ended_) {
    chunk.clear();
    return false;
  }
  Output out(chunk, target);
  while (family_ < families_.size() && out.used() < target) {
    if (!write(out, families_[family_], target)) break;
    ++family_;
    at_ = 0;
  }
  ended_ = family_ == families_.size();
  if (ended_) out.append("# EOF\n");
  return true;
}

}  // namespace plimsoll::exporter
