// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/watcher.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "collectors/container/urgency.h"

namespace plimsoll::collectors::container {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int kMaxTicks = 10;        // 1, 2, 4 ... 512 ms: a second
constexpr int kTicksOfUnlikely = 5;  // after so many a group that nobody knows is nobody's container
constexpr size_t kMaxWatched = 10'000;
constexpr size_t kMaxRemoved = 1024;
constexpr int kBatch = 64;

// Keys of what is polled: a watch's number and what of it, or one of the first two.
constexpr uint64_t kWakeKey = 0, kSourceKey = 1;
constexpr uint64_t kProcessBit = 1;
constexpr uint64_t events_key(uint64_t number) { return number * 2; }
constexpr uint64_t process_key(uint64_t number) { return number * 2 + kProcessBit; }

size_t descriptors_for(const LivesOptions& options) {
  if (options.max_descriptors != 0) return options.max_descriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const auto all = static_cast<size_t>(std::min<rlim_t>(limit.rlim_cur, 1'000'000));
  return (all - std::min(options.reserved_descriptors, all)) / 8;
}

std::string join(const std::string& directory, std::string_view name) {
  return (directory == "/" ? "" : directory) + "/" + std::string(name);
}

bool is_own(const engine::Identity& identity) { return identity.engine == "plimsoll"; }

bool poll_in(int epoll, int fd, uint32_t events, uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Watcher::Watcher(const LivesOptions& options, engine::Identifier& identifier, EventQueues queues)
    : identifier_(identifier),
      max_ended_(options.max_ended),
      identifying_(
          cgroup::identifying_hierarchy(options.layout, std::vector<bool>(options.layout.hierarchies.size(), true))),
      max_descriptors_(descriptors_for(options)),
      context_(options.layout, options.read, max_descriptors_),
      fanotify_(std::move(queues.births)),
      inotify_(std::move(queues.tree)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  poll_in(context_.epoll.get(), wake_.get(), EPOLLIN, kWakeKey);
  poll_source();
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Watcher::~Watcher() {
  stop_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Watcher::poll_source() {
  const int fd = fanotify_ ? fanotify_->fd() : inotify_ ? inotify_->fd() : -1;
  if (fd < 0 || !poll_in(context_.epoll.get(), fd, EPOLLIN, kSourceKey)) return;
  source_ = fanotify_ ? EventSource::kFanotify : EventSource::kInotify;
}

void Watcher::adopt(std::string path, uint64_t inode, engine::Identity identity) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({std::move(path), inode, std::move(identity)});
  }
  ::eventfd_write(wake_.get(), 1);
}

void Watcher::gone(std::string path, uint64_t inode) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back({std::move(path), inode, std::nullopt});
  }
  ::eventfd_write(wake_.get(), 1);
}

std::vector<WatchedEnd> Watcher::take_ends() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ends_, {});
}

// Without a scrape that takes them, the oldest go.
void Watcher::tell(WatchedEnd end) {
  const std::lock_guard lock(mutex_);
  if (ends_.size() >= max_ended_ + max_ended_ / 4)
    ends_.erase(ends_.begin(), ends_.begin() + static_cast<long>(max_ended_ / 4 + 1));
  ends_.push_back(std::move(end));
}

int Watcher::timeout_ms() const {
  if (ticks_.empty()) return -1;
  const int64_t left = ticks_.begin()->first - monotonic_ns();
  return left <= 0 ? 0 : static_cast<int>((left + kMs - 1) / kMs);
}

void Watcher::run() {
  ::pthread_setname_np(::pthread_self(), "plimsoll-lives");
  // Ends are races, and what it does for each is short. Without CAP_SYS_NICE it has the priority of its maker.
  const Urgency urgency = Urgency::raise();
  epoll_event ready[kBatch];
  while (!stop_) {
    const int count = ::epoll_wait(context_.epoll.get(), ready, kBatch, timeout_ms());
    bool source = false, wake = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t key = ready[i].data.u64;
      if (key == kSourceKey)
        source = true;
      else if (key == kWakeKey)
        wake = true;
      else
        handle_ready(key);
    }
    if (source) read_events();
    if (wake) take_commands();
    tick_one();
    publish();
  }
}

void Watcher::publish() {
  watched_ = watches_.size();
  const size_t left = context_.readers.left() + context_.extras.left();
  descriptors_ = max_descriptors_ - std::min(max_descriptors_, left);
}

void Watcher::handle_ready(uint64_t key) {
  const auto found = by_number_.find(key / 2);
  if (found == by_number_.end()) return;
  if ((key & kProcessBit) != 0)
    on_process(*found->second);
  else
    on_events(*found->second);
}

void Watcher::take_commands() {
  eventfd_t value;
  ::eventfd_read(wake_.get(), &value);
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (Command& command : commands) {
    if (command.identity)
      take_adopted(command);
    else
      take_gone(command);
  }
}

