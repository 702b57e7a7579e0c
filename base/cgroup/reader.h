// SPDX-License-Identifier: Apache-2.0
// Reads one cgroup through descriptors that stay open between scrapes: a pread of a kept
// descriptor costs a quarter to a tenth of open+read+close. A group is identified by the
// directories it was opened on, not by its path, which the next group may take over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cgroup/layout.h"
#include "base/cgroup/stats.h"
#include "base/os.h"
#include "base/result.h"

namespace plimsoll::cgroup {

// How many descriptors all readers together may keep. Not thread-safe; lives longer than the
// readers. When it is used up, further files are opened and closed at every read: slower, not wrong.
class FdBudget {
 public:
  explicit FdBudget(size_t limit) : limit_(limit), left_(limit) {}
  // Three quarters of what RLIMIT_NOFILE's soft limit has beyond `reserved`; the rest is for the collectors.
  static FdBudget from_rlimit(size_t reserved = 0);
  bool take() { return left_ > 0 ? (--left_, true) : false; }
  // For what is only now and then of use: leaves half of the budget to the rest.
  bool take_spare() { return left_ > limit_ / 2 && take(); }
  void give_back(size_t count) { left_ += count; }
  size_t left() const { return left_; }
  size_t limit() const { return limit_; }

 private:
  size_t limit_;
  size_t left_;
};

// What is read; the caller decides once for all readers. What is off costs nothing and is absent.
struct ReadOptions {
  bool cpu = true;     // times, bandwidth, and the limits of both
  bool percpu = true;  // v1: cpuacct.usage_percpu instead of cpuacct.usage
  bool memory = true;  // and its limits
  bool oom = true;     // kills for want of memory
  bool block_io = true;
  bool pids = true;      // pids.current and pids.max
  bool pressure = true;  // where there is a v2 tree, also on hybrid machines
  bool procs = true;     // cgroup.procs at every read: Gauges::processes, first_pid() and pids()
  bool hugetlb = false, numa = false, cpuset = false;
};

// `layout` without the hierarchies that nothing of `options` is read from: measured_part() of layout.h, and the
// huge pages' and cpusets' hierarchies where those are wanted.
Layout measured_part(const Layout& layout, const ReadOptions& options);

// Which hierarchy identifies a group, as an index into Layout::hierarchies: the v2 tree where that is
// all there is, else v1's memory, cpuacct, cpu, pids or blkio, in this order; `present` says which
// hierarchies to choose from. Layout::hierarchies.size() when none of them is read.
size_t identifying_hierarchy(const Layout& layout, const std::vector<bool>& present);

class CgroupReader {
 public:
  // Opens the group `path` ("/" or "/a/b") in each hierarchy that has it. Error ENOENT when none has.
  static Result<CgroupReader> open(const Layout& layout, const std::string& path, FdBudget& budget,
                                   ReadOptions options = {});
  ~CgroupReader();
  CgroupReader(CgroupReader&&) noexcept;
  CgroupReader& operator=(CgroupReader&&) noexcept;

  // Fills `stats` (its vectors keep their capacity). Everything but counters.network, which needs a
  // process. Error ENODEV: the group is gone (in the hierarchy that identifies it). A single file
  // that is missing or malformed leaves its fields absent.
  //
  // Limits are kept from the last time: they change only when somebody writes them. They are read at
  // first, and again in the read after forget_limits(). So are counters that cannot grow without a limit
  // (v1's bandwidth, memory.failcnt), and user and system time as long as the CPU usage stands still.
  Result<void> read(ReadBuffer& buffer, Stats& stats);
  void forget_limits();

  // The processes in the group itself that we can address. As of the last read() with ReadOptions::procs, else
  // as of the last look_up_pids(), which opens, reads and closes cgroup.procs.
  const std::vector<pid_t>& pids() const;
  void look_up_pids(ReadBuffer& buffer);

  // The first process id in the group itself (not in its children), 0 when there is none: a way
  // into the group's network namespace. As old as pids().
  pid_t first_pid() const;
  // Inode of the identifying directory: differs when the path was removed and made again.
  uint64_t inode() const;
  // Unix time in nanoseconds at which the group was made, as far as the kernel remembers: cgroupfs
  // keeps no birth time, so this is the oldest change time of its directories when they were opened.
  int64_t created_ns() const;

  // The group's directory in Layout::hierarchies[hierarchy]. -1 when the group is not there or the
  // budget was used up. Owned by the reader.
  int directory_fd(size_t hierarchy) const;
  // Inode of that directory, 0 when the group is not there.
  uint64_t inode_in(size_t hierarchy) const;

 private:
  struct State;
  explicit CgroupReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::cgroup
