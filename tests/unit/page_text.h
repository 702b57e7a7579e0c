// SPDX-License-Identifier: Apache-2.0
// A MetricPage as plain lines for comparison in tests, independent of the exporter's encoders:
//   name{labels} value
// Labels stand as they are rendered; doubles in their shortest form; families without samples do
// not appear. type_of() answers what a family was declared as.
#pragma once

#include <charconv>
#include <string>
#include <string_view>

#include "base/metric.h"

namespace plimsoll::test {

inline std::string number_text(Value value) {
  if (value.is_integer()) return std::to_string(value.integer());
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, value.number()).ptr;
  return std::string(digits, end);
}

inline std::string sample_text(const MetricPage& page, std::string_view name, const Sample& sample) {
  std::string labels(page.labels(sample.base));
  const std::string_view extra = page.labels(sample.extra);
  if (!labels.empty() && !extra.empty()) labels += ',';
  labels += extra;
  std::string line(name);
  if (!labels.empty()) line += '{' + labels + '}';
  return line + ' ' + number_text(sample.value()) + '\n';
}

// All samples of the page, or only those of families whose name starts with `prefix`.
inline std::string page_text(const MetricPage& page, std::string_view prefix = {}) {
  std::string text;
  for (size_t i = 0; i < page.families().size(); ++i) {
    const std::string_view name = page.families()[i].desc.name;
    if (!name.starts_with(prefix)) continue;
    const auto [first, last] = page.samples(i);
    for (const Sample* sample = first; sample != last; ++sample)
      text += sample_text(page, page.families()[i].sample_name, *sample);
  }
  return text;
}

// "counter", "gauge", "histogram", "summary", "untyped", or "" when the page has no such family.
inline std::string type_of(const MetricPage& page, std::string_view name) {
  for (const MetricPage::Family& family : page.families()) {
    if (family.desc.name != name) continue;
    if (family.desc.type == MetricType::kCounter) return "counter";
    if (family.desc.type == MetricType::kHistogram) return "histogram";
    if (family.desc.type == MetricType::kSummary) return "summary";
    return family.desc.type == MetricType::kGauge ? "gauge" : "untyped";
  }
  return "";
}

}  // namespace plimsoll::test
