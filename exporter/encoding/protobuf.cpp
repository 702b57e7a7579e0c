// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/protobuf.h"

#include "exporter/encoding/points.h"
#include "exporter/encoding/rendered_labels.h"
#include "exporter/encoding/wire.h"

namespace plimsoll::exporter {
namespace {

using wire::tag;

// Numbers of the fields in metrics.proto of github.com/prometheus/client_model.
namespace field {
constexpr int kPairName = 1, kPairValue = 2;
constexpr int kFamilyName = 1, kFamilyHelp = 2, kFamilyType = 3, kFamilyMetric = 4, kFamilyUnit = 5;
constexpr int kMetricLabel = 1, kMetricGauge = 2, kMetricCounter = 3, kMetricSummary = 4, kMetricUntyped = 5,
              kMetricHistogram = 7;
constexpr int kValue = 1;           // of Gauge, Counter and Untyped
constexpr int kCounterCreated = 3;  // a google.protobuf.Timestamp, as the next two
constexpr int kSummaryCreated = 4;
constexpr int kHistogramCreated = 15;
constexpr int kPointCount = 1, kPointSum = 2, kPointPart = 3;  // of Histogram and Summary
constexpr int kBucketCount = 1, kBucketBound = 2;              // a histogram's part
constexpr int kQuantileBound = 1, kQuantileValue = 2;          // a summary's part
constexpr int kTimestampSeconds = 1, kTimestampNanos = 2;
}  // namespace field

uint64_t type_number(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return 0;
    case MetricType::kGauge:
      return 1;
    case MetricType::kSummary:
      return 2;
    case MetricType::kHistogram:
      return 4;
    case MetricType::kUntyped:
      break;
  }
  return 3;
}

int value_field(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return field::kMetricCounter;
    case MetricType::kGauge:
      return field::kMetricGauge;
    default:
      return field::kMetricUntyped;
  }
}

void append_pairs(std::string& out, std::string_view rendered, std::string& pair, std::string& value) {
  for (RenderedLabel label; take_label(rendered, label);) {
    value.clear();
    append_unescaped(value, label.value);
    pair.clear();
    wire::append_bytes(pair, field::kPairName, label.name);
    wire::append_bytes(pair, field::kPairValue, value);
    wire::append_bytes(out, field::kMetricLabel, pair);
  }
}

void append_timestamp(std::string& out, int64_t ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  if (ns <= 0) return;
  wire::append_number(out, field::kTimestampSeconds, static_cast<uint64_t>(ns / kSecond));
  wire::append_number(out, field::kTimestampNanos, static_cast<uint64_t>(ns % kSecond));
}

void append_head(std::string& out, const FamilyView& family) {
  wire::append_bytes(out, field::kFamilyName, family.name);
  wire::append_bytes(out, field::kFamilyHelp, family.help);
  wire::append_number(out, field::kFamilyType, type_number(family.type));
  if (!family.unit.empty()) wire::append_bytes(out, field::kFamilyUnit, family.unit);
}

uint64_t whole(Value value) { return value.is_integer() ? value.integer() : static_cast<uint64_t>(value.number()); }

void append_histogram(std::string& out, const Point& point) {
  std::string part;
  wire::append_number(out, field::kPointCount, whole(*point.count));
  wire::append_double(out, field::kPointSum, point.sum->number());
  for (const Point::Part& bucket : point.parts) {
    part.clear();
    wire::append_number(part, field::kBucketCount, whole(bucket.value));
    wire::append_double(part, field::kBucketBound, bucket.bound);
    wire::append_bytes(out, field::kPointPart, part);
  }
}

void append_summary(std::string& out, const Point& point) {
  std::string part;
  wire::append_number(out, field::kPointCount, whole(*point.count));
  wire::append_double(out, field::kPointSum, point.sum->number());
  for (const Point::Part& quantile : point.parts) {
    part.clear();
    wire::append_double(part, field::kQuantileBound, quantile.bound);
    wire::append_double(part, field::kQuantileValue, quantile.value.number());
    wire::append_bytes(out, field::kPointPart, part);
  }
}

std::string point_metric(const Point& point, MetricType type) {
  std::string metric, pair, value, body, created;
  append_pairs(metric, point.labels, pair, value);
  const bool histogram = type == MetricType::kHistogram;
  histogram ? append_histogram(body, point) : append_summary(body, point);
  append_timestamp(created, point.start_ns);
  if (!created.empty())
    wire::append_bytes(body, histogram ? field::kHistogramCreated : field::kSummaryCreated, created);
  wire::append_bytes(metric, histogram ? field::kMetricHistogram : field::kMetricSummary, body);
  return metric;
}

}  // namespace

