// SPDX-License-Identifier: Apache-2.0
// Every cgroup of the machine, as cAdvisor shows it: all groups are read first, then the families
// are written from one table (families.h). Groups that are containers of our runtime carry name and
// image; those that have ended stay, with their last counters, until their retention is over.
#pragma once

#include <chrono>
#include <memory>

#include "base/cgroup/reader.h"
#include "base/os.h"
#include "collectors/collector.h"
#include "runtime/container/record.h"

namespace plimsoll::collectors::container {

struct Options {
  HostRoots roots;
  plimsoll::container::StateRoots state;
  cgroup::ReadOptions read;
  std::chrono::nanoseconds exited_retention = std::chrono::minutes(5);
};

// Error when the machine has no cgroup hierarchy. The collector's name is "container".
Result<std::unique_ptr<Collector>> make_container_collector(Options options);

// machine_*, cadvisor_version_info. The collector's name is "machine".
std::unique_ptr<Collector> make_machine_collector(const HostRoots& roots);

}  // namespace plimsoll::collectors::container
