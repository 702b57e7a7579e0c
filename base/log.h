// SPDX-License-Identifier: Apache-2.0
// Log set-up for the agent: spdlog to stderr. Libraries never log; the agent does, once per event.
#pragma once

#include <string>

#include "base/result.h"

namespace plimsoll {

// level: debug, info, warn, error. format: logfmt ("ts=... level=info msg=...") or json (one
// object a line; quotes and control characters in messages are escaped in both).
// Error names the bad value and the accepted ones.
Result<void> set_up_log(const std::string& level, const std::string& format);

// Another level from now on, of the four; thread-safe. check_log_level() says whether it is one.
Result<void> check_log_level(const std::string& level);
void set_log_level(const std::string& level);

void log_debug(const std::string& message);
void log_info(const std::string& message);
void log_warn(const std::string& message);
void log_error(const std::string& message);

}  // namespace plimsoll
