// SPDX-License-Identifier: Apache-2.0
// exporter/encoding/negotiation.h: Accept and Accept-Encoding are any bytes, and a request is answered whatever they
// say.
#include <string>

#include "exporter/encoding/negotiation.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

bool contains(std::string text, std::string_view word) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text.find(word) != std::string::npos;
}

void formats(const std::string& accept) {
  const exporter::Format format = exporter::negotiate_format(accept);
  require(!exporter::content_type(format).empty(), "every format has a Content-Type");
  if (format == exporter::Format::kOpenMetrics)
    require(contains(accept, "application/openmetrics-text"), "OpenMetrics is for those who name it");
  if (format == exporter::Format::kProtobuf)
    require(contains(accept, "io.prometheus.client.metricfamily"), "protobuf is for those who name it");
  if (accept.find('"') == std::string::npos) {
    require(exporter::negotiate_format(accept + ",application/openmetrics-text;q=0") == format,
            "who asks for it more precisely or with more weight gets it all the same");
  }
}

void codings(const std::string& accept) {
  if (exporter::wants_gzip(accept))
    require(contains(accept, "gzip") || contains(accept, "*"), "gzip is for those who name it");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(plimsoll::fuzz::as_text(data, size));
  plimsoll::fuzz::formats(text);
  plimsoll::fuzz::codings(text);
  return 0;
}
