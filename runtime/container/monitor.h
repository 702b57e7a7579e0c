// SPDX-License-Identifier: Apache-2.0
// The monitor: one small process per container, its parent and its only keeper. It needs neither the
// command that started it nor the agent, and no signal but SIGKILL ends it before its container.
//
// It starts the container, writes what comes out of it to the log (and to the command that is
// attached), sees it end, reads its last counters and gives everything back (finish.h).
//
// Descriptors it is started with:
//   0  becomes the container's standard input with `interactive`
//   1, 2  get a copy of the container's output with `attached`
//   3  the container's lock, held: by inheritance there is no moment at which it is free
//   4  a pipe to the command that started it. One line says how the start went:
//        started
//        failed CODE MESSAGE
//      and with `attached` a second one, when all is over, with the final record behind it:
//        exited
//        {...}
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/container/finish.h"

namespace plimsoll::container {

inline constexpr int kLockFd = 3;
inline constexpr int kStatusFd = 4;

struct MonitorOptions {
  std::string id;
  bool attached = false;
  bool interactive = false;
};

// Runs until the container has ended and is cleaned up. Returns the process's exit code: 0, or 1 when the
// container could not be started. Changes signal handlers, session, directory and descriptors.
int run_monitor(const Engine& engine, const MonitorOptions& options);

}  // namespace plimsoll::container
