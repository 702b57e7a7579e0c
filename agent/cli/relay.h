// SPDX-License-Identifier: Apache-2.0
// Carries bytes from one descriptor to another within somebody's poll loop. A container never gets
// the caller's own descriptors: through /proc/self/fd it could open the file behind them anew.
#pragma once

#include <poll.h>

#include <string>

#include "base/os.h"

namespace plimsoll::agent {

class Relay {
 public:
  Relay(UniqueFd from, UniqueFd to) : from_(std::move(from)), to_(std::move(to)) {}

  // What to poll for; a negative descriptor when it is done.
  pollfd wanted() const;
  // Does what poll() found possible. At the end of input, or when nobody reads, both ends are closed.
  void serve(const pollfd& ready);
  bool done() const { return !to_; }
  // Moves what is there now, without waiting for more input; then closes both ends.
  void finish();

 private:
  bool take();
  void give();
  void close();

  UniqueFd from_, to_;
  std::string pending_;
};

}  // namespace plimsoll::agent
