// SPDX-License-Identifier: Apache-2.0
// exporter/access/web_config.h: a file that somebody wrote, by hand or by a template.
#include <algorithm>
#include <string>

#include "exporter/access/bcrypt.h"
#include "exporter/access/web_config.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

bool one_line(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 && c != '\t'; });
}

void tls(const exporter::TlsConfig& tls) {
  require(tls.certificate.given() && tls.key.given(), "TLS has a certificate and a key");
  require(tls.min_version <= tls.max_version && tls.min_version >= 0x0301, "there is a version to speak");
  const bool verified = tls.client_auth == exporter::ClientAuth::kRequireAndVerify;
  require(!verified || tls.client_ca.given(), "clients are verified against something");
  require(tls.client_allowed_sans.empty() || verified || tls.client_auth == exporter::ClientAuth::kRequireAny,
          "who must have a name must show a certificate");
  require(!tls.ciphers || tls.ciphers->find('@') == std::string::npos, "ciphers are known ones");
}

void config(std::string_view text) {
  const auto config = exporter::parse_web_config(text, "/dir");
  if (!config) {
    require(!config.error().message().empty(), "an error says something");
    return;
  }
  if (config->tls) tls(*config->tls);
  for (const auto& [name, value] : config->headers) require(one_line(value) && !value.empty(), "a header is one line");
  for (const auto& [name, hash] : config->users) {
    require(exporter::bcrypt_cost(hash).value_or(99) <= 16, "a hash is bcrypt and not too dear");
    require(name.find(':') == std::string::npos, "a name can be sent");
  }
  if (config->rate_limit)
    require(config->rate_limit->burst > 0 && config->rate_limit->interval.count() > 0, "a limit lets something pass");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  plimsoll::fuzz::config(plimsoll::fuzz::as_text(data, size));
  return 0;
}
