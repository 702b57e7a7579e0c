// SPDX-License-Identifier: Apache-2.0
// What /sys/devices/system/cpu tells beside the time: how often a core or its package was slowed
// down for heat (x86 with the driver for it; absent in virtual machines), which CPUs are kept
// free of ordinary tasks (isolcpus=), and which are online where every one can be taken offline.
//
//   cpu0/topology/physical_package_id                0
//   cpu0/topology/core_id                            0
//   cpu0/thermal_throttle/core_throttle_count        5
//   cpu0/thermal_throttle/package_throttle_count     30
//   cpu0/online                                      1
//   isolated                                         2-3,7
//   online                                           0-6
//   present                                          0-7
//
// Documentation/ABI/testing/sysfs-devices-system-cpu
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metric.h"
#include "base/os.h"
#include "base/result.h"
#include "collectors/host/parts/kept_file.h"

namespace plimsoll::collectors::host {

// "2-3,7" -> 2, 3, 7; an empty list is no CPU. Error for anything else, when the numbers do not ascend, and
// for one of 2^16 or more.
Result<std::vector<uint32_t>> parse_cpu_list(std::string_view text);

class ThrottleSources {
 public:
  // `sys` as HostRoots::sys.
  explicit ThrottleSources(const std::string& sys);

  // Writes node_cpu_core_throttles_total, node_cpu_package_throttles_total, node_cpu_isolated and
  // node_cpu_online, each as far as the system has it. `cpus` are the CPUs online: when they are others
  // than the last time, everything is looked up anew.
  void write(MetricWriter& writer, const std::vector<uint32_t>& cpus);

 private:
  struct Source {
    uint64_t package;
    uint64_t core;
    std::string path;
    UniqueFd kept;  // not valid: opened at each read
  };
  void find(const std::vector<uint32_t>& cpus);
  void find_cpu(const std::string& directory);
  std::optional<uint64_t> read(Source& source);
  std::optional<uint64_t> read(const std::string& path);
  void add(std::vector<Source>& sources, uint64_t package, uint64_t core, std::string path);
  void write_throttles(MetricWriter& writer);
  void write_online(MetricWriter& writer);

  std::string root_;
  KeptFile isolated_;
  KeptFile online_;
  KeptFile present_;
  ReadBuffer buffer_{64};        // for a number and a line end
  bool all_go_offline_ = false;  // the first CPU too: Linux on x86 keeps that one online and has no file for it
  std::vector<uint32_t> cpus_;
  std::vector<Source> cores_;     // one per core, though each of its threads shows the counter
  std::vector<Source> packages_;  // one per package
};

}  // namespace plimsoll::collectors::host
