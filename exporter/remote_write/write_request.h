// SPDX-License-Identifier: Apache-2.0
// Pages of metrics as bodies of Prometheus remote write 1.0: messages prometheus.WriteRequest in snappy's block
// format. Metadata is not sent.
//
//   WriteRequest { repeated TimeSeries timeseries = 1 }
//   TimeSeries   { repeated Label labels = 1, repeated Sample samples = 2 }
//   Label        { string name = 1, string value = 2 }      sorted by name; __name__ is one of them
//   Sample       { double value = 1, int64 timestamp = 2 }  milliseconds since 1970
//
// https://prometheus.io/docs/specs/remote_write_spec/
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "exporter/remote_write/config.h"
#include "exporter/remote_write/label_table.h"

namespace plimsoll::exporter {

// The value that says: this series has ended. One of the many not-a-numbers, told by its bits.
inline constexpr uint64_t kStaleBits = 0x7ff0000000000002;

struct WriteBatch {
  std::string body;  // compressed
  uint32_t samples = 0;
};

// Identities of series: a hash of name and labels each, sorted, every one once. 64 bits: of 150,000 series two are
// taken for one with a probability of 1 in a billion.
using SeriesIds = std::vector<uint64_t>;

// Makes the bodies of one receiver. Not thread-safe. Allocates per page, not per sample.
class WriteRequests {
 public:
  struct Options {
    TextPairs target_labels;    // as a scrape's target has them: job, instance. They win against a page's own
    TextPairs external_labels;  // for series that have none of that name
    uint64_t max_samples = 2000;
    size_t max_bytes = 1 << 20;  // of a body before it is compressed; one series may be larger
  };
  using Sink = std::function<void(WriteBatch batch)>;

  // `sink` gets each body as soon as it is full. Empty values among the labels stand for none.
  WriteRequests(const Options& options, Sink sink);
  WriteRequests(const WriteRequests&) = delete;
  WriteRequests& operator=(const WriteRequests&) = delete;

  // All samples of the page. A series that is in it twice is sent once: a receiver would refuse the second, and
  // with it all the samples beside it.
  SeriesIds add(const MetricPage& page, int64_t timestamp_ms);
  // A stale marker for each of these series of the page.
  void add_ended(const MetricPage& page, const SeriesIds& ended, int64_t timestamp_ms);
  // Hands out what is left.
  void finish();

 private:
  using Encoded = std::pair<std::string_view, std::string_view>;  // a label's name, and its field

  uint64_t id(const MetricPage& page, size_t family, const Sample& sample);
  SeriesIds identify(const MetricPage& page, SeriesIds& twice);
  void add_series(const Sample& sample, double value, int64_t timestamp_ms);
  void set_name(std::string_view name);
  size_t gather(const Sample& sample);
  void merge(std::span<const LabelTable::Label> labels);

  Options options_;
  Sink sink_;
  LabelTable table_;
  std::string fixed_bytes_, name_bytes_;
  std::vector<Encoded> target_, external_;
  std::vector<uint64_t> in_order_;  // ids of the page's samples
  std::vector<Encoded> gathered_, merged_;
  std::string request_;
  uint32_t samples_ = 0;
};

}  // namespace plimsoll::exporter
