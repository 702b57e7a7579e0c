// SPDX-License-Identifier: Apache-2.0
// The guard that a web configuration file describes (web_config.h). The file, and the certificates and keys that it
// names, are looked at again once a second at most, when somebody connects: what has changed holds from then on.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "exporter/access/file_stamps.h"
#include "exporter/access/throttle.h"
#include "exporter/access/tls_context.h"
#include "exporter/access/tls_settings.h"
#include "exporter/access/users.h"
#include "exporter/access/web_config.h"
#include "exporter/http/guard.h"

namespace plimsoll::exporter {

struct WebGuardOptions {
  std::string file;
  std::chrono::nanoseconds look_every = std::chrono::seconds(1);
  // What is not in force is tried again without a change too: a certificate may not be valid yet.
  std::chrono::nanoseconds try_every = std::chrono::minutes(1);
  // Called on the server's threads, once per change of a file: what is wrong, and what has been taken.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  std::function<void(const std::string&)> inform = [](const std::string&) {};
};

// Thread-safe.
class WebGuard : public Guard {
 public:
  // Error: the file, its line, and what is wrong with it or with a file that it names. A certificate that has
  // expired is only a warning here, since without it there would be nothing to serve with.
  static Result<std::unique_ptr<WebGuard>> make(WebGuardOptions options);

  SSL_CTX* tls_context() override;
  std::optional<Response> refuse(const Request& request) override;
  std::vector<std::pair<std::string, std::string>> headers() const override;
  // Beside what is wrong with files it is an error to turn TLS on, or to turn off TLS, users or what is asked of
  // clients' certificates: that needs a restart. So is a certificate other than the present one that has expired.
  // What fails here for a file that may yet become good is tried again later.
  Result<void> reload() override;

 private:
  // All that one version of the files says.
  struct Rules {
    WebConfig config;
    std::shared_ptr<const TlsSettings> tls;  // null: no TLS
  };

  WebGuard(WebGuardOptions options, std::unique_ptr<Users> users);
  std::shared_ptr<const Rules> rules() const;
  Result<WebConfig> read_config();
  Result<std::shared_ptr<const Rules>> load(const WebConfig& config);
  Result<void> take(const WebConfig& config);
  Result<void> take_file();
  Result<void> start();
  Result<void> look_again();
  void refresh();
  void warn_of_remarks(const WebConfig& config) const;
  void use(std::shared_ptr<const Rules> next);
  std::optional<Response> refuse_stranger(const UserHashes& users, const Request& request);
  std::optional<Response> refuse_hurry();

  const WebGuardOptions options_;
  const std::unique_ptr<Users> users_;
  std::unique_ptr<TlsContext> tls_context_;  // made once, or never

  mutable std::mutex mutex_;  // of the three below
  std::shared_ptr<const Rules> rules_;
  std::optional<RateLimit> rate_limit_;
  std::optional<Bucket> requests_;

  std::atomic<int64_t> next_look_{0};
  std::mutex loading_;  // of all below; taken before mutex_
  FileStamps config_stamps_, pem_stamps_;
  std::string problem_;  // the latest that was told
  int64_t next_try_ = 0;
};

}  // namespace plimsoll::exporter
