// SPDX-License-Identifier: Apache-2.0
// One cgroup whose end is awaited: what is kept open of it, and its counters as last read.
//
//   cgroup.events   "populated 1\nfrozen 0\n", an EPOLLPRI when it changes and when the group is removed
//   pidfd           readable when the process has ended; it alone does not mean that the group is empty
//
// cgroups(7), pidfd_open(2), Documentation/admin-guide/cgroup-v2.rst "Populated Notification"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cgroup/reader.h"
#include "base/cgroup/stats.h"
#include "base/os.h"
#include "collectors/engine/identity.h"

namespace plimsoll::collectors::container {

// What all watches share; belongs to the watching thread.
struct WatchContext {
  cgroup::Layout layout;
  cgroup::ReadOptions read;
  cgroup::FdBudget readers;  // descriptors of the files with counters
  cgroup::FdBudget extras;   // cgroup.events and pidfds
  size_t kept_for_events;    // of those; when no more are left, groups whose cgroup.events tells all have no pidfd
  ReadBuffer buffer;
  UniqueFd epoll;  // in which the watches' descriptors may be polled

  // Halves `max_descriptors` between the two. What only the present tells is not read.
  WatchContext(const cgroup::Layout& measured, cgroup::ReadOptions options, size_t max_descriptors);
};

// Where a path stands now.
struct Place {
  size_t hierarchy = 0;          // that identifies it there
  uint64_t inode = 0;            // 0: nowhere
  size_t count = 0;              // of hierarchies that have it
  std::vector<uint64_t> inodes;  // in each; 0 = not there
  // What is left of the group that stood at `before`, rather than a new one.
  bool is_rest_of(const Place& before) const;
};
Place find_place(const cgroup::Layout& layout, const std::string& path);

class LifeWatch {
 public:
  LifeWatch(WatchContext& context, std::string path, const Place& place);
  ~LifeWatch();
  LifeWatch(const LifeWatch&) = delete;
  LifeWatch& operator=(const LifeWatch&) = delete;

  const std::string& path() const { return path_; }
  const Place& place() const { return place_; }
  // As the inventory would tell it; 0 before the counters were opened.
  uint64_t inode() const { return reader_ ? reader_->inode() : 0; }
  // Whether the path still is the group that it was. One system call.
  bool is_same() const;

  // Opens what can be opened by now and is not: cgroup.events; once there is a process, the counters, and
  // again when the group has got into more hierarchies. True when the counters are open.
  bool attach();
  // Whether it has had a process, and the counters are open in all hierarchies.
  bool is_complete() const { return inhabited_ && reader_ && opened_in_ == context_.layout.hierarchies.size(); }
  // Reads the counters. False: the group is gone, or partly so; what was read before stays.
  bool take_reading();
  // cgroup.events was ready: whatever it says by now, there has been a process.
  void note_change() { inhabited_ = true; }
  // Whether it is empty of processes by now, itself and below. Without processes ever: not empty but new.
  bool is_drained();
  // A process of it, itself or below; 0 when there is none, kUnseen when it has one that our pid namespace
  // does not show.
  static constexpr pid_t kUnseen = -1;
  pid_t first_process();
  // Opens a pidfd of a process. It is quicker than cgroup.events, which tells at most once in 10 ms.
  enum class Outcome : uint8_t { kDone, kAgain, kImpossible };
  Outcome watch_process();
  void drop_process() { release(process_); }

  int events_fd() const { return events_.get(); }
  int process_fd() const { return process_.get(); }

  const cgroup::Counters& counters() const { return stats_.counters; }
  bool has_reading() const { return has_reading_; }
  int64_t created_ns() const { return created_ns_; }

  // The owner's notes.
  std::optional<engine::Identity> identity;
  bool likely = false;     // by its name
  bool adopted = false;    // a scrape has shown it
  bool final = false;      // the counters were read after the last process had ended
  int64_t drained_ns = 0;  // unix time of that
  int ticks = 0;           // how often it was looked at without a cause
  int64_t next_tick = 0;   // monotonic; 0 = none

 private:
  void open_events();
  bool open_reader();
  void read_populated();
  pid_t first_process_below(const std::string& directory, int depth);
  void release(UniqueFd& fd);

  WatchContext& context_;
  std::string path_;
  Place place_;
  std::optional<cgroup::CgroupReader> reader_;
  size_t opened_in_ = 0;  // hierarchies
  UniqueFd events_, process_;
  bool populated_ = false;  // by cgroup.events, as of the last look
  bool counted_ = false;    // cgroup.events has said "populated 1" once: its processes are in the v2 tree
  bool inhabited_ = false;  // it has had a process
  bool has_reading_ = false;
  cgroup::Stats stats_, fresh_;
  int64_t created_ns_ = 0;
};

}  // namespace plimsoll::collectors::container
