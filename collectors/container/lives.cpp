// SPDX-License-Identifier: Apache-2.0
// The scraping thread's side. The watching thread (watcher.h) tells of ends; the scrapes tell of groups
// that they find gone. Both may tell of one life, in either order.
#include "collectors/container/lives.h"

#include <sys/fanotify.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "collectors/container/watcher.h"

namespace plimsoll::collectors::container {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMaxQuiet = 60 * kSecond;       // then a look without a cause
constexpr int64_t kSettling = kSecond;            // the other hierarchies' directories come a moment later
constexpr int64_t kMaxWaitForEnd = 60 * kSecond;  // of an engine's writing down how a container ended
constexpr size_t kMaxRefreshed = 100;             // identities in one scrape
constexpr size_t kMaxPaths = 10'000;              // whose limits changed
constexpr size_t kMaxParents = 1'000;             // in which groups came or went; beyond it the whole tree is listed

uint64_t cpu_of(const cgroup::Counters& counters) { return counters.cpu_usage_ns.value_or(0); }

void sort_out(std::vector<std::string>& paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
}

// Brings together what was told about one life.
void merge(EndedLife& known, EndedLife told) {
  if (known.counters.network.empty()) known.counters.network = told.counters.network;
  if (told.counters.network.empty()) told.counters.network = known.counters.network;
  const bool better = told.final != known.final ? told.final : cpu_of(told.counters) >= cpu_of(known.counters);
  if (better) known.counters = std::move(told.counters);
  known.ended_ns = std::min(known.ended_ns, told.ended_ns);
  known.final = known.final || told.final;
}

}  // namespace

struct Lives::State {
  State(LivesOptions given, engine::Identifier& engines) : options(std::move(given)), identifier(engines) {}

  void take_changes();
  void take_change(const FanotifyEvent& event);
  void take_ends();
  void put(EndedLife life);
  EndedLife* find(const std::string& path, uint64_t inode);
  void settle_unknown(const EndedLife& life);
  void hide_and_drop(const Inventory& inventory, int64_t now_ns);
  void bound();
  void refresh_identities(int64_t now_ns);

  LivesOptions options;
  engine::Identifier& identifier;
  size_t identifying = 0;  // index of the hierarchy that identifies groups
  std::unique_ptr<Watcher> watcher;
  std::optional<FanotifyQueue> changes;  // of all hierarchies; read by scrapes only
  int64_t last_look_ns = 0, last_limits_ns = 0, last_event_ns = 0;
  LimitChanges limits{.all = true, .paths = {}};
  TreeChanges tree;
  std::vector<EndedLife> told;              // by scrapes, since the last ended()
  std::vector<EndedLife> shown, hidden;     // hidden: live in the inventory
  std::map<std::string, uint64_t> waiting;  // of those, path and inode for which the thread's word is awaited
  // Places in `shown` by inode, while ends are taken.
  std::unordered_multimap<uint64_t, size_t> places;
  uint64_t generation = 0;
  uint64_t finals_missed = 0;
};

Lives::Lives(LivesOptions options, engine::Identifier& identifier, EventQueues queues)
    : state_(std::make_unique<State>(std::move(options), identifier)) {
  const auto& hierarchies = state_->options.layout.hierarchies;
  state_->identifying =
      cgroup::identifying_hierarchy(state_->options.layout, std::vector<bool>(hierarchies.size(), true));
  if (!state_->options.events) return;
  state_->changes = std::move(queues.changes);
  state_->watcher = std::make_unique<Watcher>(state_->options, identifier, std::move(queues));
}

Lives::~Lives() = default;

EventSource Lives::source() const { return state_->watcher ? state_->watcher->source() : EventSource::kNone; }

