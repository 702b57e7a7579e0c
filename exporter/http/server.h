// SPDX-License-Identifier: Apache-2.0
// HTTP server (civetweb), with TLS where its guard has it (guard.h), on TCP and unix sockets. Routes are
// fixed at start; handlers run on the server's threads, several at once. What one client, and what all of
// them, can hold is bounded in connections (admission.h), time and bytes: docs/SECURITY.md has the list.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "exporter/http/admission.h"

namespace plimsoll::exporter {

class Guard;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // "GET", "HEAD", or what the route takes beside them
  std::string path;
  std::string query;  // after '?', undecoded; "" without
  // As the client sent them, in its order; valid while the handler runs. The server takes at most 64 of
  // them, in 16 KB of request.
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  std::string client = {};  // its numeric address without the port; "" of a unix socket

  // The value of the first header of this name, whatever its letters' case; "" without one.
  std::string_view header(std::string_view name) const;
};

// An answer that is produced piece by piece: next() replaces its argument by the next piece and
// returns false at the end. What it refers to must be owned by it.
struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers = {};  // beside those that every answer has
  std::string body;      // when there is no `next`
  std::function<bool(std::string& piece)> next;
};

using Handler = std::function<Response(const Request&)>;

// A handler and the methods it takes, written as in a header Allow; others are answered 405. A HEAD is
// answered with the head of what the handler returns. Bodies are read away, at most 64 KB.
struct Route {
  Handler handler;
  std::string methods = "GET, HEAD";
  Response operator()(const Request& request) const { return handler(request); }
};
using Routes = std::map<std::string, Route>;  // by path; other paths are 404

struct ServerOptions {
  std::vector<std::string> listen_addresses;  // "127.0.0.1:1876", "[::1]:1876", ":1876", "unix:/PATH"; port 0 = pick
  std::string start_page = "/";               // where a 404 sends its reader
  AdmissionOptions admission = {};            // its `connections` are the threads
  bool keep_alive = false;                    // whether several requests may share a connection
  std::chrono::nanoseconds idle_time = std::chrono::seconds(65);  // how long a kept connection waits for the next
  Guard* guard = nullptr;  // asked about each request before its route is looked up; must outlive the server
  // How long an answer may take, from the request's header to its last byte taken; 60 s without this.
  std::function<std::chrono::nanoseconds(const Request&)> answer_time;
  // Told of each answer, on the server's threads. `route` is the path of a known route and "" for
  // any other, so that it is safe to use as a label.
  std::function<void(const std::string& route, int status)> on_response;
};

class Server {
 public:
  struct State;  // private to server.cpp

  // Listens on every address or on none: the error names the address, what is wrong with it (in
  // use, not of this machine, no address); the caller adds which option to change.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, Routes routes);
  // Stops listening, ends open connections, joins the threads, removes unix sockets; at once (within three
  // seconds with Debian's binary of civetweb).
  ~Server();

  // The bound addresses with their real ports, in the order given.
  const std::vector<std::string>& addresses() const;
  // Whether TCP connections must start with TLS.
  bool has_tls() const;

 private:
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::exporter
