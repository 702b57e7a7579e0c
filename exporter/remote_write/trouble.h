// SPDX-License-Identifier: Apache-2.0
// Says what goes wrong once for each kind of it, not for each batch: texts that come from outside differ from one
// failure to the next, by a request's number for instance.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/os.h"

namespace plimsoll::exporter {

// Not thread-safe.
class Trouble {
 public:
  // What is said of a kind is said again after this long at the earliest, though it should come and go all the time.
  static constexpr int64_t kQuietNs = 600'000'000'000;
  using Sink = std::function<void(const std::string& message)>;

  Trouble(Sink warn, Sink info) : warn_(std::move(warn)), info_(std::move(info)) {}
  // `kind` is one of a small number of words, such as "again 503".
  void begins(const std::string& kind, const std::string& what, int64_t now_ns = monotonic_ns());
  // Said only if a warning was said since the last time.
  void ends(const std::string& how);

 private:
  Sink warn_, info_;
  std::map<std::string, int64_t> said_ns_;  // by kind
  bool open_ = false;                       // a warning stands in the log without its end
};

}  // namespace plimsoll::exporter
