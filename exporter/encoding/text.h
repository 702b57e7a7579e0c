// SPDX-License-Identifier: Apache-2.0
// Prometheus text format 0.0.4 of a MetricPage, in chunks of whole lines.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
#pragma once

#include <string>
#include <string_view>

#include "base/metric.h"
#include "exporter/encoding/encoder.h"

namespace plimsoll::exporter {

inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";

class TextEncoder : public Encoder {
 public:
  explicit TextEncoder(const MetricPage& page) : page_(page) {}
  using Encoder::next;
  bool next(std::string& chunk, size_t target) override;

 private:
  const MetricPage& page_;
  size_t family_ = 0;
  size_t sample_ = 0;  // within the family
};

// The whole page at once, for tests and small pages.
std::string to_text(const MetricPage& page);

}  // namespace plimsoll::exporter
