// SPDX-License-Identifier: Apache-2.0
// What each request looks at and a reload may change while others are served, and the counting of those that are.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/settings/agent_options.h"

namespace plimsoll::agent {

// Thread-safe.
class LiveSettings {
 public:
  explicit LiveSettings(const AgentOptions& options) { set(options); }
  void set(const AgentOptions& options);

  std::chrono::nanoseconds timeout_offset() const { return std::chrono::nanoseconds(timeout_offset_ns_.load()); }
  bool lifecycle() const { return lifecycle_; }

  // A place among the requests for metrics, until what is returned goes; nullptr when all are taken. It must
  // not outlive this object.
  std::shared_ptr<void> admit();
  size_t max_requests() const { return max_requests_; }

 private:
  std::atomic<int64_t> timeout_offset_ns_ = 0;
  std::atomic<size_t> max_requests_ = 0;
  std::atomic<bool> lifecycle_ = false;
  std::atomic<size_t> requests_ = 0;
};

}  // namespace plimsoll::agent
