// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/basic_auth.h"

#include <strings.h>

#include <array>
#include <cstdint>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr size_t kLargest = 2048;

std::optional<uint32_t> digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

// RFC 4648 section 4, with its padding.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  for (; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const auto value = digit(c);
    if (!value) return std::nullopt;
    bits = (bits << 6 | *value) & 0xffffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  if (static_cast<size_t>(held) != padding * 2 || (bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<Credentials> parse_basic_auth(std::string_view header) {
  constexpr std::string_view kScheme = "Basic ";
  if (header.size() > kLargest || header.size() < kScheme.size()) return std::nullopt;
  if (::strncasecmp(header.data(), kScheme.data(), kScheme.size()) != 0) return std::nullopt;
  const auto text = decode_base64(trim(header.substr(kScheme.size())));
  if (!text || text->find('\0') != std::string::npos) return std::nullopt;
  const size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{text->substr(0, colon), text->substr(colon + 1)};
}

}  // namespace plimsoll::exporter
