// SPDX-License-Identifier: Apache-2.0
// One cgroup and what is known about it, kept between scrapes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/cgroup/reader.h"
#include "base/metric.h"
#include "collectors/container/disk_usage.h"
#include "collectors/container/network.h"
#include "collectors/container/processes.h"
#include "collectors/container/sockets.h"
#include "collectors/engine/identifier.h"

namespace plimsoll::collectors::container {

// What only some groups have, and only when it was asked for.
struct Details {
  ProcessSums processes;
  ProcessHistory history;
  SocketCounts sockets;
  std::optional<LayerUsage> layer;
  bool has_processes = false, has_sockets = false;  // in this scrape
};

// Everything but the path starts anew when the path is removed and made again.
struct Group {
  std::string path;  // "/", "/a/b"
  std::optional<cgroup::CgroupReader> reader;
  cgroup::Stats stats;
  std::optional<engine::Identity> identity;  // of a container
  engine::Retry retry;                       // until there is one
  LabelSet labels;                           // id, and a container's image, name ...
  LabelSet info;                             // labels of container_info; empty for a plain group
  size_t labels_dropped = 0;
  NetworkPlace network;
  std::unique_ptr<Details> details;
  bool repeated = false;     // the same container as another group
  bool live = false;         // in this scrape
  bool has_network = false;  // shows its namespace in this scrape
};

}  // namespace plimsoll::collectors::container
