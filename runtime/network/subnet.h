// SPDX-License-Identifier: Apache-2.0
// Which /30 of the pool a container gets. A reservation is a file named after the subnet's address
// that holds the container's id:
//
//   RUNROOT/network/10.171.4.8    "3f9c…\n"
//   RUNROOT/network/lock          held by whoever reserves or gives back
//
// A reservation whose host interface does not exist is stale (a machine that lost power, a monitor that
// was killed) and is taken over; under the lock that is certain, since the interface is made under it too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::network {

// IPv4 addresses in host byte order.
struct Subnet {
  uint32_t address = 0;
  int prefix = 0;
  bool overlaps(const Subnet& other) const;
};

inline constexpr Subnet kPool = {0x0aab0000, 16};  // 10.171.0.0/16
inline constexpr int kSubnetPrefix = 30;           // network, host, container, broadcast

// "10.171.4.9"
std::string to_string(uint32_t address);

// "pl" + the first 12 digits of the id. The id must be lower-case hexadecimal digits, at least 12.
Result<std::string> host_interface_name(const std::string& id);

// Held while subnets are reserved and given back; released with the descriptor.
Result<UniqueFd> lock_subnets(const std::string& runroot);

// The first free /30 of the pool, searched from a place that depends on the id. `in_use(id)`: whether that
// container's interface exists; `routed`: what the host routes already. Needs the lock.
Result<Subnet> reserve_subnet(const std::string& runroot, const std::string& id, const std::vector<Subnet>& routed,
                              const std::function<bool(const std::string&)>& in_use);

// Removes the reservations that hold this id. Needs the lock.
Result<void> release_subnet(const std::string& runroot, const std::string& id);

}  // namespace plimsoll::network
