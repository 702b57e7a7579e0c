// SPDX-License-Identifier: Apache-2.0
// How much of something may be used in the long run, with a reserve for bursts; and such a bound of processor
// time for what strangers make us compute, so that guessing passwords neither burns the processor nor keeps
// others from logging in. Times are of CLOCK_MONOTONIC, in nanoseconds, given by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::exporter {

// A token bucket; starts full. Not thread-safe.
class Bucket {
 public:
  Bucket(double capacity, double per_second) : capacity_(capacity), per_second_(per_second), level_(capacity) {}

  double level(int64_t now);
  bool full(int64_t now) { return level(now) >= capacity_; }
  // May leave less than nothing: a debt, which later income pays first.
  void take(double amount, int64_t now);
  // Until the level is `wanted` at least; whole seconds, rounded up, at least 1.
  int64_t seconds_until(double wanted, int64_t now);

 private:
  double capacity_;
  double per_second_;
  double level_;
  int64_t seen_ = INT64_MIN;
};

// Who may have a password computed. Right passwords cost nothing, wrong ones the processor time that they took:
// a fortieth of one processor for each client address, a tenth for all together, and another tenth for those that
// have not been wrong lately: a few addresses that guess on do not keep out who comes for the first time.
// Not thread-safe.
class Attempts {
 public:
  // Seconds after which to try again; nullopt: go on, and call end() exactly once. A few of one address and a
  // few more in all may be under way; the rest is sent away.
  std::optional<int64_t> begin(std::string_view client, int64_t now);
  // `spent`: seconds of processor time to charge, 0 for a right password.
  void end(std::string_view client, double spent, int64_t now);

  size_t addresses() const { return clients_.size(); }  // remembered; bounded

 private:
  struct Client {
    Bucket budget;
    int under_way = 0;
    bool on_reserve = false;          // one of these is to be charged to reserve_
    std::optional<int64_t> wrong_at;  // the latest
    bool fresh(int64_t now) const;
  };
  Client& client_of(std::string_view address, int64_t now);
  std::optional<int64_t> wait_for_place(const Client& client, int64_t now);
  void make_room(int64_t now);

  std::map<std::string, Client, std::less<>> clients_;
  Bucket all_{2.0, 0.1};
  Bucket reserve_{2.0, 0.1};  // of the fresh
  int under_way_ = 0;
};

// What counts as one client: an IPv4 address, also when mapped into IPv6; of IPv6 the first 64 bits, since whoever
// has one such address has them all; all that have none (unix sockets) together; any other text as it is.
std::string address_key(std::string_view client);

}  // namespace plimsoll::exporter
