// SPDX-License-Identifier: Apache-2.0
// What stands between a client and every route: the rules of a web configuration file. The server asks it
// for its TLS context, and about each request before it looks for a route, so that no route can be forgotten.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "exporter/http/server.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace plimsoll::exporter {

// Thread-safe.
class Guard {
 public:
  virtual ~Guard() = default;

  // The context that every TLS connection starts with; nullptr: no TLS. Belongs to the guard and stays the
  // same one while it lives: what a reload changes is applied per connection, in the client-hello callback.
  virtual SSL_CTX* tls_context() = 0;

  // The answer to a request that may not pass (401, 429); nullopt lets it pass.
  virtual std::optional<Response> refuse(const Request& request) = 0;

  // Headers for every answer, refusals included.
  virtual std::vector<std::pair<std::string, std::string>> headers() const = 0;

  // Reads the file and what it names again. On an error all stays as it was.
  virtual Result<void> reload() = 0;
};

}  // namespace plimsoll::exporter
