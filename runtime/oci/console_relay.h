// SPDX-License-Identifier: Apache-2.0
// The terminal of a container in the foreground, connected to the caller's: bytes both ways, the size, and raw mode of
// the caller's terminal for as long. Within somebody's poll loop. pty(7), termios(3), ioctl_tty(2)
#pragma once

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <optional>
#include <string>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::oci {

// Of the caller's terminal; none when no standard stream is one.
std::optional<winsize> size_of_caller();

class ConsoleRelay {
 public:
  // `terminal` is the main side of the container's pseudo-terminal. The caller's terminal is the first of the standard
  // streams that is one; without one only bytes are carried.
  ConsoleRelay(UniqueFd terminal, int input, int output);
  ConsoleRelay(const ConsoleRelay&) = delete;
  ConsoleRelay& operator=(const ConsoleRelay&) = delete;
  // Restores the caller's terminal.
  ~ConsoleRelay();

  // Fills entries to poll for; serve() takes what poll(2) has found, and does not block: as long as nobody reads the
  // output, the terminal is not read either.
  using Polls = pollfd[3];
  void wanted(Polls& polls) const;
  void serve(const Polls& polls);
  // The caller's terminal has another size (SIGWINCH).
  void resize();
  // Carries what the container has still written, for as long as that takes.
  void finish();

 private:
  void make_raw();
  bool take_output();
  void give_output(int timeout_ms);
  void take_input();
  void give_input();

  UniqueFd terminal_;
  int input_, output_;
  int caller_ = -1;  // the caller's terminal
  bool raw_ = false;
  termios before_{};
  std::string pending_;    // input that the container has not taken yet
  std::string unwritten_;  // its output that nobody has taken yet
};

}  // namespace plimsoll::oci
