// SPDX-License-Identifier: Apache-2.0
// Staying with a program until it ends: signals go on to it, its terminal is relayed, its children are reaped.
// signalfd(2), pidfd_send_signal(2)
#pragma once

#include <signal.h>

#include <optional>

#include "base/os.h"
#include "base/result.h"
#include "runtime/oci/console_relay.h"
#include "runtime/oci/notify_socket.h"

namespace plimsoll::oci {

class Foreground {
 public:
  // Blocks the signals that are to be passed on, so that none is lost or kills us before wait(). The program that is
  // started meanwhile must reset its own mask.
  Foreground();
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;
  ~Foreground();

  // The exit code of `pid`, a child of ours, as shells have it: 128 + the signal that killed it.
  // `notify`: the program is
  // the service whose main process we are.
  Result<int> wait(pid_t pid, int pidfd, ConsoleRelay* console, NotifySocket* notify = nullptr);

 private:
  sigset_t passed_, before_;
};

}  // namespace plimsoll::oci