void Watcher::take_adopted(Command& command) {
  const auto found = watches_.find(command.path);
  LifeWatch* watch = found == watches_.end() ? nullptr : found->second.second.get();
  if (watch != nullptr && watch->inode() != 0 && watch->inode() != command.inode && !watch->is_same()) {
    end(command.path);
    watch = nullptr;
  }
  if (watch == nullptr) {
    const Place place = find_place(context_.layout, command.path);
    if (place.inode != 0) watch = begin(command.path, place);
  }
  if (watch == nullptr) return;  // the scrape will tell that it is gone
  watch->adopted = true;
  if (!watch->identity) watch->identity = std::move(command.identity);
  schedule(*watch, 0);
}

void Watcher::take_gone(const Command& command) {
  const auto found = watches_.find(command.path);
  const bool same =
      found != watches_.end() && (found->second.second->inode() == 0 || found->second.second->inode() == command.inode);
  if (same && !found->second.second->is_same()) return end(command.path);
  WatchedEnd unknown;
  unknown.life.path = command.path;
  unknown.life.inode = command.inode;
  unknown.known = false;
  tell(std::move(unknown));
}

void Watcher::read_events() {
  tree_changed_ = true;
  if (fanotify_)
    drain_fanotify();
  else if (inotify_)
    drain_inotify();
}

void Watcher::drain_fanotify() {
  const bool whole = fanotify_->drain([this](const FanotifyEvent& event) {
    const bool made = (event.mask & FAN_CREATE) != 0;
    if (const std::string* directory = fanotify_->directory(event))
      note(join(*directory, event.name), made, fanotify_->mount_of(event) == 0);
    else if (made && fanotify_->mount_of(event) == 0)
      miss_birth(join("", event.name));
  });
  if (!whole) check_all();
}

// Out of watches: each scrape looks for itself from now on; what is watched stays so.
void Watcher::drain_inotify() {
  const auto drained = inotify_->drain([this](const std::string& path, bool made) { note(path, made, true); });
  if (!drained) {
    ::epoll_ctl(context_.epoll.get(), EPOLL_CTL_DEL, inotify_->fd(), nullptr);
    inotify_.reset();
    source_ = EventSource::kNone;
  } else if (!*drained) {
    check_all();
  }
}

// Looks at what became of a path; what events told of it may be outdated, or merged into one. `identifies`:
// the event is of the hierarchy that identifies groups, so that a birth in several is missed once.
void Watcher::note(const std::string& path, bool made, bool identifies) {
  const auto found = watches_.find(path);
  const bool known = found != watches_.end();
  if (known) {
    LifeWatch& watch = *found->second.second;
    if (watch.is_same()) return made ? schedule(watch, 0) : void();
    end(path);
  }
  if (!made || !is_wanted(path)) return;
  const Place place = find_place(context_.layout, path);
  if (place.inode == 0 || (identifies && place.inodes[identifying_] == 0)) {
    if (!known && identifies) miss_birth(path);
  } else if (LifeWatch* watch = begin(path, place)) {
    schedule(*watch, 0);
  }
}

void Watcher::check_all() {
  std::vector<std::string> ended;
  for (const auto& [path, entry] : watches_) {
    if (!entry.second->is_same()) ended.push_back(path);
  }
  for (const std::string& path : ended) end(path);
}

// Containers alone count, and not ours: their monitors miss none.
void Watcher::miss_birth(const std::string& path) {
  if (engine::container_id_in(path).empty()) return;
  const auto identity = identifier_.identify(path, 0);
  if (identity && is_own(*identity)) return;
  ++births_missed_;
  ++finals_missed_;
  Place place;
  place.hierarchy = identifying_;
  place.inodes.resize(context_.layout.hierarchies.size());
  remember(path, place);
}

// What a container makes below itself is part of it. systemd's groups of mount points have no processes.
bool Watcher::is_wanted(const std::string& path) const {
  if (path.ends_with(".mount")) return false;
  if (!engine::container_id_in(path).empty()) return true;
  for (size_t slash = path.rfind('/'); slash != 0 && slash != std::string::npos; slash = path.rfind('/', slash - 1)) {
    if (!engine::container_id_in(std::string_view(path).substr(0, slash)).empty()) return false;
  }
  return true;
}

// nullptr: too many, or the rest of one that is being removed.
LifeWatch* Watcher::begin(const std::string& path, const Place& place) {
  const auto before = removed_.find(path);
  const bool rest = before != removed_.end() && place.is_rest_of(before->second);
  if (rest || watches_.size() >= kMaxWatched) return nullptr;
  auto watch = std::make_unique<LifeWatch>(context_, path, place);
  watch->likely = !engine::container_id_in(path).empty();
  LifeWatch* raw = watch.get();
  const uint64_t number = ++last_number_;
  by_number_[number] = raw;
  watches_[path] = {number, std::move(watch)};
  return raw;
}

void Watcher::forget(const std::string& path) {
  const auto found = watches_.find(path);
  if (found == watches_.end()) return;
  unschedule(*found->second.second);
  by_number_.erase(found->second.first);
  watches_.erase(found);
}

void Watcher::remember(const std::string& path, const Place& place) {
  if (removed_.size() >= kMaxRemoved) removed_.clear();
  removed_.insert_or_assign(path, place);
}

