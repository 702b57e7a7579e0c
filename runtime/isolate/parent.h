// SPDX-License-Identifier: Apache-2.0
// The parent's side of a start: pipes, the clone itself, and what the child has reported.
#pragma once

#include <signal.h>

#include <optional>
#include <string>

#include "base/os.h"
#include "runtime/isolate/child.h"
#include "runtime/isolate/launch.h"

namespace plimsoll::isolate {

// Both ends close-on-exec and above the standard streams.
struct Pipe {
  UniqueFd read_end, write_end;
};
Result<Pipe> make_pipe();
// The same as a pair of connected sockets: writing to a reader that has gone can be done without SIGPIPE.
Result<Pipe> make_socket_pair();

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

// Waits for the child's next report; nothing at the end of the pipe (exec has succeeded, or the
// child was killed).
std::optional<Report> read_report(int fd);

// The message for a person, and the exit code, of a failed step.
LaunchError explain(const Report& report, const std::vector<std::string>& env);

LaunchError engine_error(const Error& error);

}  // namespace plimsoll::isolate
