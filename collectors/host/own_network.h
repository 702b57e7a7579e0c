// SPDX-License-Identifier: Apache-2.0
// What netlink tells of the network: always of the namespace that the agent itself is in.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/netlink.h"
#include "base/os.h"

namespace plimsoll::collectors::host {

// Whether that is the network of roots.proc. A mounted proc file system, whatever its path, shows the reader's own
// network below net/ (a link to self/net), the same as netlink does. Anything else is a copy of another machine's
// files, about which the kernel here knows nothing.
bool netlink_shows(const HostRoots& roots);

// Names of interfaces by their numbers, each asked for once, over a socket that is open anyway.
class InterfaceNames {
 public:
  explicit InterfaceNames(const netlink::RouteSocket& socket) : fd_(socket.fd()) {}
  // "" when there is none of that number. Valid as long as this object.
  const std::string& of(uint32_t number);

 private:
  int fd_;
  std::map<uint32_t, std::string> names_;
};

}  // namespace plimsoll::collectors::host
