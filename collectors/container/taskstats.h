// SPDX-License-Identifier: Apache-2.0
// What the kernel tells about a process (all its threads, those that have ended too) and about the tasks
// of a v1 cgroup in one generic netlink message each. Answers in the init network namespace only, about
// processes to CAP_NET_ADMIN only.
//
//   > TASKSTATS_CMD_GET     TGID 4711          < AGGR_TGID { TGID 4711, STATS struct taskstats }
//   > CGROUPSTATS_CMD_GET   FD 5               < CGROUP_STATS { sleeping, running, stopped, ... }
//
// Documentation/accounting/{taskstats,taskstats-struct,delay-accounting,cgroupstats}.rst, netlink(7)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::container {

// Of one process. Nanoseconds, but for run_periods.
struct ProcessTimes {
  uint64_t run_ns = 0, run_periods = 0;
  uint64_t cpu_delay_ns = 0;  // runnable, waiting for a CPU
  // Zero in all processes while the delay accounting of the kernel is off.
  uint64_t block_io_delay_ns = 0, swap_in_delay_ns = 0, reclaim_delay_ns = 0;
};

// Of one v1 cgroup, without the ones below it.
struct TaskStates {
  uint64_t sleeping = 0, running = 0, stopped = 0, uninterruptible = 0, io_waiting = 0;
};

// The kernel's struct taskstats, as much of it as there is. nullopt: too short, or of version 15, which
// moved the fields.
std::optional<ProcessTimes> parse_taskstats(std::string_view bytes);
std::optional<TaskStates> parse_cgroupstats(std::string_view bytes);

// Value of the first attribute `type` among netlink attributes; empty when there is none.
std::string_view netlink_attribute(std::string_view attributes, uint16_t type);

// Not thread-safe. No call waits: the kernel has answered when the request has been sent.
class TaskStats {
 public:
  // Error: the kernel or this network namespace does not have it.
  static Result<TaskStats> open();

  // ESRCH: there is no such process. EPERM: no CAP_NET_ADMIN.
  Result<ProcessTimes> process(pid_t pid);
  // `cgroup_fd`: its directory. EINVAL: not of a v1 hierarchy.
  Result<TaskStates> cgroup(int cgroup_fd);

 private:
  explicit TaskStats(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<std::string_view> ask(uint16_t family, uint8_t command, uint16_t attribute, std::string_view value);
  Result<std::string_view> receive(uint32_t sequence);

  UniqueFd fd_;
  uint16_t family_ = 0;
  uint32_t sequence_ = 0;
  std::string buffer_;
};

}  // namespace plimsoll::collectors::container
