// SPDX-License-Identifier: Apache-2.0
// An http or https address, taken apart: RFC 3986 as far as a receiver's address goes.
//
//   https://mimir.example:8443/api/v1/push?tenant=a
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::exporter {

struct Url {
  bool tls = false;
  std::string host;    // a name or a numeric address; IPv6 with its brackets
  std::string port;    // decimal; the scheme's own when none is written
  std::string target;  // path and query; starts with '/'

  std::string text() const;
};

// Error says what is wrong, without the address: it may hold a secret.
Result<Url> parse_url(std::string_view text);

}  // namespace plimsoll::exporter
