// SPDX-License-Identifier: Apache-2.0
// Interface counters of containers. One RTM_GETSTATS dump in the machine's network namespace gives the
// host ends of all veth pairs (0.5 us a container): what the host's end has sent, the container's has
// received. What the dump does not have (macvlan, ipvlan, a namespace whose links are not known, or no
// socket) is read from /proc/PID/net/dev, opened and closed each time: a descriptor that is kept would keep
// the namespace alive after its container.
//
// A namespace is shown once, on the group that it belongs to: the pod's sandbox, else the oldest container
// in it. The machine's own is shown on "/" only.
// rtnetlink(7), network_namespaces(7), proc_pid_net(5)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/os.h"

namespace plimsoll::collectors::container {

// What is known about one group's namespace from scrape to scrape. Lives with the group.
struct NetworkPlace {
  pid_t pid = 0;       // the process by which it was found
  uint64_t inode = 0;  // of the namespace; 0 = may not be asked, or no process
};

// A group that could show a namespace. Pointers are the caller's, valid until show() returns.
struct NetworkClaim {
  NetworkPlace* place = nullptr;
  // A process of the group; asked for when none is known or the one that was is gone. 0: there is none.
  std::function<pid_t()> find_process;
  bool sandbox = false;                                         // the pod's own container
  int64_t created_ns = 0;                                       // the older one has it
  std::vector<cgroup::NetworkInterface>* interfaces = nullptr;  // filled for the group that shows it, else emptied
  bool shown = false;                                           // out: this group shows its namespace
};

// A route netlink socket in the network namespace of process 1, where that is another than ours (needs
// CAP_SYS_ADMIN; changes the calling thread's namespace for a moment, so before any thread is started).
// Invalid descriptor: cannot be had; everything is then read from /proc.
UniqueFd open_host_route_socket(const std::string& proc);

// Not thread-safe.
class Networks {
 public:
  Networks(HostRoots roots, UniqueFd host_route_socket);
  ~Networks();

  // One scrape: finds the namespace of each claim, decides who shows it, and fills in its interfaces, without lo.
  void show(std::vector<NetworkClaim>& claims, ReadBuffer& buffer);
  // The machine's own interfaces: without lo and the host ends of container links and bridges.
  void read_host(ReadBuffer& buffer, std::vector<cgroup::NetworkInterface>& interfaces);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Inode of the network namespace of `pid`, 0 when the process is gone or may not be asked.
uint64_t namespace_inode(const std::string& proc, pid_t pid);

}  // namespace plimsoll::collectors::container
