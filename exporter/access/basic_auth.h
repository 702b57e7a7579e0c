// SPDX-License-Identifier: Apache-2.0
// What a client says of itself in `Authorization: Basic BASE64(user:password)` (RFC 7617).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::exporter {

struct Credentials {
  std::string user;  // any bytes but ':' and NUL
  std::string password;
};

// From the value of the header. nullopt for anything else than the above: another scheme, malformed or
// needless base64 (its spare bits must be zero), no colon, a NUL, more than 2 KB.
std::optional<Credentials> parse_basic_auth(std::string_view header);

}  // namespace plimsoll::exporter
