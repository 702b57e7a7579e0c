// SPDX-License-Identifier: Apache-2.0
// The makers of the host collectors, one per file of the same name. `roots` is copied where needed.
#pragma once

#include <memory>

#include "base/os.h"
#include "collectors/collector.h"

namespace plimsoll::collectors::host {

std::unique_ptr<Collector> make_cpu(const HostRoots& roots);
std::unique_ptr<Collector> make_diskstats(const HostRoots& roots);
std::unique_ptr<Collector> make_filefd(const HostRoots& roots);
std::unique_ptr<Collector> make_filesystem(const HostRoots& roots);
std::unique_ptr<Collector> make_loadavg(const HostRoots& roots);
std::unique_ptr<Collector> make_meminfo(const HostRoots& roots);
std::unique_ptr<Collector> make_netdev(const HostRoots& roots);
std::unique_ptr<Collector> make_netstat(const HostRoots& roots);
std::unique_ptr<Collector> make_pressure(const HostRoots& roots);
std::unique_ptr<Collector> make_sockstat(const HostRoots& roots);
std::unique_ptr<Collector> make_stat(const HostRoots& roots);
std::unique_ptr<Collector> make_time(const HostRoots& roots);
std::unique_ptr<Collector> make_uname(const HostRoots& roots);
std::unique_ptr<Collector> make_vmstat(const HostRoots& roots);

}  // namespace plimsoll::collectors::host
