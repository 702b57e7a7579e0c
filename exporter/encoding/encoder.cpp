// SPDX-License-Identifier: Apache-2.0
#include "exporter/encoding/encoder.h"

#include "exporter/encoding/text.h"

namespace plimsoll::exporter {

std::unique_ptr<Encoder> make_encoder(Format, const MetricPage& page) { return std::make_unique<TextEncoder>(page); }

std::string_view content_type(Format) { return kTextContentType; }

std::string encode(Format format, const MetricPage& page) {
  std::string body, chunk;
  for (const auto encoder = make_encoder(format, page); encoder->next(chunk);) body += chunk;
  return body;
}

}  // namespace plimsoll::exporter
