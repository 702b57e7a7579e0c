// SPDX-License-Identifier: Apache-2.0
// The file of a listening unix socket: unix(7). It stays behind when its server is killed, and then nobody
// can listen there before it is gone.
#pragma once

#include <string>

#include "base/result.h"

namespace plimsoll::exporter {

// Removes the socket at `path` when nobody listens on it. Error: somebody does (EADDRINUSE), or what is there
// is no socket; it stays then.
Result<void> remove_stale_socket(const std::string& path);

// 0660: for its owner and its group. Connecting needs the right to write.
Result<void> open_to_group(const std::string& path);

}  // namespace plimsoll::exporter
