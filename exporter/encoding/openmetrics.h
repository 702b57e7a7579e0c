// SPDX-License-Identifier: Apache-2.0
// OpenMetrics 1.0.0 of a MetricPage, in chunks of whole lines.
// https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
//
//   # HELP node_cpu_seconds CPU time.         a counter's family is called without _total
//   # TYPE node_cpu_seconds counter
//   # UNIT node_cpu_seconds seconds           only where the name ends in it
//   node_cpu_seconds_total{cpu="0"} 12.5
//   # EOF
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/families.h"
#include "exporter/encoding/output.h"
#include "exporter/encoding/points.h"

namespace plimsoll::exporter {

inline constexpr std::string_view kOpenMetricsContentType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

class OpenMetricsEncoder : public Encoder {
 public:
  OpenMetricsEncoder(const MetricPage& page, const EncodeOptions& options);
  using Encoder::next;
  bool next(std::string& chunk, size_t target) override;

 private:
  void heading(Output& out, const FamilyView& family);
  bool write(Output& out, const FamilyView& family, size_t target);
  void write_point(Output& out, const Point& point) const;

  const MetricPage& page_;
  const bool created_;
  const std::vector<FamilyView> families_;
  size_t family_ = 0;
  size_t at_ = 0;              // sample or point within the family
  std::vector<Point> points_;  // of the family, if it has any
  std::string sum_name_, count_name_, created_name_;
  bool ended_ = false;
};

}  // namespace plimsoll::exporter
