// SPDX-License-Identifier: Apache-2.0
// Interface counters of containers. One RTM_GETSTATS dump in the machine's network namespace gives the
// host ends of all veth pairs (0.5 us a container): what the host's end has sent, the container's has
// received. What the dump does not have (macvlan, ipvlan, a link that the container made by itself, no socket)
// is read from /proc/PID/net/dev, opened and closed each time: a descriptor that is kept would keep the
// namespace alive after its container.
//
// A namespace is taken from the dump when each of its interfaces is the other end of a link of the host's and
// all bytes and packets agree with its net/dev, now and whenever it is compared again: at its 1st, 2nd, 4th ...
// 64th scrape, then at every 64th, and whenever a process or a link is new. Where they disagree once (a BPF
// program that redirects packets to the peer) it is read from net/dev for as long as it lives. An interface that
// a container makes by itself (tun, dummy) is shown from the next comparison on.
//
// Bytes and packets of the two ends are the same counters of the kernel's (drivers/net/veth.c). Errors and drops
// are the host end's, crosswise (what it could not hand over counts as dropped on receipt), plus what net/dev had
// beyond them when it was last compared. So these come late: drops on receipt of protocols that nobody in the
// container listens to, and of what its own end never handed over. What the host's end drops of what comes out
// of the container counts as dropped in transmission.
//
// A namespace is shown once, on the group that it belongs to: the pod's sandbox, else the oldest container
// in it. The machine's own is shown on "/" only. Namespaces are told apart by the inode of their net/dev, which
// anybody may ask for, unlike that of /proc/PID/ns/net.
// rtnetlink(7), network_namespaces(7), veth(4), proc_pid_net(5)
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
  pid_t pid = 0;       // the process by which it was found; may have ended since
  uint64_t inode = 0;  // see namespace_inode(); 0 = no process
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

// A route netlink socket in the network namespace of process 1. Where that is another than ours it needs
// CAP_SYS_ADMIN, and is opened by a thread of its own that enters it; the caller's namespace does not change.
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

// What tells the network namespace of `pid` from all others that live: the inode number of its net/dev, the same
// through each of its processes, and to be had without privilege. Not that of nsfs. 0 when the process is gone.
uint64_t namespace_inode(const std::string& proc, pid_t pid);

}  // namespace plimsoll::collectors::container