// A directory that is gone by now has no path; that it went is an event of its parent.
void Lives::State::take_change(const FanotifyEvent& event) {
  const bool came_or_went = (event.mask & (FAN_CREATE | FAN_DELETE)) != 0 && !tree.all;
  const bool limit = (event.mask & FAN_MODIFY) != 0 && !limits.all && is_limit_file(event.name);
  if (!came_or_went && !limit) return;
  const std::string* path = changes->directory(event);
  if (path == nullptr) return;
  const auto add = [&](std::vector<std::string>& paths) {
    if (paths.empty() || paths.back() != *path) paths.push_back(*path);
  };
  if (came_or_went) add(tree.parents);
  if (limit) add(limits.paths);
  tree.all = tree.all || tree.parents.size() > kMaxParents;
  limits.all = limits.all || limits.paths.size() > kMaxPaths;
}

void Lives::State::take_changes() {
  const bool whole = changes->drain([this](const FanotifyEvent& event) { take_change(event); });
  limits.all = limits.all || !whole;
  tree.all = tree.all || !whole;
}

Lives::TreeChanges Lives::take_tree_changes() {
  State& state = *state_;
  const int64_t now_ns = monotonic_ns();
  if (state.changes) {
    state.take_changes();
  } else {
    if (state.watcher && state.watcher->take_tree_change()) state.last_event_ns = now_ns;
    state.tree.all = now_ns - state.last_event_ns < kSettling;
  }
  TreeChanges taken = std::exchange(state.tree, {});
  const bool due = state.last_look_ns == 0 || now_ns - state.last_look_ns >= kMaxQuiet;
  taken.all = taken.all || due || source() == EventSource::kNone;
  if (taken.all) {
    state.last_look_ns = now_ns;
    taken.parents.clear();
  }
  sort_out(taken.parents);
  return taken;
}

// Events of removed groups have no path any more; those of new ones are of no interest, but cheap.
Lives::LimitChanges Lives::take_limit_changes() {
  LimitChanges taken = std::exchange(state_->limits, {});
  const int64_t now_ns = monotonic_ns();
  const bool due = state_->last_limits_ns == 0 || now_ns - state_->last_limits_ns >= kMaxQuiet;
  taken.all = taken.all || due || !state_->changes || source() == EventSource::kNone;
  if (taken.all) {
    state_->last_limits_ns = now_ns;
    taken.paths.clear();
  }
  sort_out(taken.paths);
  return taken;
}

void Lives::adopt(const Group& group, const engine::Identity& identity) {
  if (!state_->watcher || identity.engine == "plimsoll" || !group.reader) return;
  state_->watcher->adopt(group.path, group.reader->inode(), identity);
}

void Lives::gone(const Group& group) {
  if (!group.identity || group.identity->engine == "plimsoll" || !group.reader) return;
  EndedLife life;
  life.path = group.path;
  life.inode = group.reader->inode_in(state_->identifying);
  life.identity = *group.identity;
  life.counters = group.stats.counters;
  life.created_ns = group.reader->created_ns();
  life.ended_ns = wall_clock_ns();
  if (state_->watcher) state_->watcher->gone(life.path, life.inode);
  state_->told.push_back(std::move(life));
}

// Inode 0: it was seen only while it was being made or removed; then the path must do.
EndedLife* Lives::State::find(const std::string& path, uint64_t inode) {
  const auto [first, last] = places.equal_range(inode);
  for (auto place = first; place != last; ++place) {
    if (shown[place->second].path == path) return &shown[place->second];
  }
  const auto known = waiting.find(path);
  if (inode != 0 && (known == waiting.end() || known->second != 0)) return nullptr;
  const auto latest =
      std::find_if(shown.rbegin(), shown.rend(), [&](const EndedLife& life) { return life.path == path; });
  return latest == shown.rend() ? nullptr : &*latest;
}

void Lives::State::put(EndedLife life) {
  life.identity.state = engine::State::kExited;
  places.emplace(life.inode, shown.size());
  shown.push_back(std::move(life));
}

// The thread knew nothing of it: its end was not watched.
void Lives::State::settle_unknown(const EndedLife& life) {
  const auto known = waiting.find(life.path);
  if (known == waiting.end() || known->second != life.inode) return;
  waiting.erase(known);
  ++finals_missed;
}

