// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/encoder.h"

#include "exporter/encoding/openmetrics.h"
#include "exporter/encoding/protobuf.h"
#include "exporter/encoding/text.h"

namespace plimsoll::exporter {

std::unique_ptr<Encoder> make_encoder(Format format, const MetricPage& page, const EncodeOptions& options) {
  switch (format) {
    case Format::kOpenMetrics:
      return std::make_unique<OpenMetricsEncoder>(page, options);
    case Format::kProtobuf:
      return std::make_unique<ProtobufEncoder>(page);
    case Format::kText:
      break;
  }
  return std::make_unique<TextEncoder>(page);
}

std::string_view format_name(Format format) {
  constexpr std::string_view kNames[] = {"text", "openmetrics", "protobuf"};
  return kNames[static_cast<size_t>(format)];
}

std::string_view content_type(Format format) {
  switch (format) {
    case Format::kOpenMetrics:
      return kOpenMetricsContentType;
    case Format::kProtobuf:
      return kProtobufContentType;
    case Format::kText:
      break;
  }
  return kTextContentType;
}

std::string encode(Format format, const MetricPage& page, const EncodeOptions& options) {
  std::string body, chunk;
  for (const auto encoder = make_encoder(format, page, options); encoder->next(chunk);) body += chunk;
  return body;
}

}  // namespace plimsoll::exporter
