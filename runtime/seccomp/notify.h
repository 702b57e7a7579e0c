// SPDX-License-Identifier: Apache-2.0
// Hands a filter's listener to the agent that answers for it. config-linux.md "The Container Process State",
// seccomp_unotify(2), unix(7)
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::seccomp {

// Connects to the stream socket `path`, of any length, and sends `state` (JSON, whose `fds` is ["seccompFd"]) with
// the descriptor. One connection, closed afterwards. For the parent: in the container there is neither the path nor,
// with the filter loaded, every call that this takes. An agent that does not read is given `kSendSeconds`.
Result<void> send_listener(const std::string& path, std::string_view state, int listener);

inline constexpr int kSendSeconds = 10;

}  // namespace plimsoll::seccomp
