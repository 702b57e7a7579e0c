// SPDX-License-Identifier: Apache-2.0
// The end of a container: its last counters are read and kept, then everything that it occupied is
// given back. Done by its monitor; by any command when the monitor was killed (reconcile.h).
#pragma once

#include <string>
#include <string_view>

#include "base/cgroup/layout.h"
#include "base/os.h"
#include "base/result.h"
#include "runtime/container/record.h"
#include "runtime/container/store.h"

namespace plimsoll::container {

// Where a command or a monitor works.
struct Engine {
  Store store;
  HostRoots host;
  cgroup::Layout layout;
};

// `net_dev`: the text of the container's /proc/PID/net/dev, "" when it could not be read. Interfaces
// of the host and the loopback are not the container's traffic and are left out.
std::vector<cgroup::NetworkInterface> own_traffic(const Config& config, std::string_view net_dev);

// Reads the counters of the container's cgroup, which must have no process any more. What is not
// there stays absent, down to a record without any counter when the group is gone.
ExitRecord final_record(const Engine& engine, const Config& config, const State& state, int exit_code,
                        std::string_view net_dev);

// In this order: final record to the spool, state.json "exited", cgroup removed, veth pair removed,
// and with auto_remove the container itself. Every step is tried; the first error is returned.
Result<void> finish(const Engine& engine, const Config& config, State state, const ExitRecord& record);

// Takes back a start that failed: processes, cgroup, veth pair, directory and name.
void discard(const Engine& engine, const Config& config);

}  // namespace plimsoll::container
