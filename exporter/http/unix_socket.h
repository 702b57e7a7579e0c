// SPDX-License-Identifier: Apache-2.0
// The file of a listening unix socket: unix(7). It stays behind when its server is killed, and then nobody
// can listen there before it is gone.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace plimsoll::exporter {

// Removes the socket at `path` when nobody listens on it. Error: somebody does (EADDRINUSE), nobody can tell, or what
// is there is no socket; it stays then.
Result<void> remove_stale_socket(const std::string& path);

// While it lives, sockets are made with mode 0660: for their owner and their group, from the first moment on.
// Connecting needs the right to write. It is the process's umask(2), so it should not live long.
class ModeOfSockets {
 public:
  ModeOfSockets();
  ~ModeOfSockets();
  ModeOfSockets(const ModeOfSockets&) = delete;
  ModeOfSockets& operator=(const ModeOfSockets&) = delete;

 private:
  mode_t before_;
};

}  // namespace plimsoll::exporter
