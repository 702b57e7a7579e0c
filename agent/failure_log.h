// SPDX-License-Identifier: Apache-2.0
// Says what is wrong with a collector once, not at every scrape.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::agent {

// Not thread-safe: one for each group of collectors that share a lock.
class FailureLog {
 public:
  using Sink = std::function<void(const std::string& message)>;
  // Failures go to `warn`, recoveries to `info`.
  FailureLog(Sink warn, Sink info) : warn_(std::move(warn)), info_(std::move(info)) {}

  // Logs the failure unless the collector's last one was the same.
  void failed(std::string_view collector, const Error& error);
  // Ends a round in which failed() was called for each failure: who failed in an earlier round and
  // not in this one has recovered.
  void end_round();
  // Those that were failing are no longer asked.
  void forget() { failing_.clear(); }

 private:
  struct State {
    std::string message;
    bool in_this_round;
  };
  Sink warn_;
  Sink info_;
  std::map<std::string, State, std::less<>> failing_;
};

}  // namespace plimsoll::agent
