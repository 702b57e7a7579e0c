// SPDX-License-Identifier: Apache-2.0
// exporter/access/basic_auth.h and throttle.h: what a client says of itself, and from where.
#include <string>

#include "exporter/access/basic_auth.h"
#include "exporter/access/bcrypt.h"
#include "exporter/access/throttle.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k) text += k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

void header(std::string_view text) {
  const auto who = exporter::parse_basic_auth(text);
  if (!who) return;
  require(who->user.find(':') == std::string::npos, "a name has no colon");
  require(who->user.find('\0') == std::string::npos && who->password.find('\0') == std::string::npos, "no NUL");
  const auto again = exporter::parse_basic_auth("Basic " + base64(who->user + ":" + who->password));
  require(again && again->user == who->user && again->password == who->password, "it can be written and read again");
}

// Whatever is no NUL and not too long comes through.
void credentials(std::string_view text) {
  const auto who = exporter::parse_basic_auth("Basic " + base64(text));
  const size_t colon = text.find(':');
  const bool fine = colon != std::string_view::npos && text.find('\0') == std::string_view::npos && text.size() < 1500;
  if (!fine) return;
  require(who && who->user == text.substr(0, colon) && who->password == text.substr(colon + 1), "what is sent arrives");
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::header(text);
  plimsoll::fuzz::header("Basic " + std::string(text));
  plimsoll::fuzz::credentials(text);
  (void)plimsoll::exporter::address_key(text);
  const auto cost = plimsoll::exporter::bcrypt_cost(text);
  plimsoll::fuzz::require(!cost || (text.size() == 60 && *cost >= 4 && *cost <= 31), "a hash has its form");
  return 0;
}
