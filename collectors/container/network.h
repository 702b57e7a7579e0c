// SPDX-License-Identifier: Apache-2.0
// Interface counters of a container's network namespace, through /proc/PID/net/dev of one of its
// processes. The file is opened and closed at every read: a descriptor that is kept would keep the
// namespace, and the host's end of its links, alive after the container.
// proc_pid_net(5), network_namespaces(7)
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/os.h"

namespace plimsoll::collectors::container {

// Replaces `network` by the interfaces of the namespace of `pid`, without lo. Leaves it empty when the
// process is gone.
void read_namespace(const std::string& proc, pid_t pid, ReadBuffer& buffer,
                    std::vector<cgroup::NetworkInterface>& network);

// The machine's own interfaces: without lo and the host ends of container links and bridges.
void read_host_interfaces(const std::string& proc, ReadBuffer& buffer, std::vector<cgroup::NetworkInterface>& network);

// Inode of the network namespace of `pid`, 0 when the process is gone or may not be asked.
uint64_t namespace_inode(const std::string& proc, pid_t pid);

}  // namespace plimsoll::collectors::container
