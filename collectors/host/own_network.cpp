// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/own_network.h"

#include <linux/magic.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

#include <cstring>

namespace plimsoll::collectors::host {

bool netlink_shows(const HostRoots& roots) {
  struct statfs mounted = {};
  return ::statfs(roots.proc.c_str(), &mounted) == 0 && mounted.f_type == PROC_SUPER_MAGIC;
}

// netdevice(7): SIOCGIFNAME works on a socket of any family.
const std::string& InterfaceNames::of(uint32_t number) {
  const auto [entry, added] = names_.try_emplace(number);
  if (!added || number == 0) return entry->second;
  ifreq request = {};
  request.ifr_ifindex = static_cast<int>(number);
  if (::ioctl(fd_, SIOCGIFNAME, &request) == 0)
    entry->second.assign(request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name));
  return entry->second;
}

}  // namespace plimsoll::collectors::host
