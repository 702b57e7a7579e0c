// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/network.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/cgroup/network.h"

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kOwnLinkLength = 14;  // "pl" and 12 digits, see runtime/network

bool is_own_link(std::string_view name) {
  return name.size() == kOwnLinkLength && name.starts_with("pl") &&
         std::all_of(name.begin() + 2, name.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_container_link(std::string_view name) {
  return name.starts_with("veth") || name.starts_with("docker") || name.starts_with("nerdctl") || is_own_link(name);
}

Result<std::vector<NetDevLine>> read_net_dev(const std::string& path, ReadBuffer& buffer) {
  auto text = buffer.read_at(AT_FDCWD, path.c_str());
  if (!text) return unexpected(text.error());
  return parse_net_dev(*text);
}

}  // namespace

void read_namespace(const std::string& proc, pid_t pid, ReadBuffer& buffer,
                    std::vector<cgroup::NetworkInterface>& network) {
  network.clear();
  const auto lines = read_net_dev(proc + "/" + std::to_string(pid) + "/net/dev", buffer);
  if (!lines) return;
  for (const NetDevLine& line : *lines) {
    if (line.name != "lo") network.push_back(cgroup::interface_of(line));
  }
}

// Process 1 is in the machine's own namespace even where the agent is not.
void read_host_interfaces(const std::string& proc, ReadBuffer& buffer, std::vector<cgroup::NetworkInterface>& network) {
  network.clear();
  auto lines = read_net_dev(proc + "/1/net/dev", buffer);
  if (!lines) lines = read_net_dev(proc + "/net/dev", buffer);
  if (!lines) return;
  for (const NetDevLine& line : *lines) {
    if (line.name != "lo" && !is_container_link(line.name)) network.push_back(cgroup::interface_of(line));
  }
}

uint64_t namespace_inode(const std::string& proc, pid_t pid) {
  struct stat st;
  const std::string path = proc + "/" + std::to_string(pid) + "/ns/net";
  return ::stat(path.c_str(), &st) == 0 ? st.st_ino : 0;
}

}  // namespace plimsoll::collectors::container
