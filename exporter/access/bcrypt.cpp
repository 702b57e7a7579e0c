// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/bcrypt.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/text.h"

namespace plimsoll::exporter {
namespace {

constexpr size_t kHashSize = 60;
constexpr size_t kDigestAt = 29;  // behind "$2y$10$" and the salt
constexpr size_t kPasswordBytes = 72;

bool in_alphabet(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '/'; }

}  // namespace

std::optional<int> bcrypt_cost(std::string_view hash) {
  if (hash.size() != kHashSize || !hash.starts_with("$2") || hash[3] != '$' || hash[6] != '$') return std::nullopt;
  if (std::string_view("aby").find(hash[2]) == std::string_view::npos) return std::nullopt;
  if (!std::all_of(hash.begin() + 7, hash.end(), in_alphabet)) return std::nullopt;
  const auto cost = parse_u64(hash.substr(4, 2));
  if (!cost || *cost < 4 || *cost > 31) return std::nullopt;
  return static_cast<int>(*cost);
}

std::string bcrypt_of_nobody(int cost) {
  const std::string digits = std::to_string(cost);
  return "$2y$" + (digits.size() < 2 ? "0" + digits : digits) + "$" + std::string(kHashSize - 7, '.');
}

Bcrypt::Bcrypt() : data_(std::make_unique<crypt_data>()) {}
Bcrypt::~Bcrypt() { OPENSSL_cleanse(data_.get(), sizeof *data_); }

bool Bcrypt::matches(const std::string& hash, std::string_view password) {
  if (!bcrypt_cost(hash) || password.find('\0') != std::string_view::npos) return false;
  // libcrypt takes 2a for hashes of an old faulty program, and answers otherwise for a few passwords.
  std::string setting = hash;
  setting[2] = 'y';
  std::string phrase(password.substr(0, kPasswordBytes));
  const char* const made = ::crypt_r(phrase.c_str(), setting.c_str(), data_.get());
  const bool same = made != nullptr && std::strlen(made) == kHashSize &&
                    CRYPTO_memcmp(made + kDigestAt, hash.data() + kDigestAt, kHashSize - kDigestAt) == 0;
  OPENSSL_cleanse(phrase.data(), phrase.size());
  return same;
}

}  // namespace plimsoll::exporter
