// SPDX-License-Identifier: Apache-2.0
// HTTP server (civetweb). Routes are fixed at start; handlers run on the server's threads, several
// at once. HEAD and GET only; anything else is 405, an unknown path 404. One request a connection.
// No TLS yet: it comes with the web configuration file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace plimsoll::exporter {

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
  std::vector<std::pair<std::string, std::string>> headers = {};  // beside those that every answer has
  std::string body;                                               // when there is no `next`
  std::function<bool(std::string& piece)> next;
};

using Handler = std::function<Response(const Request&)>;

struct ServerOptions {
  std::vector<std::string> listen_addresses;  // "127.0.0.1:1876", "[::1]:1876", ":1876", port 0 = pick
  int threads = 8;                            // connections served at once; more wait
  std::string start_page = "/";               // where a 404 sends its reader
  // Told of each answer, on the server's threads. `route` is the path of a known route and "" for
  // any other, so that it is safe to use as a label.
  std::function<void(const std::string& route, int status)> on_response;
};

class Server {
 public:
  struct State;  // private to server.cpp

  // Listens on every address or on none: the error names the address, what is wrong with it (in
  // use, not of this machine, no address); the caller adds which option to change.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, std::map<std::string, Handler> routes);
  // Stops listening, ends open connections, joins the threads; within a second (three with Debian's
  // binary of civetweb).
  ~Server();

  // The bound addresses with their real ports, in the order given.
  const std::vector<std::string>& addresses() const;

 private:
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::exporter
