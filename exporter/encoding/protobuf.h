// SPDX-License-Identifier: Apache-2.0
// Prometheus' protobuf format of a MetricPage: io.prometheus.client.MetricFamily messages, each behind its length.
// https://prometheus.io/docs/instrumenting/exposition_formats/#protobuf-format
//
// A family's length stands before it. Of counters, gauges and untyped ones it is added up from the lengths of their
// labels, so that their samples go straight into the chunk; a histogram or summary is put together first.
// A counter, histogram or summary whose start is known has it as created_timestamp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "exporter/encoding/encoder.h"
#include "exporter/encoding/families.h"
#include "exporter/encoding/output.h"

namespace plimsoll::exporter {

inline constexpr std::string_view kProtobufContentType =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

// The LabelPair fields of every label set of a page, and its start as a Timestamp, encoded once.
class EncodedLabels {
 public:
  explicit EncodedLabels(const MetricPage& page);
  std::string_view pairs(LabelRef ref) const { return {bytes_.data() + spans_[ref].offset, spans_[ref].pairs}; }
  // "" when it is not known.
  std::string_view start(LabelRef ref) const {
    return {bytes_.data() + spans_[ref].offset + spans_[ref].pairs, spans_[ref].start};
  }

 private:
  struct Span {
    size_t offset;
    uint32_t pairs, start;  // lengths; the start is behind the pairs
  };
  std::string bytes_;
  std::vector<Span> spans_;
};

class ProtobufEncoder : public Encoder {
 public:
  explicit ProtobufEncoder(const MetricPage& page);
  using Encoder::next;
  bool next(std::string& chunk, size_t target) override;

 private:
  bool write(Output& out, const FamilyView& family, size_t target);
  void write_points(Output& out, const FamilyView& family);
  size_t metrics_size(const FamilyView& family) const;
  size_t metric_size(const Sample& sample, bool counter) const;
  void write_metric(Output& out, const Sample& sample, MetricType type) const;

  const MetricPage& page_;
  const std::vector<FamilyView> families_;
  const EncodedLabels labels_;
  size_t family_ = 0;
  size_t sample_ = 0;    // within the family
  std::string message_;  // a histogram or summary
};

}  // namespace plimsoll::exporter
