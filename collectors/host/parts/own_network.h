// SPDX-License-Identifier: Apache-2.0
// Which network is the host's, and whether netlink can tell of it: that speaks of the agent's own namespace only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/netlink.h"
#include "base/os.h"

namespace plimsoll::collectors::host {

// Whether that is the network that the host half shows. Below /proc it always is, for its net/ is the reader's own.
// A host's proc that is mounted elsewhere, for a container, is of the host: its process 1 must have our network, as
// with `hostNetwork`. Anything that is no mounted proc and sysfs is a copy of another machine's files, about which the
// kernel here knows nothing.
bool is_own_network(const HostRoots& roots);

// Path of file `name` of proc's net/: of the network that the host half shows, so process 1's where that is another
// than our own and can be seen.
std::string net_file(const HostRoots& roots, std::string_view name);

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
