// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

#include "collectors/host/make.h"

namespace plimsoll::collectors::host {
namespace {

// A table rather than registration by static initialisers: those are dropped by the linker when a
// collector's object file sits in a static library and nothing else refers to it.
constexpr Entry kTable[] = {
    {"cpu", "CPU time by mode and thermal throttling: proc stat, sys devices/system/cpu", make_cpu},
    {"diskstats", "Block devices: proc diskstats, sys block, udev's data", make_diskstats},
    {"filefd", "Open file handles: proc sys/fs/file-nr", make_filefd},
    {"filesystem", "Space and inodes of mounted file systems: proc 1/mountinfo, statvfs", make_filesystem},
    {"loadavg", "Load averages: proc loadavg", make_loadavg},
    {"meminfo", "Memory: proc meminfo", make_meminfo},
    {"netdev", "Network interfaces: proc net/dev, sys class/net", make_netdev},
    {"netstat", "Protocol counters: proc net/netstat, net/snmp, net/snmp6", make_netstat},
    {"pressure", "Time lost waiting for CPU, I/O and memory: proc pressure", make_pressure},
    {"sockstat", "Sockets in use: proc net/sockstat, net/sockstat6", make_sockstat},
    {"stat", "Interrupts, context switches, forks, boot time: proc stat", make_stat},
    {"time", "Clock, time zone and clock sources: sys devices/system/clocksource", make_time},
    {"uname", "Kernel and host name: uname(2)", make_uname},
    {"vmstat", "Paging, swapping and OOM kills: proc vmstat", make_vmstat},
};

}  // namespace

std::span<const Entry> table() { return kTable; }

}  // namespace plimsoll::collectors::host
