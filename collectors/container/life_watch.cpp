// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/life_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::container {
namespace {

constexpr int kMaxDepth = 4;         // below the group, in the search for a process
constexpr size_t kMaxChildren = 64;  // of one directory, likewise

std::string directory(const cgroup::Hierarchy& hierarchy, const std::string& path) {
  return hierarchy.mount_point + (path == "/" ? "" : path);
}

uint64_t inode_of(const std::string& full) {
  struct stat st;
  return ::stat(full.c_str(), &st) == 0 && S_ISDIR(st.st_mode) ? st.st_ino : 0;
}

// Only what can still be told of a group that has ended.
cgroup::ReadOptions counters_of(cgroup::ReadOptions options) {
  options.procs = options.hugetlb = options.numa = options.cpuset = false;
  return options;
}

// Whether `now` has all that `before` had, and has not gone back.
bool is_as_full(const cgroup::Counters& now, const cgroup::Counters& before) {
  using Counters = cgroup::Counters;
  constexpr cgroup::Count Counters::*kMembers[] = {
      &Counters::cpu_usage_ns,    &Counters::cpu_user_ns,       &Counters::cpu_system_ns, &Counters::cfs_periods,
      &Counters::memory_failures, &Counters::page_faults,       &Counters::oom_kills,     &Counters::memory_max_events,
      &Counters::pages_scanned,   &Counters::major_page_faults,
  };
  for (auto member : kMembers) {
    if (before.*member && !(now.*member)) return false;
  }
  return now.io.size() >= before.io.size() && now.cpu_usage_ns.value_or(0) >= before.cpu_usage_ns.value_or(0);
}

}  // namespace

WatchContext::WatchContext(const cgroup::Layout& measured, cgroup::ReadOptions options, size_t max_descriptors)
    : layout(measured),
      read(counters_of(options)),
      readers(max_descriptors - max_descriptors / 2),
      extras(max_descriptors / 2),
      kept_for_events(max_descriptors / 4),
      epoll(::epoll_create1(EPOLL_CLOEXEC)) {}

Place find_place(const cgroup::Layout& layout, const std::string& path) {
  std::vector<bool> present(layout.hierarchies.size());
  Place place;
  place.inodes.resize(present.size());
  for (size_t i = 0; i < present.size(); ++i) {
    place.inodes[i] = inode_of(directory(layout.hierarchies[i], path));
    present[i] = place.inodes[i] != 0;
    place.count += present[i];
  }
  place.hierarchy = cgroup::identifying_hierarchy(layout, present);
  if (place.hierarchy < present.size()) place.inode = place.inodes[place.hierarchy];
  return place;
}

bool Place::is_rest_of(const Place& before) const {
  if (inode == 0 || before.hierarchy >= inodes.size()) return false;
  return inodes[before.hierarchy] == 0 || inode == before.inodes[hierarchy];
}

LifeWatch::LifeWatch(WatchContext& context, std::string path, const Place& place)
    : context_(context), path_(std::move(path)), place_(place) {}

LifeWatch::~LifeWatch() {
  release(events_);
  release(process_);
}

