// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/event_queues.h"

#include <sys/fanotify.h>

#include <vector>

#include "base/cgroup/reader.h"

namespace plimsoll::collectors::container {
namespace {

constexpr uint64_t kBirthsAndDeaths = FAN_CREATE | FAN_DELETE | FAN_ONDIR;

// The hierarchies whose births are heard of: that which identifies groups, and the v2 tree, whose
// cgroup.events tell of ends. The former comes first: v2 trees stand behind v1's in a layout.
std::vector<std::string> mounts_of_births(const cgroup::Layout& layout) {
  const auto& hierarchies = layout.hierarchies;
  const size_t identifying = cgroup::identifying_hierarchy(layout, std::vector<bool>(hierarchies.size(), true));
  std::vector<std::string> mounts;
  for (size_t i = 0; i < hierarchies.size(); ++i) {
    if (i == identifying || hierarchies[i].v2) mounts.push_back(hierarchies[i].mount_point);
  }
  return mounts;
}

std::optional<FanotifyQueue> open_queue(const std::vector<std::string>& mounts, uint64_t mask,
                                        const std::string& proc) {
  auto queue = FanotifyQueue::open(mounts, mask, proc);
  return queue ? std::optional(std::move(*queue)) : std::nullopt;
}

// A queue of its own, which wakes nobody: writes to cgroup files are many.
std::optional<FanotifyQueue> open_changes(const cgroup::Layout& layout, const std::string& proc) {
  std::vector<std::string> mounts;
  for (const cgroup::Hierarchy& hierarchy : layout.hierarchies) mounts.push_back(hierarchy.mount_point);
  return open_queue(mounts, kBirthsAndDeaths | FAN_MODIFY, proc);
}

}  // namespace

EventSource EventQueues::source() const {
  if (births) return EventSource::kFanotify;
  return tree ? EventSource::kInotify : EventSource::kNone;
}

EventQueues open_event_queues(const cgroup::Layout& layout, const std::string& proc, const EventOptions& options) {
  EventQueues queues;
  const std::vector<std::string> mounts = mounts_of_births(layout);
  if (options.best_source == EventSource::kNone || mounts.empty()) return queues;
  if (options.best_source == EventSource::kFanotify) queues.births = open_queue(mounts, kBirthsAndDeaths, proc);
  if (queues.births) {
    queues.changes = open_changes(layout, proc);
    return queues;
  }
  auto tree = InotifyTree::open(mounts.front(), options.max_inotify_watches);
  if (tree) queues.tree.emplace(std::move(*tree));
  return queues;
}

}  // namespace plimsoll::collectors::container
