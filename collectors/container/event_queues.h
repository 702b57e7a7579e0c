// SPDX-License-Identifier: Apache-2.0
// The kernel's queues of what happens to cgroups, opened apart from the threads that read them: to mark a cgroup file
// system takes CAP_SYS_ADMIN, to read what came of it does not, so the agent opens them before it gives that up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/cgroup/layout.h"
#include "collectors/container/cgroup_events.h"

namespace plimsoll::collectors::container {

enum class EventSource : uint8_t { kFanotify, kInotify, kNone };

struct EventQueues {
  // Births and deaths, for the thread that watches: the hierarchy that identifies groups, and the v2 tree. At most
  // one of the two is there.
  std::optional<FanotifyQueue> births;
  std::optional<InotifyTree> tree;
  // All hierarchies, writes to their files as well; for the scrapes. Only beside `births`.
  std::optional<FanotifyQueue> changes;

  EventSource source() const;
};

struct EventOptions {
  // The best source to try; the next one is taken where it cannot be had.
  EventSource best_source = EventSource::kFanotify;
  size_t max_inotify_watches = 0;  // 0 = as many as the kernel allows
};

// Starts no thread, never fails. `proc`: HostRoots::proc.
EventQueues open_event_queues(const cgroup::Layout& layout, const std::string& proc, const EventOptions& options);

}  // namespace plimsoll::collectors::container
