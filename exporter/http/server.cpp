// SPDX-License-Identifier: Apache-2.0
// Every request is answered in civetweb's begin_request callback, which is in place before the
// first connection is accepted and comes before its file, CGI and authorization code.
#include "exporter/http/server.h"

#include <civetweb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <mutex>
#include <optional>

#include "base/os.h"
#include "base/text.h"
#include "exporter/http/listen_address.h"

namespace plimsoll::exporter {

struct Server::State {
  std::map<std::string, Handler> routes;
  std::function<void(const std::string&, int)> on_response;
  std::string start_page;
  std::vector<std::string> addresses;
  mg_context* context = nullptr;
  std::mutex mutex;
  std::vector<std::string> complaints;  // civetweb's messages while it starts; under `mutex`
  bool started = false;                 // under `mutex`; later messages are about single connections
};

namespace {

// A client that stays silent, or does not take its answer, for this long loses its worker.
constexpr const char* kRequestTimeoutMs = "10000";
constexpr size_t kLargestDiscardedBody = 64 * 1024;
constexpr size_t kComplaintsKept = 16;

bool send(mg_connection* connection, std::string_view text) {
  return text.empty() || mg_write(connection, text.data(), text.size()) == static_cast<int>(text.size());
}

// Status line and the headers that every answer has; without the empty line.
std::string response_head(mg_connection* connection, const Response& response) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += mg_get_response_code_text(connection, response.status);
  head += "\r\nContent-Type: " + response.content_type + "\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
  if (response.status == 405) head += "Allow: GET, HEAD\r\n";
  return head;
}

std::string chunk_heading(size_t size) {
  std::array<char, 24> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  return std::string(digits.data(), static_cast<size_t>(end - digits.data())) + "\r\n";
}

// HTTP/1.0 knows no chunks: there the end of the connection ends the answer.
void send_pieces(mg_connection* connection, const Response& response, std::string head, bool chunked) {
  head += chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n";
  std::string piece;
  while (response.next(piece)) {
    if (piece.empty()) continue;  // a chunk of length 0 would end the answer
    if (chunked) {
      head += chunk_heading(piece.size());
      piece += "\r\n";
    }
    if (!send(connection, head) || !send(connection, piece)) return;
    head.clear();
  }
  if (chunked) head += "0\r\n\r\n";
  send(connection, head);
}

void send_response(mg_connection* connection, const mg_request_info& request, const Response& response) {
  const bool head_only = std::string_view(request.request_method) == "HEAD";
  std::string head = response_head(connection, response);
  if (!response.next) {
    head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
    if (!head_only) head += response.body;
    send(connection, head);
    return;
  }
  const bool chunked = request.http_version != nullptr && std::string_view(request.http_version) != "1.0";
  if (head_only) {
    send(connection, head + (chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
    return;
  }
  send_pieces(connection, response, std::move(head), chunked);
}

// Closing a socket with unread input resets the connection, and the client may lose our answer.
void discard_body(mg_connection* connection, const mg_request_info& request) {
  if (request.content_length == 0) return;
  std::array<char, 4096> sink;
  for (size_t seen = 0; seen < kLargestDiscardedBody;) {
    const int n = mg_read(connection, sink.data(), sink.size());
    if (n <= 0) return;
    seen += static_cast<size_t>(n);
  }
}

bool is_read_method(std::string_view method) { return method == "GET" || method == "HEAD"; }

Server::State& state_of(const mg_connection* connection) {
  return *static_cast<Server::State*>(mg_get_user_data(mg_get_context(connection)));
}

std::vector<std::pair<std::string_view, std::string_view>> headers_of(const mg_request_info& request) {
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  for (int i = 0; i < request.num_headers; ++i) {
    const auto& header = request.http_headers[i];
    if (header.name != nullptr && header.value != nullptr) headers.emplace_back(header.name, trim(header.value));
  }
  return headers;
}

int on_request(mg_connection* connection) {
  Server::State& state = state_of(connection);
  const mg_request_info& request = *mg_get_request_info(connection);
  mg_disable_connection_keep_alive(connection);
  // As the client wrote it: local_uri has lost doubled slashes and dots, and one route has one spelling.
  const std::string path = request.local_uri_raw == nullptr ? "" : request.local_uri_raw;
  const auto route = state.routes.find(path);
  Response response;
  if (!is_read_method(request.request_method)) {
    discard_body(connection, request);
    response.status = 405;
    response.body = "405: only GET and HEAD are served here\n";
  } else if (route == state.routes.end()) {
    response.status = 404;
    response.body = "404: no such page; " + state.start_page + " lists what there is\n";
  } else {
    response = route->second({request.request_method, path, request.query_string == nullptr ? "" : request.query_string,
                              headers_of(request), request.remote_addr});
  }
  send_response(connection, request, response);
  if (state.on_response) state.on_response(route == state.routes.end() ? "" : path, response.status);
  return response.status;
}

// What civetweb refuses by itself: malformed or oversized requests, time-outs.
int on_error(mg_connection* connection, int status, const char*) {
  mg_disable_connection_keep_alive(connection);
  Response response;
  response.status = status;
  response.body = std::to_string(status) + ": the request was not understood\n";
  send(connection, response_head(connection, response) + "Content-Length: " + std::to_string(response.body.size()) +
                       "\r\n\r\n" + response.body);
  Server::State& state = state_of(connection);
  if (state.on_response) state.on_response("", status);
  return 0;
}

// Takes civetweb's messages, which would go to stderr: at the start they say what is wrong with an
// address; afterwards they are about connections that clients broke off.
int on_message(const mg_connection* connection, const char* message) {
  Server::State& state = state_of(connection);
  const std::lock_guard lock(state.mutex);
  if (!state.started && state.complaints.size() < kComplaintsKept) state.complaints.emplace_back(message);
  return 1;
}

bool kernel_has_ipv6() { return UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).valid(); }

// "cannot bind to 127.0.0.1:1876: 98 (Address already in use)" in a user's words; nullopt for any
// other message.
std::optional<Error> bind_error(std::string_view message) {
  const size_t cause = message.rfind(" (");
  if (!message.starts_with("cannot ") || cause == std::string_view::npos) return std::nullopt;
  std::string_view rest = message.substr(0, cause);
  const size_t colon = rest.rfind(": ");
  const auto code = colon == std::string_view::npos ? std::nullopt : parse_u64(rest.substr(colon + 2));
  if (!code) return std::nullopt;
  rest = rest.substr(0, colon);
  std::string_view address = rest.substr(rest.rfind(' ') + 1);
  if (address.starts_with('+')) address.remove_prefix(1);
  const std::string shown =
      address.find(':') == std::string_view::npos ? ":" + std::string(address) : std::string(address);
  return Error{static_cast<int>(*code), "cannot listen on " + shown};
}

Error start_error(const std::vector<std::string>& complaints) {
  for (const std::string& message : complaints) {
    if (auto error = bind_error(message)) return *error;
  }
  return invalid("the HTTP server did not start" + (complaints.empty() ? std::string() : ": " + complaints.front()));
}

std::vector<std::string> real_addresses(const mg_context* context, std::vector<ListenAddress> wanted) {
  std::vector<mg_server_port> ports(wanted.size());
  const int count = mg_get_server_ports(context, static_cast<int>(ports.size()), ports.data());
  std::vector<std::string> addresses;
  for (size_t i = 0; i < wanted.size() && static_cast<int>(i) < count; ++i) {
    wanted[i].port = std::to_string(ports[i].port);
    addresses.push_back(wanted[i].text());
  }
  return addresses;
}

Result<std::vector<ListenAddress>> parse_all(const std::vector<std::string>& texts) {
  if (texts.empty()) return fail("no address to listen on");
  const bool ipv6 = mg_check_feature(MG_FEATURES_IPV6) != 0 && kernel_has_ipv6();
  std::vector<ListenAddress> addresses;
  for (const std::string& text : texts) {
    auto address = parse_listen_address(text, ipv6);
    if (!address) return unexpected(address.error());
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

std::string civetweb_ports(const std::vector<ListenAddress>& addresses) {
  std::string list;
  for (const ListenAddress& address : addresses) {
    if (!list.empty()) list += ',';
    list += address.dual_stack ? "+" + address.port : address.text();
  }
  return list;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); };
  for (const auto& [key, value] : headers) {
    if (std::equal(key.begin(), key.end(), name.begin(), name.end(), same)) return value;
  }
  return "";
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, std::map<std::string, Handler> routes) {
  auto addresses = parse_all(options.listen_addresses);
  if (!addresses) return unexpected(addresses.error());
  auto state = std::make_unique<State>();
  state->routes = std::move(routes);
  state->on_response = options.on_response;
  state->start_page = options.start_page;
  mg_callbacks callbacks = {};
  callbacks.begin_request = on_request;
  callbacks.http_error = on_error;
  callbacks.log_message = on_message;
  const std::string ports = civetweb_ports(*addresses);
  const std::string threads = std::to_string(options.threads);
  // Without tcp_nodelay small answers wait for the client's delayed acknowledgement: 44 ms.
  const char* settings[] = {"listening_ports",
                            ports.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "tcp_nodelay",
                            "1",
                            "enable_keep_alive",
                            "no",
                            "decode_url",
                            "no",
                            "request_timeout_ms",
                            kRequestTimeoutMs,
                            nullptr};
  mg_init_library(MG_FEATURES_DEFAULT);
  state->context = mg_start(&callbacks, state.get(), settings);
  if (state->context == nullptr) {
    mg_exit_library();
    return unexpected(start_error(state->complaints));
  }
  {
    const std::lock_guard lock(state->mutex);
    state->started = true;
  }
  state->addresses = real_addresses(state->context, std::move(*addresses));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
  mg_stop(state_->context);
  mg_exit_library();
}

const std::vector<std::string>& Server::addresses() const { return state_->addresses; }

}  // namespace plimsoll::exporter
