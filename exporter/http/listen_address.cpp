// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr size_t kLongestPath = 106;  // of a socket: unix(7), less what civetweb puts before and after
constexpr std::string_view kForm = "; write HOST:PORT, for example 127.0.0.1:1876, [::1]:1876 or :1876, or unix:/PATH";

Unexpected wrong(std::string_view text, std::string_view what) {
  return fail("listen address '" + std::string(text) + "' " + std::string(what));
}

bool is_numeric(int family, const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return ::inet_pton(family, host.c_str(), address) == 1;
}

struct AddressListDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

// The first address of a host name as ListenAddress::host, "" when it has none.
std::string look_up(const std::string& name, bool ipv6) {
  addrinfo hints = {};
  hints.ai_family = ipv6 ? AF_UNSPEC : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return "";
  const std::unique_ptr<addrinfo, AddressListDeleter> owner(list);
  char host[NI_MAXHOST];
  if (::getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return list->ai_family == AF_INET6 ? "[" + std::string(host) + "]" : std::string(host);
}

Result<std::string> resolve(std::string_view text, const std::string& host, bool bracketed, bool ipv6) {
  if (bracketed) {
    if (!is_numeric(AF_INET6, host)) return wrong(text, "has no IPv6 address between its brackets");
    if (!ipv6) return wrong(text, "is IPv6, which this machine or this build does not have; choose an IPv4 address");
    return "[" + host + "]";
  }
  if (is_numeric(AF_INET, host)) return host;
  if (is_numeric(AF_INET6, host)) return wrong(text, "needs brackets around its IPv6 address");
  std::string found = look_up(host, ipv6);
  if (found.empty()) return wrong(text, "names a host that has no address");
  return found;
}

// The path goes through a list of civetweb's, where these have a meaning.
Result<ListenAddress> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(kUnix.size());
  if (!path.starts_with('/') || path.ends_with('/'))
    return wrong(text, "has no absolute path of a file; write such as unix:/run/plimsoll/agent.sock");
  if (path.size() > kLongestPath)
    return wrong(text, "has a path of more than " + std::to_string(kLongestPath) + " bytes");
  const auto bad = [](unsigned char c) { return c <= ' ' || c == ',' || c == ':' || c == 0x7f; };
  if (std::any_of(path.begin(), path.end(), bad)) return wrong(text, "has a comma, a colon or a blank in its path");
  return ListenAddress{"", "", false, std::string(path)};
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text, bool ipv6) {
  if (text.starts_with(kUnix)) return parse_unix(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong(text, std::string("has no port") + std::string(kForm));
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port > 65535)
    return wrong(text, std::string("has a port that is no number from 0 to 65535") + std::string(kForm));
  std::string_view host = text.substr(0, colon);
  const std::string number = std::to_string(*port);
  if (host.empty()) return ipv6 ? ListenAddress{"[::]", number, true} : ListenAddress{"0.0.0.0", number, false};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto resolved = resolve(text, std::string(host), bracketed, ipv6);
  if (!resolved) return unexpected(resolved.error());
  return ListenAddress{*resolved, number, false};
}

}  // namespace plimsoll::exporter
