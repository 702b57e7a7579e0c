// SPDX-License-Identifier: Apache-2.0
// What sysfs tells about the machine's processors, caches, NUMA nodes and memory modules.
//
//   cpu/cpu0/topology/{core_id,physical_package_id,thread_siblings_list}      0, 0, "0,64"
//   cpu/cpu0/cache/index3/{level,type,size,shared_cpu_list}                   3, Unified, 32768K, "0-7,64-71"
//   node/node0/{cpulist,distance,meminfo,hugepages/hugepages-2048kB/nr_hugepages}
//   edac/mc/mc0/dimm0/{dimm_mem_type,size}                                    Unbuffered-DDR4, 16384 (MiB)
//
// Documentation/admin-guide/cputopology.rst, Documentation/ABI/stable/sysfs-devices-node,
// Documentation/ABI/testing/{sysfs-devices-system-cpu,sysfs-devices-edac}
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace plimsoll::collectors::container {

// Everything here: absent or empty is what sysfs does not tell. `sys` is the mount point of sysfs.

struct CpuTopology {
  uint64_t cores = 0;  // processors that are online
  // Books and drawers: s390x only.
  std::optional<uint64_t> physical_cores, sockets, books, drawers;
};
CpuTopology read_cpu_topology(const std::string& sys, const std::vector<bool>& online);

struct CpuThread {
  uint64_t node = 0, cpu = 0, siblings = 0;  // siblings: threads of the same core, this one included
  int64_t core = 0;
};
struct CpuCache {
  uint64_t node = 0, level = 0, bytes = 0;
  std::string core;  // "" for all those of the node that several cores share
  std::string type;
};
struct CpuDetails {
  std::vector<CpuThread> threads;
  std::vector<CpuCache> caches;
};
// A file or two for each processor and cache. Without NUMA the packages stand for nodes.
CpuDetails read_cpu_details(const std::string& sys, const std::vector<bool>& online);

struct NumaNode {
  uint64_t id = 0;
  std::optional<uint64_t> memory_bytes;
  std::map<std::string, uint64_t> huge_pages;            // number of them by size in KiB ("2048")
  std::vector<std::pair<uint64_t, uint64_t>> distances;  // node, distance
};
std::vector<NumaNode> read_numa_nodes(const std::string& sys);

struct MemoryModules {
  uint64_t count = 0, bytes = 0;
};
// By type.
std::map<std::string, MemoryModules> read_memory_modules(const std::string& sys);

}  // namespace plimsoll::collectors::container
