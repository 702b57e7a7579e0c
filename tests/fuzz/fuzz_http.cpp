// SPDX-License-Identifier: Apache-2.0
// exporter/http/server.h with civetweb behind it: what a client sends before it closes its half.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "base/os.h"
#include "exporter/http/server.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

exporter::Response looked_at(const exporter::Request& request) {
  require(request.client.empty(), "a unix socket has no address");
  require(request.path == "/a" || request.path == "/b", "a handler gets its own path");
  require(request.headers.size() <= 64, "headers are bounded");
  const bool read = request.method == "GET" || request.method == "HEAD";
  require(request.path == "/a" ? read : request.method == "POST", "a handler gets its own methods");
  size_t bytes = request.query.size();
  for (const auto& [name, value] : request.headers) {
    require(!name.empty() && name.find_first_of(": \r\n") == std::string_view::npos, "a header has a name");
    require(value.find_first_of("\r\n") == std::string_view::npos, "a header is one line");
    require(request.header(name).size() <= 16 * 1024, "a header is found by its name");
    bytes += name.size() + value.size();
  }
  require(bytes <= 16 * 1024, "a request is bounded");
  exporter::Response response;
  response.body = "x";
  return response;
}

// Never ends: it serves every input.
const std::string& serve() {
  static const std::string path = "/tmp/plimsoll-fuzz-http-" + std::to_string(::getpid()) + ".sock";
  static const auto server = [] {
    exporter::ServerOptions options;
    options.listen_addresses = {"unix:" + path};
    options.keep_alive = true;
    options.admission.connections = options.admission.per_client = 4;
    return exporter::Server::start(options, {{"/a", {looked_at}}, {"/b", {looked_at, "POST"}}});
  }();
  require(static_cast<bool>(server), "it starts");
  return path;
}

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "it takes connections");
  return fd;
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace plimsoll::fuzz;
  const plimsoll::UniqueFd fd = connect_to(serve());
  (void)::send(fd.get(), data, size, MSG_NOSIGNAL);  // it may have closed already
  ::shutdown(fd.get(), SHUT_WR);
  std::string answer;
  char piece[4096];
  for (ssize_t n; (n = ::recv(fd.get(), piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<size_t>(n));
  require(answer.empty() || answer.starts_with("HTTP/1.1 "), "an answer is one");
  return 0;
}
