// SPDX-License-Identifier: Apache-2.0
// How a server on this machine answers a GET: for `plimsoll healthcheck`, where no curl is at hand.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace plimsoll::exporter {

// `url`: http, https or, for a socket, unix:/PATH (then the request is for /healthz). The status of the answer; its body
// is thrown away. Redirects are not followed, and a certificate is not verified: the question is whether something answers,
// and nothing secret is sent. The environment's proxies are not asked. Error: libcurl is missing, the address is no
// address, nobody answered in time.
Result<int> http_status(const std::string& url, std::chrono::milliseconds timeout);

}  // namespace plimsoll::exporter
