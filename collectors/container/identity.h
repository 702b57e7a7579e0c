// SPDX-License-Identifier: Apache-2.0
// Which container of our runtime a cgroup is: the last part of its path is the container's id, and
// ROOT/containers/ID/config.json names the same path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/container/record.h"

namespace plimsoll::collectors::container {

struct Identity {
  std::string id, name, image;
  plimsoll::container::Network network = plimsoll::container::Network::kNone;
  int64_t created_ns = 0;  // unix time
  int64_t started_ns = 0;  // 0 until the program runs
  bool ended = false;      // the monitor has written its end down; only the directory still stands
};

// nullopt when no container of ours has this cgroup (yet): a plain group, or one whose directory was
// made before its configuration could be read. Bad or newer files count as no container.
std::optional<Identity> identify(const plimsoll::container::StateRoots& roots, const std::string& cgroup_path);
// Reads state.json again for what changes once: the start and the end.
void update(const plimsoll::container::StateRoots& roots, Identity& identity);

}  // namespace plimsoll::collectors::container