void Lives::State::take_ends() {
  std::vector<WatchedEnd> watched;
  if (watcher) watched = watcher->take_ends();
  if (told.empty() && watched.empty()) return;
  std::move(hidden.begin(), hidden.end(), std::back_inserter(shown));
  hidden.clear();
  generation = 0;
  for (size_t i = 0; i < shown.size(); ++i) places.emplace(shown[i].inode, i);
  for (EndedLife& life : std::exchange(told, {})) {
    if (EndedLife* known = find(life.path, life.inode)) {
      merge(*known, std::move(life));
      continue;
    }
    if (watcher)
      waiting[life.path] = life.inode;
    else
      ++finals_missed;
    put(std::move(life));
  }
  for (WatchedEnd& end : watched) {
    if (!end.known) {
      settle_unknown(end.life);
      continue;
    }
    EndedLife* known = find(end.life.path, end.life.inode);
    waiting.erase(end.life.path);
    if (known != nullptr)
      merge(*known, std::move(end.life));
    else
      put(std::move(end.life));
  }
  places.clear();
}

// Live is what this scrape shows as a container, or what has taken the path.
void Lives::State::hide_and_drop(const Inventory& inventory, int64_t now_ns) {
  const auto is_live = [&](const EndedLife& life) {
    const Group* group = inventory.find(life.path);
    if (group == nullptr) return false;
    return (group->live && group->identity) || (inventory.is_whole(*group) && group->reader->inode() != life.inode);
  };
  const int64_t oldest = now_ns - options.retention.count();
  for (auto* list : {&shown, &hidden})
    std::erase_if(*list, [&](const EndedLife& life) { return life.ended_ns < oldest; });
  std::vector<EndedLife> back;
  std::erase_if(hidden, [&](EndedLife& life) { return !is_live(life) && (back.push_back(std::move(life)), true); });
  if (generation != inventory.generation()) {
    generation = inventory.generation();
    const auto live =
        std::stable_partition(shown.begin(), shown.end(), [&](const EndedLife& life) { return !is_live(life); });
    std::move(live, shown.end(), std::back_inserter(hidden));
    shown.erase(live, shown.end());
  }
  std::move(back.begin(), back.end(), std::back_inserter(shown));
}

void Lives::State::bound() {
  for (auto* list : {&shown, &hidden}) {
    if (list->size() <= options.max_ended) continue;
    std::stable_sort(list->begin(), list->end(),
                     [](const EndedLife& a, const EndedLife& b) { return a.ended_ns < b.ended_ns; });
    list->erase(list->begin(), list->end() - static_cast<long>(options.max_ended));
  }
}

// Engines write down how a container ended a moment after it.
void Lives::State::refresh_identities(int64_t now_ns) {
  size_t refreshed = 0;
  for (EndedLife& life : shown) {
    if (life.identity.exit_code || now_ns - life.ended_ns > kMaxWaitForEnd) continue;
    if (++refreshed > kMaxRefreshed) return;
    identifier.refresh(life.identity);
    if (life.identity.state != engine::State::kDead) life.identity.state = engine::State::kExited;
  }
}

const std::vector<EndedLife>& Lives::ended(const Inventory& inventory, int64_t now_ns) {
  state_->take_ends();
  state_->hide_and_drop(inventory, now_ns);
  state_->bound();
  state_->refresh_identities(now_ns);
  return state_->shown;
}

uint64_t Lives::finals_missed() const {
  return state_->finals_missed + (state_->watcher ? state_->watcher->finals_missed() : 0);
}
uint64_t Lives::births_missed() const { return state_->watcher ? state_->watcher->births_missed() : 0; }
size_t Lives::watched() const { return state_->watcher ? state_->watcher->watched() : 0; }
size_t Lives::descriptors() const { return state_->watcher ? state_->watcher->descriptors() : 0; }

}  // namespace plimsoll::collectors::container
