// SPDX-License-Identifier: Apache-2.0
// The processes of a cgroup: move in, kill, wait for the last one, remove the empty group.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "runtime/limits/freezer.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::limits {
namespace {

constexpr int kKillRounds = 2000;    // of a millisecond each
constexpr int kRemoveAttempts = 50;  // of a millisecond each

void sleep_ms(long ms) {
  timespec time{ms / 1000, ms % 1000 * 1'000'000};
  ::nanosleep(&time, nullptr);
}

// cgroup.procs: one process id a line. A zombie is not listed.
std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    pid_t pid = 0;
    if (std::from_chars(text.data(), text.data() + end, pid).ec == std::errc() && pid > 0) pids.push_back(pid);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pids;
}

// Of the group and all groups below. A group that goes away meanwhile has none; of a threaded one the file
// cannot be read, its processes are listed by the group above.
void collect_pids(const std::string& directory, std::vector<pid_t>& pids) {
  if (auto text = read_file(directory + "/cgroup.procs")) {
    const std::vector<pid_t> own = parse_pids(*text);
    pids.insert(pids.end(), own.begin(), own.end());
  }
  auto dir = Dir::open(directory);
  if (!dir) return;
  auto entries = dir->list();
  if (!entries) return;
  for (const Dir::Entry& entry : *entries) {
    if (entry.is_directory) collect_pids(directory + "/" + entry.name, pids);
  }
}

std::vector<pid_t> all_pids(const std::string& directory) {
  std::vector<pid_t> pids;
  collect_pids(directory, pids);
  return pids;
}

// Child groups first; cgroup files are no obstacle to rmdir.
Result<void> remove_directory(const std::string& directory) {
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  const int first_error = errno;
  auto dir = Dir::open(directory);
  if (!dir) return unexpected(Error{first_error, directory});
  auto entries = dir->list();
  if (!entries) return unexpected(Error{first_error, directory});
  for (const Dir::Entry& entry : *entries) {
    if (!entry.is_directory) continue;
    auto removed = remove_directory(directory + "/" + entry.name);
    if (!removed) return removed;
  }
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno(directory);
}

// A process that has just ended may keep the group busy for a moment.
Result<void> remove_patiently(const std::string& directory) {
  Result<void> removed;
  for (int attempt = 0; attempt < kRemoveAttempts; ++attempt) {
    removed = remove_directory(directory);
    if (removed || removed.error().code != EBUSY) return removed;
    sleep_ms(1);
  }
  return removed;
}

Result<bool> is_populated(int events_fd) {
  char text[256];
  const ssize_t size = ::pread(events_fd, text, sizeof(text), 0);
  if (size < 0 && errno == ENODEV) return false;
  if (size < 0) return fail_errno("cgroup.events");
  return std::string_view(text, static_cast<size_t>(size)).find("populated 1") != std::string_view::npos;
}

// cgroup.events signals a change as an exceptional condition; it is read again after each.
Result<void> wait_for_event(int events_fd, int64_t deadline_ns, const std::string& path) {
  while (true) {
    auto populated = is_populated(events_fd);
    if (!populated) return unexpected(populated.error());
    if (!*populated) return {};
    const int64_t left_ms = (deadline_ns - monotonic_ns()) / 1'000'000;
    if (left_ms <= 0) return unexpected(Error{ETIMEDOUT, "cgroup " + path + " still has processes"});
    pollfd waiting{events_fd, POLLPRI, 0};
    if (::poll(&waiting, 1, static_cast<int>(left_ms)) < 0 && errno != EINTR) return fail_errno("cgroup.events");
  }
}

Result<void> wait_by_polling(const std::string& directory, int64_t deadline_ns, const std::string& path) {
  for (long pause_ms = 1; !all_pids(directory).empty(); pause_ms = std::min(pause_ms * 2, 20L)) {
    if (monotonic_ns() >= deadline_ns) return unexpected(Error{ETIMEDOUT, "cgroup " + path + " still has processes"});
    sleep_ms(pause_ms);
  }
  return {};
}

}  // namespace

