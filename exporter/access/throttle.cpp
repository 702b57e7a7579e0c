// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace plimsoll::exporter {
namespace {

// Of one address: eight passwords of cost 10 at once, then one in 2.4 s.
constexpr double kClientReserve = 0.5;
constexpr double kClientShare = 1.0 / 40;
constexpr int kUnderWayOfOne = 3;
constexpr int kUnderWay = 6;
constexpr int kUnderWayOfFresh = 2;  // more
constexpr int64_t kFreshAfter = 600'000'000'000;
constexpr size_t kAddresses = 2048;

}  // namespace

double Bucket::level(int64_t now) {
  if (now > seen_) {
    const double passed = seen_ == INT64_MIN ? 0 : static_cast<double>(now - seen_) / 1e9;
    level_ = std::min(capacity_, level_ + passed * per_second_);
    seen_ = now;
  }
  return level_;
}

void Bucket::take(double amount, int64_t now) { level_ = level(now) - amount; }

int64_t Bucket::seconds_until(double wanted, int64_t now) {
  const double missing = wanted - level(now);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(std::min(missing / per_second_, 86400.0))));
}

bool Attempts::Client::fresh(int64_t now) const {
  return under_way == 0 && (!wrong_at || now - *wrong_at >= kFreshAfter);
}

Attempts::Client& Attempts::client_of(std::string_view address, int64_t now) {
  std::string key = address_key(address);
  const auto known = clients_.find(key);
  if (known != clients_.end()) return known->second;
  make_room(now);
  return clients_.emplace(std::move(key), Client{Bucket(kClientReserve, kClientShare)}).first->second;
}

// What all share: places in the line, and time. The fresh may use both budgets.
std::optional<int64_t> Attempts::wait_for_place(const Client& client, int64_t now) {
  const bool fresh = client.fresh(now);
  if (under_way_ >= (fresh ? kUnderWay + kUnderWayOfFresh : kUnderWay)) return 1;
  if (all_.level(now) > 0 || (fresh && reserve_.level(now) > 0)) return std::nullopt;
  return fresh ? std::min(all_.seconds_until(0, now), reserve_.seconds_until(0, now)) : all_.seconds_until(0, now);
}

std::optional<int64_t> Attempts::begin(std::string_view client, int64_t now) {
  Client& found = client_of(client, now);
  if (found.under_way >= kUnderWayOfOne) return 1;
  if (found.budget.level(now) <= 0) return found.budget.seconds_until(0, now);
  if (const auto wait = wait_for_place(found, now)) return wait;
  found.on_reserve = found.on_reserve || (found.fresh(now) && reserve_.level(now) > 0);
  ++found.under_way;
  ++under_way_;
  return std::nullopt;
}

void Attempts::end(std::string_view client, double spent, int64_t now) {
  --under_way_;
  const auto found = clients_.find(address_key(client));
  if (found == clients_.end()) return;  // never: make_room() keeps who has something under way
  Client& one = found->second;
  (one.on_reserve ? reserve_ : all_).take(spent, now);
  one.on_reserve = false;
  --one.under_way;
  one.budget.take(spent, now);
  if (spent > 0) one.wrong_at = now;
  if (one.fresh(now)) clients_.erase(found);
}

// Forgetting whose budget is fullest gives least away, of several the one whose last mistake is the oldest; and
// never one that has something under way.
void Attempts::make_room(int64_t now) {
  if (clients_.size() < kAddresses) return;
  auto least = clients_.end();
  const auto guilt = [now](Client& client) {
    return std::pair(-client.budget.level(now), client.wrong_at.value_or(INT64_MIN));
  };
  for (auto it = clients_.begin(); it != clients_.end(); ++it) {
    if (it->second.under_way > 0) continue;
    if (least == clients_.end() || guilt(it->second) < guilt(least->second)) least = it;
  }
  if (least != clients_.end()) clients_.erase(least);
}

std::string address_key(std::string_view client) {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const std::string text(client.substr(0, client.find('%')));  // fe80::1%eth0
  char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return "4" + std::string(bytes, 4);
  if (::inet_pton(AF_INET6, text.c_str(), bytes) != 1) return text.empty() ? "unix" : text;
  const bool mapped = std::memcmp(bytes, kMapped, sizeof kMapped) == 0;
  return mapped ? "4" + std::string(bytes + 12, 4) : "6" + std::string(bytes, 8);
}

}  // namespace plimsoll::exporter
