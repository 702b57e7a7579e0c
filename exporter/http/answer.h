// SPDX-License-Identifier: Apache-2.0
// A Response as bytes of HTTP/1.1 on a connection of civetweb. RFC 9112.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "exporter/http/server.h"

struct mg_connection;

namespace plimsoll::exporter {

struct AnswerOptions {
  Headers extra;                      // beside those of the response
  std::string_view allow;             // of a 405
  bool head_only = false;             // the request was HEAD
  bool chunked = true;                // HTTP/1.0 knows no chunks: there the end of the connection ends the answer
  bool keep_alive = false;            // whether another request may follow
  std::function<void()> before_last;  // called before the last bytes of an answer whose end the client can see
};

// Whether two names of headers are the same; their letters' case does not matter.
bool same_name(std::string_view a, std::string_view b);

// Whether `word` is a member of a comma-separated list.
bool lists(std::string_view list, std::string_view word);

// Whether all of it went out.
bool send_answer(mg_connection* connection, const Response& response, const AnswerOptions& options);

}  // namespace plimsoll::exporter
