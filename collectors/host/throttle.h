// SPDX-License-Identifier: Apache-2.0
// What /sys/devices/system/cpu tells beside the time: how often a core or its package was slowed
// down for heat (x86 with the driver for it; absent in virtual machines), and which CPUs are kept
// free of ordinary tasks (isolcpus=).
//
//   cpu0/topology/physical_package_id                0
//   cpu0/topology/core_id                            0
//   cpu0/thermal_throttle/core_throttle_count        5
//   cpu0/thermal_throttle/package_throttle_count     30
//   isolated                                         2-3,7
//
// Documentation/ABI/testing/sysfs-devices-system-cpu
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/result.h"
#include "collectors/host/kept_file.h"

namespace plimsoll::collectors::host {

// "2-3,7" -> 2, 3, 7; an empty list is no CPU. Error for anything else, and for a number of 2^16 or more.
Result<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

class ThrottleSources {
 public:
  // `sys` as HostRoots::sys.
  explicit ThrottleSources(const std::string& sys);

  // Writes node_cpu_core_throttles_total, node_cpu_package_throttles_total and node_cpu_isolated,
  // each as far as the system has it. `cpus` are the CPUs online: when they are others than the last
  // time, the counters are looked up anew.
  void write(MetricWriter& writer, const std::vector<uint32_t>& cpus);

 private:
  struct Source {
    uint64_t package;
    uint64_t core;
    KeptFile file;
  };
  void find(const std::vector<uint32_t>& cpus);
  void find_cpu(const std::string& directory);

  std::string root_;
  KeptFile isolated_;
  std::vector<uint32_t> cpus_;
  std::vector<Source> cores_;     // one per core, though each of its threads shows the counter
  std::vector<Source> packages_;  // one per package
};

}  // namespace plimsoll::collectors::host
