// SPDX-License-Identifier: Apache-2.0
// Every request is answered in civetweb's begin_request callback, which is in place before the
// first connection is accepted and comes before its file, CGI and authorization code.
#include "exporter/http/server.h"

#include <civetweb.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>

#include "base/os.h"
#include "base/text.h"
#include "exporter/http/answer.h"
#include "exporter/http/framing.h"
#include "exporter/http/guard.h"
#include "exporter/http/listen_address.h"
#include "exporter/http/openssl.h"
#include "exporter/http/unix_socket.h"

// Of civetweb_build.c.
#ifdef PLIMSOLL_CIVETWEB_SOURCE
extern "C" {
int plimsoll_socket_of(const mg_connection* connection);
void plimsoll_forget_received(const mg_connection* connection);
int plimsoll_head_is_whole(const mg_connection* connection);
}
#endif

namespace plimsoll::exporter {

struct Server::State {
  explicit State(const ServerOptions& wanted) : options(wanted), admission(wanted.admission) {}

  ServerOptions options;
  Routes routes;
  Admission admission;
  std::vector<std::string> addresses;
  mg_context* context = nullptr;
  std::mutex mutex;
  std::vector<std::string> complaints;  // civetweb's messages while it starts; under `mutex`
  bool started = false;                 // under `mutex`; later messages are about single connections
};

namespace {

using std::chrono::nanoseconds;

#ifdef PLIMSOLL_CIVETWEB_SOURCE
constexpr bool kOwnCivetweb = true;
int socket_of(const mg_connection* connection) { return plimsoll_socket_of(connection); }
bool head_is_whole(const mg_connection* connection) { return plimsoll_head_is_whole(connection) != 0; }
int on_connection(const mg_connection* connection, void**) {
  plimsoll_forget_received(connection);
  return 0;
}
#else
// Debian's binary: what it does with its sockets and its buffers cannot be seen from outside, and its TLS does not
// work.
constexpr bool kOwnCivetweb = false;
int socket_of(const mg_connection*) { return -1; }
bool head_is_whole(const mg_connection*) { return true; }
int on_connection(const mg_connection*, void**) { return 0; }
#endif

// Admission's deadlines come first; with Debian's binary this is all there is.
constexpr const char* kWaitMs = kOwnCivetweb ? "3600000" : "10000";
constexpr const char* kBacklog = "1024";  // connections that the kernel keeps while we are busy
constexpr nanoseconds kAnswerTime = std::chrono::seconds(60);
constexpr nanoseconds kSendingTime = std::chrono::seconds(10);  // the least, however long the handler took
constexpr size_t kComplaintsKept = 16;

Server::State& state_of(const mg_connection* connection) {
  return *static_cast<Server::State*>(mg_get_user_data(mg_get_context(connection)));
}

Request request_of(const mg_request_info& info) {
  Request request;
  request.method = info.request_method;
  // As the client wrote it: local_uri has lost doubled slashes and dots, and one route has one spelling.
  request.path = info.local_uri_raw == nullptr ? "" : info.local_uri_raw;
  request.query = info.query_string == nullptr ? "" : info.query_string;
  for (int i = 0; i < info.num_headers; ++i) {
    const auto& header = info.http_headers[i];
    if (header.name != nullptr && header.value != nullptr)
      request.headers.emplace_back(header.name, trim(header.value));
  }
  if (info.remote_addr != std::string_view("*")) request.client = info.remote_addr;  // "*": a unix socket
  return request;
}

Response text_of(int status, std::string body) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

// The guard's answer, the route's or what there is instead.
Response answer_to(const Server::State& state, mg_connection* connection, const Request& request, const Route* route) {
  if (state.options.guard != nullptr) {
    if (auto refusal = state.options.guard->refuse(request)) return std::move(*refusal);
  }
  if (has_body(*mg_get_request_info(connection))) {
    const int refusal = discard_body(connection);
    if (refusal == 413) return text_of(413, "413: no page here takes a body of more than 64 KB\n");
    if (refusal != 0) return text_of(refusal, "400: the body was not understood\n");
  }
  if (route == nullptr)
    return text_of(404, "404: no such page; " + state.options.start_page + " lists what there is\n");
  if (!lists(route->methods, request.method)) return text_of(405, "405: here is served: " + route->methods + "\n");
  return route->handler(request);
}

// Memory may end in a handler: no exception may reach civetweb, which is C.
Response answer_or_500(const Server::State& state, mg_connection* connection, const Request& request,
                       const Route* route) {
  try {
    return answer_to(state, connection, request, route);
  } catch (const std::exception&) {
    return text_of(500, "500\n");
  }
}

// What is refused before anybody is asked about it: malformed or oversized requests.
void send_error(mg_connection* connection, int status) {
  mg_disable_connection_keep_alive(connection);
  const ServerOptions& options = state_of(connection).options;
  const Response response = text_of(status, std::to_string(status) + ": the request was not understood\n");
  AnswerOptions how;
  if (options.guard != nullptr) how.extra = options.guard->headers();
  send_answer(connection, response, how);
  if (options.on_response) options.on_response("", status);
}

int answer_request(mg_connection* connection) {
  if (!head_is_whole(connection) || !is_well_framed(*mg_get_request_info(connection))) {
    send_error(connection, 400);
    return 400;
  }
  Server::State& state = state_of(connection);
  const ServerOptions& options = state.options;
  const mg_request_info& info = *mg_get_request_info(connection);
  const int fd = socket_of(connection);
  const Request request = request_of(info);
  const auto found = state.routes.find(request.path);
  const Route* const route = found == state.routes.end() ? nullptr : &found->second;
  const nanoseconds time = options.answer_time ? options.answer_time(request) : kAnswerTime;
  const int64_t deadline_ns = monotonic_ns() + time.count();
  state.admission.serve(fd, state.admission.options().header_time);  // for a body
  const Response response = answer_or_500(state, connection, request, route);
  state.admission.serve(fd, std::max(kSendingTime, nanoseconds(deadline_ns - monotonic_ns())));
  AnswerOptions how;
  if (options.guard != nullptr) how.extra = options.guard->headers();
  if (route != nullptr) how.allow = route->methods;
  how.head_only = request.method == "HEAD";
  how.chunked = !is_http10(info);
  how.keep_alive =
      options.keep_alive && response.status < 400 && may_stay(info) && (how.chunked || how.head_only || !response.next);
  if (!how.keep_alive) how.before_last = [&] { state.admission.finish(fd); };
  const bool stays = send_answer(connection, response, how) && how.keep_alive;
  if (stays) state.admission.idle(fd, options.idle_time);
  if (!stays) mg_disable_connection_keep_alive(connection);
  if (options.on_response) options.on_response(route == nullptr ? "" : request.path, response.status);
  return response.status;
}

// Runs `work`; when even the answer cannot be made, the connection ends without one.
template <typename Work>
int without_exceptions(mg_connection* connection, Work work) {
  try {
    return work();
  } catch (const std::exception&) {
    mg_disable_connection_keep_alive(connection);
    return 500;
  }
}

int on_request(mg_connection* connection) {
  return without_exceptions(connection, [&] { return answer_request(connection); });
}

// What civetweb refuses by itself. By 411 it means a Content-Length that is none.
int on_error(mg_connection* connection, int code, const char*) {
  const int status = code == 411 ? 400 : code;
  without_exceptions(connection, [&] {
    send_error(connection, status);
    return status;
  });
  return 0;
}

// The guard's context as it is: civetweb neither changes nor frees it when this returns 1.
int on_tls_context(void** context, void* user_data) {
  const auto& options = static_cast<const Server::State*>(user_data)->options;
  *context = options.guard == nullptr ? nullptr : options.guard->tls_context();
  return 1;
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
  if (const size_t path = rest.find("unix socket /"); path != std::string_view::npos)
    return Error{static_cast<int>(*code), "cannot listen on unix:" + std::string(rest.substr(rest.find('/', path)))};
  std::string_view address = rest.substr(rest.rfind(' ') + 1);
  if (address.starts_with('+')) address.remove_prefix(1);
  if (address.ends_with('s')) address.remove_suffix(1);
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

// civetweb tells the ports of its TCP sockets only, in their order.
std::vector<std::string> real_addresses(const mg_context* context, std::vector<ListenAddress> wanted) {
  std::vector<mg_server_port> ports(wanted.size());
  const int count = mg_get_server_ports(context, static_cast<int>(ports.size()), ports.data());
  std::vector<std::string> addresses;
  int at = 0;
  for (ListenAddress& address : wanted) {
    if (address.path.empty() && at < count) address.port = std::to_string(ports[static_cast<size_t>(at++)].port);
    addresses.push_back(address.text());
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

// In civetweb's words: "+PORT" for both families, "xPATH" for a unix socket, a trailing "s" for TLS. A unix
// socket has none: its mode says who may connect. They come last: civetweb looks for a colon up to the end of
// the list, and takes what has one for TCP.
std::string civetweb_ports(const std::vector<ListenAddress>& addresses, bool tls) {
  std::string tcp, unix_sockets;
  for (const ListenAddress& address : addresses) {
    const std::string place = address.dual_stack ? "+" + address.port : address.text();
    if (address.path.empty()) tcp += "," + place + (tls ? "s" : "");
    if (!address.path.empty()) unix_sockets += ",x" + address.path;
  }
  return (tcp + unix_sockets).substr(1);
}

bool wants_tls(const ServerOptions& options) {
  return options.guard != nullptr && options.guard->tls_context() != nullptr;
}

Result<void> prepare(const ServerOptions& options, const std::vector<ListenAddress>& addresses) {
  if (!kOwnCivetweb && wants_tls(options))
    return fail(
        "this build has no TLS: it uses Debian's civetweb library; configure it with -DPLIMSOLL_CIVETWEB=source");
  if (wants_tls(options)) {
    if (auto loaded = load_openssl(); !loaded) return loaded;
  }
  for (const ListenAddress& address : addresses) {
    if (address.path.empty()) continue;
    if (mg_check_feature(MG_FEATURES_X_DOMAIN_SOCKET) == 0)
      return fail("this build has no unix sockets: it uses Debian's civetweb library");
    if (auto free = remove_stale_socket(address.path); !free) return free;
  }
  return {};
}

mg_context* start_civetweb(Server::State& state, const std::string& ports) {
  mg_callbacks callbacks = {};
  callbacks.init_connection = on_connection;
  callbacks.begin_request = on_request;
  callbacks.http_error = on_error;
  callbacks.log_message = on_message;
  callbacks.external_ssl_ctx = on_tls_context;
  const std::string threads = std::to_string(state.admission.options().connections);
  // Without tcp_nodelay small answers wait for the client's delayed acknowledgement: 44 ms.
  const char* settings[] = {"listening_ports",
                            ports.c_str(),
                            "num_threads",
                            threads.c_str(),
                            "listen_backlog",
                            kBacklog,
                            "tcp_nodelay",
                            "1",
                            "enable_keep_alive",
                            state.options.keep_alive ? "yes" : "no",
                            "keep_alive_timeout_ms",
                            kWaitMs,
                            "decode_url",
                            "no",
                            "request_timeout_ms",
                            kWaitMs,
                            nullptr};
  const Admission::Opening opening(state.admission);
  std::optional<ModeOfSockets> mode;
  if (ports.find('/') != std::string::npos) mode.emplace();
  mg_init_library(MG_FEATURES_DEFAULT);
  return mg_start(&callbacks, &state, settings);
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return "";
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, Routes routes) {
  auto addresses = parse_all(options.listen_addresses);
  if (!addresses) return unexpected(addresses.error());
  if (auto ready = prepare(options, *addresses); !ready) return unexpected(ready.error());
  auto state = std::make_unique<State>(options);
  state->routes = std::move(routes);
  state->context = start_civetweb(*state, civetweb_ports(*addresses, wants_tls(options)));
  if (state->context == nullptr) {
    mg_exit_library();
    return unexpected(start_error(state->complaints));
  }
  std::unique_ptr<Server> server(new Server(std::move(state)));
  {
    const std::lock_guard lock(server->state_->mutex);
    server->state_->started = true;
  }
  server->state_->addresses = real_addresses(server->state_->context, std::move(*addresses));
  return server;
}

Server::~Server() {
  state_->admission.stop();  // the threads wait at our functions: mg_stop alone would not wake them
  mg_stop(state_->context);
  mg_exit_library();
}

const std::vector<std::string>& Server::addresses() const { return state_->addresses; }

bool Server::has_tls() const { return wants_tls(state_->options); }

}  // namespace plimsoll::exporter
