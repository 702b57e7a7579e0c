// SPDX-License-Identifier: Apache-2.0
// Starts a monitor and listens to it: the command line's side of monitor.h.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/os.h"
#include "base/result.h"
#include "runtime/container/finish.h"
#include "runtime/container/monitor.h"

namespace plimsoll::container {

// Where monitors of containers below `cgroup_parent` live: beside it, so that what the parent counts
// is what its containers use.
std::string monitors_cgroup(const std::string& cgroup_parent);

struct SpawnSpec {
  std::string program;        // plimsoll-oci
  std::string cgroup_parent;  // of the container
  MonitorOptions options;
  int stdin_fd = -1;  // the container's input with options.interactive; -1: /dev/null
  int lock_fd = -1;   // the container's lock, held
};

// A started monitor; a child of the caller, which need not wait for it.
struct Spawned {
  pid_t pid = 0;
  UniqueFd status;  // reading end of the pipe described in monitor.h
};

// Starts it in the monitors' cgroup (made when missing), with the caller's standard output and error.
// The caller must have one thread only.
Result<Spawned> spawn_monitor(const Engine& engine, const SpawnSpec& spec);

// How a start went.
struct StartReport {
  bool started = false;
  int exit_code = 0;    // when not started: 125, 126 or 127
  std::string message;  // when not started
};

// Blocks until the monitor has said so (or is dead, which is a failure with 125).
StartReport read_start(const UniqueFd& status);
// The final record that follows "exited\n". Error when the monitor died without it.
Result<ExitRecord> parse_exited(std::string_view text);

}  // namespace plimsoll::container
