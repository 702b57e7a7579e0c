// SPDX-License-Identifier: Apache-2.0
// Every cgroup of the machine, as cAdvisor shows it: all groups are read first, then the families
// are written from one table (families.h). Groups that are containers, of our runtime or of another
// engine, carry name and image; those that have ended stay, with their last counters, until their retention is over.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/os.h"
#include "collectors/collector.h"
#include "collectors/container/event_queues.h"
#include "collectors/container/families.h"
#include "collectors/container/kinds.h"
#include "collectors/container/labels.h"
#include "collectors/container/urgency.h"
#include "collectors/engine/source.h"

namespace plimsoll::collectors::container {

struct Options {
  HostRoots roots;
  engine::SourceOptions engines;
  KindSet kinds = KindSet::defaults();
  LabelPolicy labels;
  SeriesBudget budget;
  std::chrono::nanoseconds exited_retention = std::chrono::minutes(5);
  bool containers_only = false;           // --docker_only: of the other groups, only "/"
  std::vector<std::string> raw_prefixes;  // --raw_cgroup_prefix_whitelist: and those below these paths
  bool root_group = true;                 // --disable_root_cgroup_stats turns "/" off
  size_t reserved_descriptors = 0;        // of RLIMIT_NOFILE: what others in the process need
  bool events = true;                     // watch births and deaths; false: each scrape looks for itself
};

// What takes more privilege to open than to use. The agent opens it first, gives the privilege up, and then makes
// the collector. Whatever could not be had is missing in it; the collector does without.
struct Privileged {
  UniqueFd host_route_socket;  // see open_host_route_socket() in network.h
  EventQueues events;
  Urgency urgency;  // until the threads of the collector have been made
};

// Starts no thread that goes on.
Privileged open_privileged(const Options& options);

// The collector of containers, whose labels may be chosen anew while it lives.
class Containers : public Collector {
 public:
  // From the next collection on, not during one. A container that is shown gets new series by that.
  virtual void set_labels(const LabelPolicy& policy) = 0;
};

// Error when the machine has no cgroup hierarchy. The collector's name is "container". Starts threads
// (the watch of births and deaths; the walk of writable layers).
Result<std::unique_ptr<Containers>> make_container_collector(Options options, Privileged opened);
// With an open_privileged() of its own.
Result<std::unique_ptr<Containers>> make_container_collector(Options options);

// machine_*, cadvisor_version_info. The collector's name is "machine".
std::unique_ptr<Collector> make_machine_collector(const HostRoots& roots, KindSet kinds = KindSet::defaults());

}  // namespace plimsoll::collectors::container
