// SPDX-License-Identifier: Apache-2.0
#include "exporter/access/throttle.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace plimsoll::exporter {
namespace {

// Of one address: eight passwords of cost 10 at once, then one in 2.4 s.
constexpr double kClientReserve = 0.5;
constexpr double kClientShare = 1.0 / 40;
constexpr int kUnderWayOfOne = 3;
constexpr int kUnderWay = 6;
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

std::optional<int64_t> Attempts::begin(std::string_view client, int64_t now) {
  if (under_way_ >= kUnderWay) return 1;
  if (all_.level(now) <= 0) return all_.seconds_until(0, now);
  std::string key = address_key(client);
  auto known = clients_.find(key);
  if (known == clients_.end()) {
    make_room(now);
    known = clients_.emplace(std::move(key), Client{Bucket(kClientReserve, kClientShare)}).first;
  }
  Client& found = known->second;
  if (found.under_way >= kUnderWayOfOne) return 1;
  if (found.budget.level(now) <= 0) return found.budget.seconds_until(0, now);
  ++found.under_way;
  ++under_way_;
  return std::nullopt;
}

void Attempts::end(std::string_view client, double spent, int64_t now) {
  --under_way_;
  all_.take(spent, now);
  const auto found = clients_.find(address_key(client));
  if (found == clients_.end()) return;
  --found->second.under_way;
  found->second.budget.take(spent, now);
  if (found->second.under_way == 0 && found->second.budget.full(now)) clients_.erase(found);
}

// Forgetting whose budget is fullest gives least away, and never one that has something under way.
void Attempts::make_room(int64_t now) {
  if (clients_.size() < kAddresses) return;
  auto fullest = clients_.end();
  for (auto it = clients_.begin(); it != clients_.end(); ++it) {
    if (it->second.under_way > 0) continue;
    if (fullest == clients_.end() || it->second.budget.level(now) > fullest->second.budget.level(now)) fullest = it;
  }
  if (fullest != clients_.end()) clients_.erase(fullest);
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
