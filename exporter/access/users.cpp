// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/users.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>
#include <iterator>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

// What a wrong password is charged at least: cheap hashes are guessed no faster than this allows.
constexpr double kLeastCharge = 0.01;
constexpr size_t kClientsOfOneUser = 16;

double thread_seconds() {
  timespec time = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// No two different triples give the same text.
std::string joined(const std::string& user, const std::string& hash, const std::string& password) {
  return std::to_string(user.size()) + ":" + user + hash + password;  // a hash has 60 bytes
}

}  // namespace

Result<std::unique_ptr<Users>> Users::make() {
  Digest key;
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) return fail("no random bytes");
  return std::unique_ptr<Users>(new Users(key));
}

Users::Digest Users::digest(std::string_view text) const {
  Digest result = {};
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), result.data(), nullptr);
  return result;
}

// A name that nobody has is given the cost of one of the users, always the same one.
Users::Claim Users::claim(const UserHashes& users, const Credentials& who, const std::string& client) const {
  const auto chosen = digest(who.user)[0] % users.size();
  const auto found = users.find(who.user);
  const bool known = found != users.end();
  const std::string& pattern = std::next(users.begin(), static_cast<std::ptrdiff_t>(chosen))->second;
  std::string hash = known ? found->second : bcrypt_of_nobody(bcrypt_cost(pattern).value_or(10));
  const Digest sum = digest(joined(who.user, hash, who.password));
  return {who.user, std::move(hash), who.password, known, sum, address_key(client)};
}

bool Users::remembered(const Claim& claim) {
  const auto found = right_.find(claim.user);
  return found != right_.end() && claim.known &&
         CRYPTO_memcmp(found->second.digest.data(), claim.digest.data(), claim.digest.size()) == 0;
}

// The address first: how long this takes tells a stranger nothing about the password.
bool Users::remembered_of_client(const Claim& claim) {
  const std::lock_guard lock(mutex_);
  const auto found = right_.find(claim.user);
  if (found == right_.end()) return false;
  auto& clients = found->second.clients;
  const auto client = std::find(clients.begin(), clients.end(), claim.client);
  if (client == clients.end() || !remembered(claim)) return false;
  clients.splice(clients.begin(), clients, client);
  return true;
}

void Users::remember(const UserHashes& users, const Claim& claim) {
  std::erase_if(right_, [&](const auto& entry) { return !users.contains(entry.first); });
  Right& right = right_[claim.user];
  if (right.digest != claim.digest) right = {claim.digest, {}};
  right.clients.remove(claim.client);
  right.clients.push_front(claim.client);
  if (right.clients.size() > kClientsOfOneUser) right.clients.pop_back();
}

// For whom the ration has let pass: what another address has shown is not computed again.
bool Users::recall(const UserHashes& users, const Claim& claim) {
  const std::lock_guard lock(mutex_);
  if (!remembered(claim)) return false;
  remember(users, claim);
  return true;
}

Users::Judgement Users::compute(const UserHashes& users, const Claim& claim) {
  const std::lock_guard one_at_a_time(computing_);
  if (recall(users, claim)) return {true, 0};
  const double begin = thread_seconds();
  const bool right = bcrypt_.matches(claim.hash, claim.password) && claim.known;
  const double spent = thread_seconds() - begin;
  const std::lock_guard lock(mutex_);
  ++computed_;
  if (right) remember(users, claim);
  return {right, right ? 0 : std::max(kLeastCharge, spent)};
}

Users::Answer Users::check(const UserHashes& users, const Credentials& who, const std::string& client) {
  const Claim asked = claim(users, who, client);
  if (remembered_of_client(asked)) return {Verdict::kRight};
  {
    const std::lock_guard lock(mutex_);
    if (const auto wait = attempts_.begin(client, monotonic_ns())) return {Verdict::kLater, *wait};
  }
  const Judgement judgement = compute(users, asked);
  const std::lock_guard lock(mutex_);
  attempts_.end(client, judgement.charge, monotonic_ns());
  return {judgement.right ? Verdict::kRight : Verdict::kWrong};
}

uint64_t Users::computed() const {
  const std::lock_guard lock(mutex_);
  return computed_;
}

}  // namespace plimsoll::exporter
