// SPDX-License-Identifier: Apache-2.0
// An interface of the host that a container gets for its own. config-linux.md "Network Devices", rtnetlink(7)
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace plimsoll::network {

// Moves interface `host_name` into the network namespace of the process, there called `name` ("": as before), up, with
// the global addresses that it had: the kernel takes these away. When the namespace ends the kernel gives a physical
// one back to the host and deletes a virtual one. Errors name the interface; then it is where it was, or already in
// the container without all of its addresses.
Result<void> move_interface(pid_t pid, const std::string& host_name, const std::string& name);

}  // namespace plimsoll::network
