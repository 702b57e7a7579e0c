// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/own_network.h"

#include <linux/magic.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cstring>

namespace plimsoll::collectors::host {

namespace {

bool is_mounted(const std::string& path, long magic) {
  struct statfs mounted = {};
  return ::statfs(path.c_str(), &mounted) == 0 && mounted.f_type == magic;
}

// Each network namespace has files of its own below net/, with numbers of their own.
ino_t network_of(const std::string& process) {
  struct stat file = {};
  return ::stat((process + "/net/dev").c_str(), &file) == 0 ? file.st_ino : 0;
}

}  // namespace

bool is_own_network(const HostRoots& roots) {
  if (!is_mounted(roots.sys, SYSFS_MAGIC) || !is_mounted(roots.proc, PROC_SUPER_MAGIC)) return false;
  if (roots.proc == HostRoots{}.proc) return true;
  const ino_t first = network_of(roots.proc + "/1");
  return first != 0 && first == network_of(roots.proc + "/self");
}

std::string net_file(const HostRoots& roots, std::string_view name) {
  const std::string first = roots.proc + "/1/net";
  const bool own = roots.proc == HostRoots{}.proc || is_own_network(roots);
  const bool others = !own && ::access(first.c_str(), F_OK) == 0;
  return (others ? first : roots.proc + "/net") + "/" + std::string(name);
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