Result<void> OwnCgroup::enter() const {
  for (size_t i = 0; i < join_fds_.size(); ++i) {
    if (::write(join_fds_[i].get(), "0", 1) != 1) return fail_errno("cgroup " + path_ + ": tasks");
  }
  if (!unified_.valid()) return {};
  auto written = write_existing(unified_.fd(), "cgroup.procs", "0");
  if (!written) return unexpected(written.error().within("cgroup " + path_));
  return {};
}

Result<bool> OwnCgroup::contains(pid_t pid) const {
  if (places_.empty()) return false;
  auto text = read_file(places_.front().directory + "/cgroup.procs");
  if (!text) return unexpected(text.error());
  const std::vector<pid_t> pids = parse_pids(*text);
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

Result<std::vector<pid_t>> OwnCgroup::processes() const {
  if (places_.empty()) return std::vector<pid_t>();
  const std::string& directory = places_.front().directory;
  if (::access(directory.c_str(), F_OK) != 0) return fail_errno("cgroup " + path_);
  return all_pids(directory);
}

Result<void> OwnCgroup::signal_all(int signal) const {
  if (signal == SIGKILL) return kill_all();
  // Somebody's pause stays.
  const bool running = freezer_state(*this).value_or(FreezerState::kFrozen) == FreezerState::kThawed;
  const bool held = running && freeze(*this).has_value();
  Result<void> first_failure;
  auto pids = processes();
  if (!pids) first_failure = unexpected(pids.error());
  for (const pid_t pid : std::move(pids).value_or({})) {
    if (::kill(pid, signal) != 0 && errno != ESRCH && first_failure)
      first_failure = fail_errno("send signal " + std::to_string(signal) + " to process " + std::to_string(pid));
  }
  auto thawed = held ? thaw(*this) : Result<void>();
  return first_failure ? thawed : first_failure;
}

Result<void> OwnCgroup::kill_all() const {
  if (places_.empty()) return {};
  if (unified_.valid()) {
    auto killed = write_existing(unified_.fd(), "cgroup.kill", "1");
    // What v1 has frozen does not end before it is let go, and then by the signal that waits for it.
    if (killed && with_controller("freezer") != nullptr) (void)thaw(*this).has_value();
    if (killed) return {};
    if (killed.error().code != ENOENT) return unexpected(killed.error().within("cgroup " + path_));
  }
  // Without cgroup.kill (before 5.14, or v1) a process may fork while we walk: again until none is left.
  for (int round = 0; round < kKillRounds; ++round) {
    const std::vector<pid_t> pids = all_pids(places_.front().directory);
    if (pids.empty()) return {};
    for (pid_t pid : pids) ::kill(pid, SIGKILL);
    (void)thaw(*this).has_value();
    sleep_ms(1);
  }
  return unexpected(Error{ETIMEDOUT, "kill the processes of cgroup " + path_});
}

Result<void> OwnCgroup::wait_empty(int timeout_ms) const {
  const int64_t deadline_ns = monotonic_ns() + int64_t{timeout_ms} * 1'000'000;
  if (places_.empty()) return {};
  if (!unified_.valid()) return wait_by_polling(places_.front().directory, deadline_ns, path_);
  UniqueFd events(::openat(unified_.fd(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events && errno == ENOENT) return {};  // the group itself is gone
  if (!events) return fail_errno("cgroup " + path_ + ": cgroup.events");
  return wait_for_event(events.get(), deadline_ns, path_);
}

Result<void> OwnCgroup::remove() {
  Result<void> first_failure;
  for (const CgroupPlace& place : places_) {
    auto removed = remove_patiently(place.directory);
    if (!removed && first_failure) first_failure = unexpected(removed.error());
  }
  return first_failure;
}

}  // namespace plimsoll::limits
