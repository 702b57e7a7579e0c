// SPDX-License-Identifier: Apache-2.0
// A point-to-point link between a container and the host: a veth pair, one end in the container's
// network namespace as eth0, with one address each out of a /30 of 10.171.0.0/16. The host forwards nothing:
// the container reaches the host and nobody else. veth(4), rtnetlink(7)
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace plimsoll::network {

struct VethLink {
  std::string host_interface;  // "pl" + 12 hexadecimal digits of the container id
  std::string host_address;    // dotted IPv4, also the container's default gateway
  std::string address;         // of eth0 in the container
};

// Makes the pair, gives the host end its address and sets it up. The subnet is reserved in
// `runroot`/network (a file per subnet holding the id), so that two starts never share one; stale
// reservations (no such interface) are taken over, subnets that the host routes already are left out.
// lo and eth0 inside are configured too. `pid` must be a process in the container's network namespace, not
// yet reaped. On error nothing is left. The calling thread is in that namespace for a moment.
Result<VethLink> connect(const std::string& runroot, const std::string& id, pid_t pid);

// Deletes the host end (and with it the other one) and gives the subnet back. Fine when it is gone.
Result<void> disconnect(const std::string& runroot, const std::string& id);

}  // namespace plimsoll::network
