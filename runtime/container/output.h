// SPDX-License-Identifier: Apache-2.0
// One of a container's two output streams on its way from the pipe to the log, and to whoever is
// attached. A slow reader holds the container back, as it would without a monitor between; a
// reader that is gone is forgotten. The log is written first: it has everything.
#pragma once

#include <poll.h>

#include <string>

#include "base/os.h"
#include "runtime/container/log.h"

namespace plimsoll::container {

class Output {
 public:
  // `source` is the pipe's reading end and is made non-blocking; `copy` may be invalid.
  Output(Stream stream, UniqueFd source, UniqueFd copy);

  // What to poll for: input while nothing is waiting to be copied, else room for the copy.
  pollfd wanted() const;
  // Does what poll() found possible.
  void serve(const pollfd& ready, LogWriter& log);
  // Takes everything that is in the pipe now, without regard to the copy's reader.
  void drain(LogWriter& log);
  // Whether something waits to be copied.
  bool copy_pending() const { return !pending_.empty(); }
  void stop_copying();

 private:
  bool take(LogWriter& log);
  void copy_some();

  Stream stream_;
  UniqueFd source_, copy_;
  std::string pending_;  // read and logged, but not copied yet
};

}  // namespace plimsoll::container
