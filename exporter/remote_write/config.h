// SPDX-License-Identifier: Apache-2.0
// The section `remote_write` of the configuration: to whom samples are sent. Prometheus' own fields where it
// has them, and beside them what a scrape's configuration says there: interval, job, instance, which page.
//
//   remote_write:
//     - url: https://mimir.example/api/v1/push
//       basic_auth: {username: node7, password_file: /etc/plimsoll/push-password}
//       interval: 30s
//
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/#remote_write
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/yaml.h"
#include "exporter/remote_write/url.h"

namespace plimsoll::exporter {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

// A secret as it stands in the configuration, or a file with it, which is read before each use.
struct Secret {
  std::string text;
  std::string file;
  bool operator==(const Secret&) const = default;
};

struct RemoteWriteTls {
  std::string ca_file;  // "": the system's
  std::string cert_file, key_file;
  std::string server_name;  // what the certificate must be for; "": the address' host
  bool verify = true;
  int min_version = 12, max_version = 0;  // 10 to 13 for TLS 1.0 to 1.3; 0: no bound
  bool operator==(const RemoteWriteTls&) const = default;
};

enum class RemoteWritePage : uint8_t { kAll, kNode, kCadvisor };

struct RemoteWriteConfig {
  std::string name;                                             // unique; of letters, digits, '_', '-' and '.'
  std::string url;                                              // checked by parse_url()
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);  // of one request
  TextPairs headers;
  std::string username;  // "": no basic authentication
  Secret password;
  std::string auth_scheme;  // "Bearer"; "": no such header
  Secret credentials;
  RemoteWriteTls tls;
  std::string proxy_url, no_proxy;
  bool proxy_from_environment = false;

  std::chrono::nanoseconds min_backoff = std::chrono::milliseconds(30), max_backoff = std::chrono::seconds(5);
  uint64_t max_samples_per_send = 2000;
  bool retry_on_http_429 = false;

  std::chrono::nanoseconds interval = std::chrono::seconds(15);
  RemoteWritePage page = RemoteWritePage::kAll;
  std::string job = "plimsoll";
  std::string instance;         // "": whoever uses this puts the host's name
  TextPairs external_labels;    // sorted by name
  std::string queue_directory;  // "": whoever uses this chooses one by `name`
  uint64_t queue_max_bytes = uint64_t{512} << 20;

  std::vector<std::string> notices;  // accepted, but without effect

  bool operator==(const RemoteWriteConfig&) const = default;
};

// A path without what makes two texts of one directory: slashes twice or at its end, and "/./".
std::string tidy_path(std::string_view path);

// `section`: the entries of the list `remote_write`. Files that they name are not read here.
// Error: "line 3: remote_write[0].url: ...".
Result<std::vector<RemoteWriteConfig>> parse_remote_write(std::span<const yaml::Node> section);

}  // namespace plimsoll::exporter
