// SPDX-License-Identifier: Apache-2.0
// A web configuration file: TLS, users, headers and a limit for the server, in the format that the exporters
// of Prometheus share.
//
//   tls_server_config:  { cert_file: server.crt, key_file: server.key, client_auth_type: ..., ... }
//   http_server_config: { http2: true, headers: { X-Frame-Options: deny } }
//   basic_auth_users:   { alice: $2y$10$... }
//   rate_limit:         { interval: 1s, burst: 20 }
//
// https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace plimsoll::exporter {

// Something in PEM: in a file, or written in the configuration itself.
struct PemSource {
  std::string file;   // a full path, or relative to the working directory if the configuration's is
  std::string text;   // when there is no file
  std::string place;  // "line 3: tls_server_config.cert_file", for messages
  bool given() const { return !file.empty() || !text.empty(); }
};

// Go's names for them; from kVerifyIfGiven on a certificate that is given must be good.
enum class ClientAuth : uint8_t { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };

struct TlsConfig {
  PemSource certificate;  // with the chain behind it
  PemSource key;
  PemSource client_ca;
  ClientAuth client_auth = ClientAuth::kNone;
  std::vector<std::string> client_allowed_sans;  // when not empty, a client's certificate has one of them
  // As on the wire and in OpenSSL: 0x0301 is TLS 1.0, 0x0304 is TLS 1.3.
  int min_version = 0x0303;
  int max_version = 0x0304;
  std::optional<std::string> ciphers;  // below TLS 1.3, in OpenSSL's words; "": none of them
  bool prefer_server_ciphers = true;
  std::string curves;  // in OpenSSL's words; "": the usual ones
};

struct RateLimit {
  std::chrono::nanoseconds interval;  // between two requests, on average
  uint64_t burst = 1;
};

struct WebConfig {
  std::optional<TlsConfig> tls;
  std::vector<std::pair<std::string, std::string>> headers;  // for every answer
  std::map<std::string, std::string> users;                  // name to bcrypt hash; empty: nobody is asked
  std::optional<RateLimit> rate_limit;
  std::vector<std::string> remarks;  // for the log: what is accepted but weak or without effect
};

// `directory`: where the file is; file names in it are relative to it. Looks at no file. Error: one line that
// names line and field; never a password, a hash or a key.
Result<WebConfig> parse_web_config(std::string_view text, const std::string& directory);

}  // namespace plimsoll::exporter
