// SPDX-License-Identifier: Apache-2.0
// What only each process can tell: its descriptors, sockets, scheduling and delays. Dear (a handful of
// files a process), so all of it is off unless asked for, and it stops at the page's deadline.
//
// Times of scheduling come from taskstats, which counts all threads of a process, also those that have
// ended. Without CAP_NET_ADMIN they are summed over the threads that live (/proc/PID/task/TID/schedstat).
// /proc/PID/schedstat is about the first thread alone, which may be a small part of a process.
// proc_pid_fd(5), proc_pid_limits(5), taskstats.h, Documentation/accounting/delay-accounting.rst
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/cgroup/stats.h"
#include "base/os.h"
#include "collectors/container/kinds.h"

namespace plimsoll::collectors::container {

// Sums over the processes of one group. Absent: not asked for, or may not be read (another user's
// descriptors need CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH).
struct ProcessSums {
  cgroup::Count file_descriptors, sockets, zombies;
  cgroup::Count open_files_soft_limit;  // of the first process; kUnlimited = none
  cgroup::Count referenced_bytes;
  // Counters: what processes that have ended had at the last look stays in the sum.
  cgroup::Count run_ns, run_queue_ns, run_periods;
  // From taskstats. The last three are absent while the kernel does not count them (kernel.task_delayacct).
  cgroup::Count cpu_delay_ns, block_io_delay_ns, swap_in_delay_ns, reclaim_delay_ns;
  // Tasks by state (v1), and the decayed number of runnable and uninterruptible ones (x 1000, as cAdvisor has it).
  cgroup::Count sleeping, running, stopped, uninterruptible, io_waiting;
  cgroup::Count load_average, load_d_average;
};

// One group's memory from scrape to scrape, for sums that must not go down. Lives with the group.
struct ProcessHistory {
  struct Last {
    uint64_t start_ticks = 0;  // tells a pid that was used again
    uint64_t run_ns = 0, run_queue_ns = 0, run_periods = 0;
    uint64_t cpu_delay_ns = 0, block_io_delay_ns = 0, swap_in_delay_ns = 0, reclaim_delay_ns = 0;
  };
  std::map<pid_t, Last> alive;  // by process, or by thread where taskstats is not to be had
  Last ended;                   // sums over processes that are gone
  double load = 0, load_d = 0;
  int64_t load_at_ns = 0;       // 0 = not yet
  bool no_task_states = false;  // the group is none of v1
};

// A larger group has none of these sums.
inline constexpr size_t kMaxProcesses = 10'000;

// The exponentially decayed mean over ten seconds, `elapsed_ns` after it was `load`, when there are `tasks` now.
double decayed_load(double load, uint64_t tasks, int64_t elapsed_ns);

// Not thread-safe.
class Processes {
 public:
  // Opens what it needs for the kinds that are on (a netlink socket for delays and load).
  Processes(std::string proc, KindSet kinds);
  ~Processes();

  // Whether any of its kinds is on.
  bool wanted() const;
  // Fills `sums` for a group whose processes are `pids` and whose v1 directory (any hierarchy) or v2
  // directory is `cgroup_fd`. After `deadline_ns` nothing more is read: false, and `sums` is empty; so it is
  // for a group of more than kMaxProcesses. `history` is changed by success alone.
  bool read(const std::vector<pid_t>& pids, int cgroup_fd, int64_t deadline_ns, ReadBuffer& buffer,
            ProcessHistory& history, ProcessSums& sums);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::collectors::container