// Closing alone does not end the polling of a descriptor that a child process has inherited.
void LifeWatch::release(UniqueFd& fd) {
  if (fd) ::epoll_ctl(context_.epoll.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  if (fd) context_.extras.give_back(1);
  fd.reset();
}

bool LifeWatch::is_same() const {
  return inode_of(directory(context_.layout.hierarchies[place_.hierarchy], path_)) == place_.inode;
}

void LifeWatch::open_events() {
  if (events_) return;
  const cgroup::Hierarchy* tree = context_.layout.unified();
  if (tree == nullptr || !context_.extras.take()) return;
  events_.reset(::open((directory(*tree, path_) + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (!events_) context_.extras.give_back(1);
}

// Once the v2 tree's directory is gone, its file would be ready for ever.
void LifeWatch::read_populated() {
  if (!events_) return;
  auto text = context_.buffer.read(events_.get());
  if (!text) {
    populated_ = false;
    return release(events_);
  }
  populated_ = find_u64(*text, "populated").value_or(0) == 1;
  counted_ = counted_ || populated_;
  inhabited_ = inhabited_ || populated_;
}

bool LifeWatch::open_reader() {
  auto reader = cgroup::CgroupReader::open(context_.layout, path_, context_.readers, context_.read);
  if (!reader) return false;
  reader_.emplace(std::move(*reader));
  created_ns_ = reader_->created_ns();
  opened_in_ = place_.count;
  return true;
}

bool LifeWatch::attach() {
  open_events();
  read_populated();
  if (!inhabited_) inhabited_ = first_process() != 0;
  if (!inhabited_ && !adopted) return false;
  if (!reader_ || opened_in_ < context_.layout.hierarchies.size()) {
    const Place now = find_place(context_.layout, path_);
    const bool more = now.count > opened_in_;
    if (now.inode != 0 && (!reader_ || more)) {
      place_ = now;
      if (open_reader()) (void)take_reading();
    }
  }
  // Adopted after its last process had ended.
  inhabited_ = inhabited_ || stats_.counters.cpu_usage_ns.value_or(0) > 0;
  return reader_.has_value();
}

// An engine removes a group from one hierarchy after the other; a reading in the middle of that lacks a part.
// Without kept directories the path is read, which may be another group's by now.
bool LifeWatch::take_reading() {
  if (!reader_ || !reader_->read(context_.buffer, fresh_)) return false;
  if (has_reading_ && !is_as_full(fresh_.counters, stats_.counters)) return false;
  if (reader_->directory_fd(place_.hierarchy) < 0 && !is_same()) return false;
  std::swap(stats_, fresh_);
  return has_reading_ = true;
}

pid_t LifeWatch::first_process_below(const std::string& full, int depth) {
  auto text = context_.buffer.read_at(AT_FDCWD, (full + "/cgroup.procs").c_str());
  if (!text) return 0;
  if (const auto pid = parse_u64(text->substr(0, text->find('\n'))))
    return *pid == 0 ? kUnseen : static_cast<pid_t>(*pid);
  struct stat st;
  if (depth >= kMaxDepth || ::stat(full.c_str(), &st) != 0 || st.st_nlink <= 2) return 0;
  auto dir = Dir::open(full);
  if (!dir) return 0;
  auto entries = dir->list();
  if (!entries) return 0;
  size_t looked_at = 0;
  for (const Dir::Entry& entry : *entries) {
    if (!entry.is_directory) continue;
    if (const pid_t pid = first_process_below(full + "/" + entry.name, depth + 1)) return pid;
    if (++looked_at >= kMaxChildren) break;
  }
  return 0;
}

pid_t LifeWatch::first_process() {
  return first_process_below(directory(context_.layout.hierarchies[place_.hierarchy], path_), 0);
}

// Where the v2 tree alone holds the group, its word is enough.
bool LifeWatch::is_drained() {
  read_populated();
  if (!inhabited_ || populated_) return false;
  if (events_ && counted_ && context_.layout.hierarchies[place_.hierarchy].v2) return true;
  return first_process() == 0;
}

LifeWatch::Outcome LifeWatch::watch_process() {
  if (process_) return Outcome::kDone;
  if (counted_ && events_ && context_.extras.left() <= context_.kept_for_events) return Outcome::kImpossible;
  const pid_t pid = first_process();
  inhabited_ = inhabited_ || pid != 0;
  if (pid <= 0 || !context_.extras.take()) return Outcome::kImpossible;
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process_) return Outcome::kDone;
  const bool ended = errno == ESRCH;
  context_.extras.give_back(1);
  return ended ? Outcome::kAgain : Outcome::kImpossible;
}

}  // namespace plimsoll::collectors::container
