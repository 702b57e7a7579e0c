// SPDX-License-Identifier: Apache-2.0
// What every encoding of a page looks like, and which ones there are.
//
// The page is shared by all requests that came while it was collected; an encoder belongs to one of them and
// hands its format out piece by piece, so that memory does not grow with the body.
//
// Prometheus stores the same names and labels whichever format it takes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/metric.h"

namespace plimsoll::exporter {

// text.h, openmetrics.h, protobuf.h.
enum class Format : uint8_t { kText, kOpenMetrics, kProtobuf };
inline constexpr Format kFormats[] = {Format::kText, Format::kOpenMetrics, Format::kProtobuf};

struct EncodeOptions {
  // OpenMetrics: a series NAME_created beside each whose start is known. They are as many again, and
  // Prometheus stores them as series of their own; protobuf always has the start, as a field.
  bool created = false;
};

class Encoder {
 public:
  virtual ~Encoder() = default;
  // Replaces `chunk` by the next part of the body, about `target` bytes and never empty. False at the end.
  virtual bool next(std::string& chunk, size_t target) = 0;
  bool next(std::string& chunk) { return next(chunk, kChunkBytes); }
  static constexpr size_t kChunkBytes = 64 * 1024;
};

// `page` must outlive the encoder.
std::unique_ptr<Encoder> make_encoder(Format format, const MetricPage& page, const EncodeOptions& options = {});
// "text", "openmetrics" or "protobuf".
std::string_view format_name(Format format);
// The Content-Type of that format.
std::string_view content_type(Format format);

// The whole page at once, for tests and small pages.
std::string encode(Format format, const MetricPage& page, const EncodeOptions& options = {});

}  // namespace plimsoll::exporter
