// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/network.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

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

struct Networks::State {
  HostRoots roots;
  uint64_t host_inode = 0;  // of process 1's namespace; 0 = not known
  std::set<uint64_t> shown;
};

UniqueFd open_host_route_socket(const std::string&) { return UniqueFd(); }

Networks::Networks(HostRoots roots, UniqueFd) : state_(std::make_unique<State>()) { state_->roots = std::move(roots); }
Networks::~Networks() = default;

void Networks::show(std::vector<NetworkClaim>& claims, ReadBuffer& buffer) {
  State& state = *state_;
  state.shown.clear();
  if (state.host_inode == 0) state.host_inode = namespace_inode(state.roots.proc, 1);
  for (NetworkClaim& claim : claims) {
    claim.shown = false;
    claim.interfaces->clear();
    claim.place->pid = claim.find_process();
    if (claim.place->pid == 0) continue;
    claim.place->inode = namespace_inode(state.roots.proc, claim.place->pid);
    const uint64_t inode = claim.place->inode;
    if (inode != 0 && (inode == state.host_inode || !state.shown.insert(inode).second)) continue;
    claim.shown = true;
    const auto lines = read_net_dev(state.roots.proc + "/" + std::to_string(claim.place->pid) + "/net/dev", buffer);
    if (!lines) continue;
    for (const NetDevLine& line : *lines) {
      if (line.name != "lo") claim.interfaces->push_back(cgroup::interface_of(line));
    }
  }
}

// Process 1 is in the machine's own namespace even where the agent is not.
void Networks::read_host(ReadBuffer& buffer, std::vector<cgroup::NetworkInterface>& network) {
  const std::string& proc = state_->roots.proc;
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
