// SPDX-License-Identifier: Apache-2.0
// Births and deaths of cgroups between scrapes. The kernel tells of both (a fanotify mark on the cgroup
// file system, else inotify on its directories; when neither can be had, each scrape looks for itself).
// Of a container of another engine that is born, the files with its counters are opened at once; they are
// read when its last process has ended (cgroup.events populated=0, or a pidfd), before its engine removes
// the cgroup. So a container that lived between two scrapes still shows, with its final counters, until
// its retention is over. This is a race against the engine: what could not be read in time is counted.
// Our own runtime's containers need none of this: their monitors write final records (exited.h).
//
// A life is a directory's inode: a path that is made again is a new life, and live wins over ended.
// fanotify(7), inotify(7), pidfd_open(2), Documentation/admin-guide/cgroup-v2.rst "Populated"
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cgroup/reader.h"
#include "base/cgroup/stats.h"
#include "base/os.h"
#include "collectors/container/event_queues.h"
#include "collectors/container/inventory.h"
#include "collectors/engine/identifier.h"

namespace plimsoll::collectors::container {

// A container of another engine that has ended.
struct EndedLife {
  std::string path;
  uint64_t inode = 0;
  engine::Identity identity;
  // Final, or as of the last scrape that saw it when `final` is false. Network counters are the last scrape's
  // in either case: once the last process has ended there is no way to them.
  cgroup::Counters counters;
  bool final = false;
  int64_t created_ns = 0, ended_ns = 0;  // unix time
};

struct LivesOptions {
  HostRoots roots;
  cgroup::Layout layout;     // measured hierarchies
  cgroup::ReadOptions read;  // what a final reading takes
  std::chrono::nanoseconds retention = std::chrono::minutes(5);
  size_t max_ended = 10'000;   // beyond it the oldest go early
  size_t max_descriptors = 0;  // kept for finals; 0 = an eighth of RLIMIT_NOFILE beyond reserved_descriptors
  size_t reserved_descriptors = 0;
  bool events = true;  // false: no thread; each scrape looks for itself
};

// Owns one thread. All functions may be called by the scraping thread only; none waits for the thread's work.
class Lives {
 public:
  // The thread starts here. `queues`: open_event_queues() of the same layout. `identifier` must outlive it. Never
  // fails: without any event source the ends of adopted lives are still watched.
  Lives(LivesOptions options, engine::Identifier& identifier, EventQueues queues);
  ~Lives();

  EventSource source() const;
  // The directories in which groups were made or removed since the last call; `all` without an event source
  // that tells which, after an overflow, and once a minute.
  struct TreeChanges {
    bool all = false;
    std::vector<std::string> parents;  // "/", "/a/b"; each once, parents before children
    bool any() const { return all || !parents.empty(); }
  };
  TreeChanges take_tree_changes();
  // Paths of groups whose limits somebody wrote since the last call; `all` when that cannot be told.
  struct LimitChanges {
    bool all = false;
    std::vector<std::string> paths;
  };
  LimitChanges take_limit_changes();

  // A scrape found this live container of another engine (at start, or before its birth event was handled):
  // from now on its end is watched. Cheap when it is known.
  void adopt(const Group& group, const engine::Identity& identity);
  // A group that a scrape knew is gone: its last counters, in case there is no final reading. It is among
  // the ended ones from now on. May be called twice for one life.
  void gone(const Group& group);

  // The ended ones to be shown now: not those whose path is live in `inventory` as another life, nor those
  // over their retention. Valid until the next call.
  const std::vector<EndedLife>& ended(const Inventory& inventory, int64_t now_ns);

  // Containers of other engines whose end came too fast for a final reading, ever.
  uint64_t finals_missed() const;
  // Of those, births that were seen by an event and whose group was gone before it could be opened at all.
  uint64_t births_missed() const;
  // Lives whose end is being watched, and descriptors held for them.
  size_t watched() const;
  size_t descriptors() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::collectors::container