EncodedLabels::EncodedLabels(const MetricPage& page) {
  std::string pair, value;
  spans_.reserve(page.label_count());
  for (LabelRef ref = 0; ref < page.label_count(); ++ref) {
    const size_t offset = bytes_.size();
    append_pairs(bytes_, page.labels(ref), pair, value);
    const size_t pairs = bytes_.size() - offset;
    append_timestamp(bytes_, page.start_ns(ref));
    spans_.push_back({offset, static_cast<uint32_t>(pairs), static_cast<uint32_t>(bytes_.size() - offset - pairs)});
  }
}

ProtobufEncoder::ProtobufEncoder(const MetricPage& page)
    : page_(page), families_(families_for_protobuf(page)), labels_(page) {}

// Of a Metric message without its tag and length. A value's message is below 128 bytes, so its length is of one byte.
size_t ProtobufEncoder::metric_size(const Sample& sample, bool counter) const {
  size_t size = labels_.pairs(sample.base).size() + labels_.pairs(sample.extra).size() + 2 + wire::kDoubleField;
  if (!counter) return size;
  const size_t start = labels_.start(sample.base).size();
  return start == 0 ? size : size + 2 + start;
}

size_t ProtobufEncoder::metrics_size(const FamilyView& family) const {
  const auto [first, last] = page_.samples(family.first);
  size_t size = 0;
  for (const Sample* sample = first; sample != last; ++sample)
    size += wire::bytes_field(metric_size(*sample, family.type == MetricType::kCounter));
  return size;
}

void ProtobufEncoder::write_metric(Output& out, const Sample& sample, MetricType type) const {
  const std::string_view base = labels_.pairs(sample.base), extra = labels_.pairs(sample.extra);
  const std::string_view start = type == MetricType::kCounter ? labels_.start(sample.base) : std::string_view();
  const size_t value_size = wire::kDoubleField + (start.empty() ? 0 : 2 + start.size());
  const size_t size = base.size() + extra.size() + 2 + value_size;
  char* at = out.room(size + 1 + wire::kLongestVarint);
  *at++ = tag(field::kFamilyMetric, wire::kBytes);
  at = wire::put_varint(at, size);
  at = put(put(at, base), extra);
  *at++ = tag(value_field(type), wire::kBytes);
  *at++ = static_cast<char>(value_size);
  at = wire::put_double(at, field::kValue, sample.value().number());
  if (!start.empty()) {
    *at++ = tag(field::kCounterCreated, wire::kBytes);
    *at++ = static_cast<char>(start.size());
    at = put(at, start);
  }
  out.wrote(at);
}

void ProtobufEncoder::write_points(Output& out, const FamilyView& family) {
  message_.clear();
  append_head(message_, family);
  if (const auto points = assemble(page_, family.first, family.last)) {
    for (const Point& point : *points)
      wire::append_bytes(message_, field::kFamilyMetric, point_metric(point, family.type));
  }
  out.wrote(wire::put_varint(out.room(wire::kLongestVarint), message_.size()));
  out.append(message_);
}

// The family's next samples; true when all are written.
bool ProtobufEncoder::write(Output& out, const FamilyView& family, size_t target) {
  if (family.type == MetricType::kHistogram || family.type == MetricType::kSummary) {
    write_points(out, family);
    return true;
  }
  const auto [first, last] = page_.samples(family.first);
  if (sample_ == 0) {
    message_.clear();
    append_head(message_, family);
    out.wrote(wire::put_varint(out.room(wire::kLongestVarint), message_.size() + metrics_size(family)));
    out.append(message_);
  }
  const Sample* sample = first + sample_;
  do write_metric(out, *sample, family.type);
  while (++sample != last && out.used() < target);
  sample_ = static_cast<size_t>(sample - first);
  return sample == last;
}

bool ProtobufEncoder::next(std::string& chunk, size_t target) {
  if (family_ == families_.size()) {
    chunk.clear();
    return false;
  }
  Output out(chunk, target);
  while (family_ < families_.size() && out.used() < target) {
    if (!write(out, families_[family_], target)) break;
    ++family_;
    sample_ = 0;
  }
  return true;
}

}  // namespace plimsoll::exporter
