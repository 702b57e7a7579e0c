// SPDX-License-Identifier: Apache-2.0
// The parent's side of a start: the control socket, the clone itself, and what the child has reported.
#pragma once

#include <signal.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/os.h"
#include "runtime/isolate/child.h"
#include "runtime/isolate/launch.h"

namespace plimsoll::isolate {

// A pair of connected packet sockets, close-on-exec and above the standard streams.
struct ControlPair {
  UniqueFd parent, child;
};
Result<ControlPair> make_control_pair();

// All signals are blocked while it lives, in the calling thread: the child must not run the parent's handlers.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

// Waits for the child's next report; nothing at the end of the connection (exec has succeeded, or the
// child was killed).
std::optional<Report> read_report(int fd);
// The child goes on with it. EPIPE: it has failed and gone; its report says more.
Result<void> answer(int fd, std::string_view bytes);

// The descriptor that the filter of process `pidfd` is about to answer to: taken from it as soon as it is there.
Result<UniqueFd> take_listener(int pidfd, int number);

// Waits for the end of a child.
void reap(pid_t pid);
// Kills and reaps one, which nobody has reaped: its pid is still its own. `pidfd`: -1 when there is none.
void end_child(pid_t pid, int pidfd);

// The message for a person, and the exit code, of a failed step. `search_path` is shown when a program was not found;
// none when nobody knows it here.
LaunchError explain(const Report& report, std::optional<std::string_view> search_path);
// "PATH=..." of `env`, "" without one.
std::string_view search_path_of(const std::vector<std::string>& env);

LaunchError engine_error(const Error& error);

}  // namespace plimsoll::isolate
