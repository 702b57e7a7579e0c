// SPDX-License-Identifier: Apache-2.0
// Who a client is, by name and password (exporter-toolkit's basic_auth_users).
//
// bcrypt is slow so that a stolen hash is of little use: 60 ms a check. So the last right password of each user is
// remembered, as a keyed digest, and wrong ones are rationed (throttle.h). Before the ration the digest answers only
// the addresses that have shown the password themselves: anybody else could guess past the ration with it. What an
// outsider can measure does not say whether a name exists: an unknown one costs as much as one of the known.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "exporter/access/basic_auth.h"
#include "exporter/access/bcrypt.h"
#include "exporter/access/throttle.h"

namespace plimsoll::exporter {

using UserHashes = std::map<std::string, std::string>;  // name to bcrypt hash

// Thread-safe; one password is computed at a time.
class Users {
 public:
  // Error: the system has no random bytes.
  static Result<std::unique_ptr<Users>> make();

  enum class Verdict : uint8_t { kRight, kWrong, kLater };
  struct Answer {
    Verdict verdict;
    int64_t retry_after = 0;  // seconds, of kLater: not looked at
  };
  // `users` must not be empty; every hash a valid one. `client`: its address. Nothing of an earlier set of users
  // holds for another: what is remembered depends on the hash.
  Answer check(const UserHashes& users, const Credentials& who, const std::string& client);

  uint64_t computed() const;  // hashes so far

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Claim {
    std::string user, hash, password;
    bool known;     // there is such a user
    Digest digest;  // of all three
    std::string client;
  };
  struct Right {
    Digest digest = {};
    std::list<std::string> clients;  // that have shown it, the latest first; a few
  };
  explicit Users(const Digest& key) : key_(key) {}
  Digest digest(std::string_view text) const;
  Claim claim(const UserHashes& users, const Credentials& who, const std::string& client) const;
  bool remembered_of_client(const Claim& claim);
  bool recall(const UserHashes& users, const Claim& claim);
  bool remembered(const Claim& claim);  // this and the next under mutex_
  void remember(const UserHashes& users, const Claim& claim);
  struct Judgement {
    bool right;
    double charge;  // seconds of processor time
  };
  Judgement compute(const UserHashes& users, const Claim& claim);

  const Digest key_;
  mutable std::mutex mutex_;            // of the two below and the counter
  std::map<std::string, Right> right_;  // by user
  Attempts attempts_;
  uint64_t computed_ = 0;
  std::mutex computing_;  // of bcrypt_; taken without mutex_
  Bcrypt bcrypt_;
};

}  // namespace plimsoll::exporter
