// SPDX-License-Identifier: Apache-2.0
// The thread behind lives.h: hears of births, keeps a LifeWatch per container of another engine, and reads
// the final counters. It sleeps in epoll_wait(2) until the kernel tells of something; what it owes to the
// scraping thread goes over one mutex that either side holds only to move a few vectors.
//
// Order of work: ends first (they are races), then births, then one look that may take a millisecond
// (an engine's files) before it turns to the ends again.
// epoll(7), eventfd(2)
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "collectors/container/event_queues.h"
#include "collectors/container/life_watch.h"
#include "collectors/container/lives.h"

namespace plimsoll::collectors::container {

// An end as the watching thread tells it.
struct WatchedEnd {
  EndedLife life;
  bool has_counters = false;
  bool known = true;  // false: asked for an end of which it knows nothing
};

class Watcher {
 public:
  // Starts the thread. Of `queues` those of births.
  Watcher(const LivesOptions& options, engine::Identifier& identifier, EventQueues queues);
  // Ends it.
  ~Watcher();

  // By the scraping thread:
  EventSource source() const { return source_; }
  void adopt(std::string path, uint64_t inode, engine::Identity identity);
  void gone(std::string path, uint64_t inode);
  std::vector<WatchedEnd> take_ends();
  // Whether a directory was made or removed since the last call, as far as inotify tells.
  bool take_tree_change() { return tree_changed_.exchange(false); }
  uint64_t finals_missed() const { return finals_missed_; }
  uint64_t births_missed() const { return births_missed_; }
  size_t watched() const { return watched_; }
  size_t descriptors() const { return descriptors_; }

 private:
  struct Command {
    std::string path;
    uint64_t inode = 0;
    std::optional<engine::Identity> identity;  // to be adopted; else it is gone
  };
  using Watches = std::unordered_map<std::string, std::pair<uint64_t, std::unique_ptr<LifeWatch>>>;

  void poll_source();
  void run();
  void handle_ready(uint64_t key);
  void publish();
  int timeout_ms() const;

  void take_commands();
  void take_adopted(Command& command);
  void take_gone(const Command& command);

  void read_events();
  void drain_fanotify();
  void drain_inotify();
  void note(const std::string& path, bool made, bool identifies);
  void check_all();
  void miss_birth(const std::string& path);
  bool is_wanted(const std::string& path) const;
  LifeWatch* begin(const std::string& path, const Place& place);
  void remember(const std::string& path, const Place& place);
  void end(const std::string& path);
  void forget(const std::string& path);

  void tick_one();
  void tick(LifeWatch& watch);
  bool identify(LifeWatch& watch);
  void schedule(LifeWatch& watch, int64_t delay_ns);
  void unschedule(LifeWatch& watch);
  void on_events(LifeWatch& watch);
  void on_process(LifeWatch& watch);
  void settle(LifeWatch& watch);
  void follow_up(LifeWatch& watch);
  void poll_events_of(LifeWatch& watch);
  void poll_process_of(LifeWatch& watch);
  void tell(WatchedEnd end);

  engine::Identifier& identifier_;
  size_t max_ended_;
  size_t identifying_;  // index of the hierarchy
  size_t max_descriptors_;
  std::atomic<EventSource> source_ = EventSource::kNone;
  std::atomic<bool> stop_ = false, tree_changed_ = false;
  std::atomic<uint64_t> finals_missed_ = 0, births_missed_ = 0;
  std::atomic<size_t> watched_ = 0, descriptors_ = 0;

  std::mutex mutex_;  // of these two
  std::vector<Command> commands_;
  std::vector<WatchedEnd> ends_;

  // From here on the thread's own.
  WatchContext context_;
  std::optional<FanotifyQueue> fanotify_;
  std::optional<InotifyTree> inotify_;
  UniqueFd wake_;
  Watches watches_;                                 // by path
  std::unordered_map<std::string, Place> removed_;  // lately, by path: what is left of them is no birth
  std::unordered_map<uint64_t, LifeWatch*> by_number_;
  std::set<std::pair<int64_t, std::string>> ticks_;  // when (monotonic), path
  uint64_t last_number_ = 0;
  std::thread thread_;
};

}  // namespace plimsoll::collectors::container
