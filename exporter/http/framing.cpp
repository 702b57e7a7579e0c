// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/framing.h"

#include <civetweb.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "exporter/http/answer.h"

namespace plimsoll::exporter {
namespace {

constexpr long long kLargestBody = 64 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

struct Found {
  int count = 0;
  std::string_view value;  // of the first; "" without one
};

Found find(const mg_request_info& request, std::string_view name) {
  Found found;
  for (int i = 0; i < request.num_headers; ++i) {
    const mg_header& header = request.http_headers[i];
    if (!same_name(header.name, name)) continue;
    if (found.count++ == 0) found.value = trim(header.value);
  }
  return found;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool is_http10(const mg_request_info& request) {
  return request.http_version == nullptr || std::string_view(request.http_version) == "1.0";
}

bool is_well_framed(const mg_request_info& request) {
  const Found host = find(request, "Host"), length = find(request, "Content-Length");
  const Found coding = find(request, "Transfer-Encoding");
  if (host.count > 1 || (host.count == 0 && !is_http10(request))) return false;
  if (length.count + coding.count > 1 || (length.count == 1 && !is_number(length.value))) return false;
  return coding.count == 0 || (same_name(coding.value, "chunked") && !is_http10(request));
}

bool has_body(const mg_request_info& request) {
  return request.content_length > 0 || find(request, "Transfer-Encoding").count > 0;
}

int discard_body(mg_connection* connection) {
  const mg_request_info& request = *mg_get_request_info(connection);
  if (request.content_length > kLargestBody) return 413;
  const bool waits = !is_http10(request) && same_name(find(request, "Expect").value, "100-continue");
  if (waits && mg_write(connection, kContinue.data(), kContinue.size()) <= 0) return 400;
  std::array<char, 4096> sink;
  for (long long seen = 0; seen <= kLargestBody;) {
    const int n = mg_read(connection, sink.data(), sink.size());
    if (n <= 0) return n == 0 ? 0 : 400;
    seen += n;
  }
  return 413;
}

bool may_stay(const mg_request_info& request) {
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Upgrade"}) {
    if (find(request, name).count > 0) return false;
  }
  const Found wish = find(request, "Connection");
  if (wish.count == 0) return !is_http10(request);
  return wish.count == 1 && lists(wish.value, "keep-alive");
}

}  // namespace plimsoll::exporter
