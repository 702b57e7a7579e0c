// SPDX-License-Identifier: Apache-2.0
#include "agent/live_settings.h"

namespace plimsoll::agent {

void LiveSettings::set(const AgentOptions& options) {
  timeout_offset_ns_ = options.timeout_offset.count();
  max_requests_ = options.web.requests;
  lifecycle_ = options.lifecycle;
}

std::shared_ptr<void> LiveSettings::admit() {
  const size_t most = max_requests_;
  if (++requests_ > most && most > 0) {
    --requests_;
    return nullptr;
  }
  return {this, [](LiveSettings* settings) { --settings->requests_; }};
}

}  // namespace plimsoll::agent
