// SPDX-License-Identifier: Apache-2.0
// Password hashes of bcrypt as crypt(5) writes them, computed by libcrypt:
//
//   $2y$10$TTTTTTTTTTTTTTTTTTTTTTHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH
//    |  |  22 characters of salt, 31 of digest; 2a, 2b and 2y mean the same algorithm today
//    |  cost: 2^cost rounds; 10 takes 60 ms, each step doubles it
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct crypt_data;

namespace plimsoll::exporter {

// Its cost; nullopt when `hash` is no bcrypt hash.
std::optional<int> bcrypt_cost(std::string_view hash);

// A hash of that cost which no password has, for names that nobody has.
std::string bcrypt_of_nobody(int cost);

// Computes hashes, one at a time; it keeps the 32 KB that this takes. Not thread-safe.
class Bcrypt {
 public:
  Bcrypt();
  ~Bcrypt();

  // Whether `password` is what `hash` was made from; compared in constant time. As everywhere with bcrypt,
  // its first 72 bytes count. One with a NUL byte is never right: libcrypt would stop reading there.
  bool matches(const std::string& hash, std::string_view password);

 private:
  std::unique_ptr<crypt_data> data_;
};

}  // namespace plimsoll::exporter
