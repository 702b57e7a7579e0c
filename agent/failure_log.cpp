// SPDX-License-Identifier: Apache-2.0
#include "agent/failure_log.h"

#include <utility>

namespace plimsoll::agent {

void FailureLog::failed(std::string_view collector, const Error& error) {
  State& state = failing_[std::string(collector)];
  std::string message = error.message();
  if (message != state.message) warn_("collector " + std::string(collector) + " failed: " + message);
  state = {std::move(message), true};
}

void FailureLog::end_round() {
  for (auto entry = failing_.begin(); entry != failing_.end();) {
    if (std::exchange(entry->second.in_this_round, false)) {
      ++entry;
      continue;
    }
    info_("collector " + entry->first + " works again");
    entry = failing_.erase(entry);
  }
}

}  // namespace plimsoll::agent
