// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/url.h"

#include <algorithm>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr size_t kLongest = 4096;

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

bool is_host(std::string_view host) {
  if (host.starts_with('['))
    return host.size() > 3 && host.ends_with(']') &&
           std::all_of(host.begin() + 1, host.end() - 1, [](char c) { return is_address_character(c); });
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) { return is_host_character(c); });
}

// HOST or HOST:PORT.
Result<void> read_authority(std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos)
    return fail("a user and a password do not belong into the address; give them as basic_auth");
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  url.host = authority.substr(0, has_port ? colon : authority.size());
  url.port = has_port ? std::string(authority.substr(colon + 1)) : url.tls ? "443" : "80";
  const auto port = parse_u64(url.port);
  if (!is_host(url.host)) return fail("there is no host in it; write such as http://127.0.0.1:9090/api/v1/write");
  if (!port || *port == 0 || *port > 65535) return fail("its port is no number from 1 to 65535");
  return {};
}

}  // namespace

std::string Url::text() const { return (tls ? "https://" : "http://") + host + ":" + port + target; }

Result<Url> parse_url(std::string_view text) {
  Url url;
  if (text.size() > kLongest) return fail("longer than 4096 bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c == 0x7f || c == '"' || c == '\\'; }))
    return fail("has a blank or another character that no address has");
  url.tls = text.starts_with("https://");
  if (!url.tls && !text.starts_with("http://")) return fail("must start with http:// or https://");
  text.remove_prefix(url.tls ? 8 : 7);
  text = text.substr(0, text.find('#'));
  const size_t end = std::min(text.find_first_of("/?"), text.size());
  if (auto fine = read_authority(text.substr(0, end), url); !fine) return unexpected(fine.error());
  url.target = text.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace plimsoll::exporter
