// SPDX-License-Identifier: Apache-2.0
// Unix sockets with paths of any length: sockaddr_un holds 107 bytes, so a socket is reached through the descriptor of
// its directory. unix(7)
#pragma once

#include <string>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::oci {

// Listens at `name` in `directory`.
Result<UniqueFd> listen_at(const std::string& proc, int directory, const std::string& name);
Result<UniqueFd> connect_at(const std::string& proc, int directory, const std::string& name);
// Connects to a path as a caller gives it (--console-socket).
Result<UniqueFd> connect_path(const std::string& proc, const std::string& path);

// One byte with a descriptor beside it (SCM_RIGHTS).
Result<void> send_descriptor(int socket, int fd);
Result<UniqueFd> receive_descriptor(int socket);

}  // namespace plimsoll::oci