// The group is gone. What never was a container is not told of.
void Watcher::end(const std::string& path) {
  LifeWatch& watch = *watches_.at(path).second;
  remember(path, watch.place());
  if (!watch.identity && (watch.likely || watch.has_reading())) watch.identity = identifier_.identify(path, 0);
  if (watch.identity && is_own(*watch.identity)) return forget(path);
  const bool unopened = !watch.has_reading() && !watch.adopted && (watch.likely || watch.identity);
  births_missed_ += unopened;
  finals_missed_ += watch.identity ? !watch.final : unopened;
  if (!watch.identity || unopened) return forget(path);
  WatchedEnd ended;
  ended.life.path = path;
  ended.life.inode = watch.inode();
  ended.life.identity = std::move(*watch.identity);
  ended.life.counters = watch.counters();
  ended.life.final = watch.final;
  ended.life.created_ns = watch.created_ns();
  ended.life.ended_ns = watch.final ? watch.drained_ns : wall_clock_ns();
  ended.has_counters = watch.has_reading();
  forget(path);
  tell(std::move(ended));
}

void Watcher::schedule(LifeWatch& watch, int64_t delay_ns) {
  const int64_t when = monotonic_ns() + delay_ns;
  if (watch.next_tick != 0 && watch.next_tick <= when) return;
  unschedule(watch);
  watch.next_tick = when;
  ticks_.emplace(when, watch.path());
}

void Watcher::unschedule(LifeWatch& watch) {
  if (watch.next_tick != 0) ticks_.erase({watch.next_tick, watch.path()});
  watch.next_tick = 0;
}

void Watcher::tick_one() {
  if (ticks_.empty() || ticks_.begin()->first > monotonic_ns()) return;
  LifeWatch& watch = *watches_.at(ticks_.begin()->second).second;
  unschedule(watch);
  tick(watch);
}

// Looks at a young group: whether it has a process by now, stands in more hierarchies, is known to an engine.
void Watcher::tick(LifeWatch& watch) {
  const std::string path = watch.path();
  if (!watch.is_same()) return end(path);
  const bool had_events = watch.events_fd() >= 0;
  const bool open = watch.attach();
  if (!had_events) poll_events_of(watch);
  if (open && watch.process_fd() < 0 && !watch.final) settle(watch);
  const bool known = identify(watch);
  if (watch.identity && is_own(*watch.identity)) return forget(path);
  ++watch.ticks;
  const bool hopeless = !known && !watch.likely && open && watch.ticks >= kTicksOfUnlikely;
  const bool empty = !open && watch.ticks >= kMaxTicks && watch.events_fd() < 0;
  if (hopeless || (empty && !watch.adopted)) return forget(path);
  const bool done = known && watch.is_complete();
  if (watch.ticks < kMaxTicks && !done) schedule(watch, kMs << (watch.ticks - 1));
}

// Before there is a process nobody's files tell who it is.
bool Watcher::identify(LifeWatch& watch) {
  if (watch.identity) return true;
  if (!watch.has_reading() && !watch.likely) return false;
  watch.identity = identifier_.identify(watch.path(), std::max(watch.first_process(), 0));
  return watch.identity.has_value();
}

void Watcher::poll_events_of(LifeWatch& watch) {
  if (watch.events_fd() < 0) return;
  poll_in(context_.epoll.get(), watch.events_fd(), EPOLLPRI, events_key(watches_.at(watch.path()).first));
}

void Watcher::poll_process_of(LifeWatch& watch) {
  if (watch.process_fd() < 0) return;
  poll_in(context_.epoll.get(), watch.process_fd(), EPOLLIN, process_key(watches_.at(watch.path()).first));
}

// cgroup.events has changed, or the group is gone.
void Watcher::on_events(LifeWatch& watch) {
  if (watch.inode() == 0) watch.ticks = 0;  // its life begins
  watch.note_change();
  settle(watch);
  follow_up(watch);
}

// A process has ended. Its counters are read first: its engine may be about to remove the group.
void Watcher::on_process(LifeWatch& watch) {
  watch.drop_process();
  settle(watch);
  follow_up(watch);
}

// What can wait until the other ends have been looked at.
void Watcher::follow_up(LifeWatch& watch) {
  const bool ended = watch.final ? watch.events_fd() < 0 || !watch.is_same() : !watch.is_same();
  if (ended || watch.inode() == 0 || !watch.identity) schedule(watch, 0);
}

// Reads the final counters of a group without processes; else awaits the end of one of them.
void Watcher::settle(LifeWatch& watch) {
  using Outcome = LifeWatch::Outcome;
  if (watch.is_drained()) {
    watch.drop_process();
    if (watch.inode() == 0) (void)watch.attach();
    if (watch.take_reading()) {
      watch.final = true;
      watch.drained_ns = wall_clock_ns();
    }
    return;
  }
  watch.final = false;
  if (watch.process_fd() >= 0) return;
  const Outcome outcome = watch.watch_process();
  if (outcome == Outcome::kDone) poll_process_of(watch);
  if (outcome == Outcome::kAgain) schedule(watch, kMs);
}

}  // namespace plimsoll::collectors::container
