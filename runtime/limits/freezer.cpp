// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/freezer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::limits {
namespace {

constexpr int kFreezeTimeoutMs = 10'000;
// v1 stays FREEZING while new processes appear (by fork or by joining) and only another write makes it look
// again; a pause, and now and then letting all go on, help where the writes alone do not (as runc found).
constexpr int kV1Attempts = 1000, kAttemptsToNap = 25, kAttemptsToThaw = 50;

void sleep_us(long us) {
  timespec time{us / 1'000'000, us % 1'000'000 * 1000};
  ::nanosleep(&time, nullptr);
}

Unexpected within_group(const OwnCgroup& group, const Error& error) {
  return unexpected(error.within("cgroup " + group.path()));
}

Result<void> set_v1(const std::string& directory, std::string_view state) {
  auto written = write_existing(AT_FDCWD, directory + "/freezer.state", state);
  if (!written) return unexpected(Error{written.error().code, "freezer.state"});
  return {};
}

Result<FreezerState> state_v1(const std::string& directory) {
  auto text = read_file(directory + "/freezer.state");
  if (!text) return unexpected(Error{text.error().code, "freezer.state"});
  const std::string_view state = trim(*text);
  if (state == "THAWED") return FreezerState::kThawed;
  if (state != "FROZEN" && state != "FREEZING") return fail("freezer.state: unknown \"" + std::string(state) + "\"");
  auto own = read_file(directory + "/freezer.self_freezing");
  if (own && trim(*own) == "0") return FreezerState::kThawed;
  return state == "FROZEN" ? FreezerState::kFrozen : FreezerState::kFreezing;
}

Result<void> freeze_v1(const std::string& directory) {
  for (int attempt = 1; attempt <= kV1Attempts; ++attempt) {
    auto written = set_v1(directory, "FROZEN");
    if (!written) return written;
    if (attempt % kAttemptsToNap == 0) sleep_us(10);
    auto text = read_file(directory + "/freezer.state");
    if (!text) return unexpected(Error{text.error().code, "freezer.state"});
    if (trim(*text) == "FROZEN") return {};
    if (attempt % kAttemptsToThaw != 0) continue;
    auto thawed = set_v1(directory, "THAWED");
    if (!thawed) return thawed;
    sleep_us(10'000);
  }
  return fail("freezer.state: still FREEZING after " + std::to_string(kV1Attempts) +
              " attempts, since processes keep appearing; try again");
}

Result<bool> is_frozen(int events_fd) {
  char text[256];
  const ssize_t size = ::pread(events_fd, text, sizeof(text), 0);
  if (size < 0) return fail_errno("cgroup.events");
  return find_u64(std::string_view(text, static_cast<size_t>(size)), "frozen").value_or(0) == 1;
}

// cgroup.events signals a change as an exceptional condition.
Result<void> wait_frozen(int events_fd) {
  const int64_t deadline = monotonic_ns() + int64_t{kFreezeTimeoutMs} * 1'000'000;
  while (true) {
    auto frozen = is_frozen(events_fd);
    if (!frozen) return unexpected(frozen.error());
    if (*frozen) return {};
    const int64_t left_ms = (deadline - monotonic_ns()) / 1'000'000;
    if (left_ms <= 0) return unexpected(Error{ETIMEDOUT, "cgroup.freeze: a process does not stop"});
    pollfd waiting{events_fd, POLLPRI, 0};
    if (::poll(&waiting, 1, static_cast<int>(left_ms)) < 0 && errno != EINTR) return fail_errno("cgroup.events");
  }
}

Result<void> freeze_v2(int group_fd) {
  UniqueFd events(::openat(group_fd, "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events) return fail_errno("cgroup.events");
  auto written = write_existing(group_fd, "cgroup.freeze", "1");
  return written ? wait_frozen(events.get()) : written;
}

Unexpected no_freezer(const OwnCgroup& group) {
  return unexpected(Error{
      ENOENT, "cgroup " + group.path() + ": no freezer: mount the v1 \"freezer\" controller or cgroup2 (Linux 5.2)"});
}

}  // namespace

Result<FreezerState> freezer_state(const OwnCgroup& group) {
  if (const CgroupPlace* place = group.with_controller("freezer")) {
    auto state = state_v1(place->directory);
    if (!state) return within_group(group, state.error());
    return state;
  }
  if (group.clone_into_fd() < 0) return no_freezer(group);
  UniqueFd events(::openat(group.clone_into_fd(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  UniqueFd freeze(::openat(group.clone_into_fd(), "cgroup.freeze", O_RDONLY | O_CLOEXEC));
  if (!freeze || !events) return no_freezer(group);
  char wanted = '0';
  if (::pread(freeze.get(), &wanted, 1, 0) != 1) return within_group(group, errno_error("cgroup.freeze"));
  if (wanted == '0') return FreezerState::kThawed;
  auto frozen = is_frozen(events.get());
  if (!frozen) return within_group(group, frozen.error());
  return *frozen ? FreezerState::kFrozen : FreezerState::kFreezing;
}

Result<void> freeze(const OwnCgroup& group) {
  const CgroupPlace* place = group.with_controller("freezer");
  if (place == nullptr && group.clone_into_fd() < 0) return no_freezer(group);
  auto frozen = place != nullptr ? freeze_v1(place->directory) : freeze_v2(group.clone_into_fd());
  if (frozen) return {};
  (void)thaw(group).has_value();  // a group that stands half still helps nobody
  return within_group(group, frozen.error());
}

Result<void> thaw(const OwnCgroup& group) {
  const CgroupPlace* place = group.with_controller("freezer");
  if (place == nullptr && group.clone_into_fd() < 0) return no_freezer(group);
  auto thawed = place != nullptr ? set_v1(place->directory, "THAWED")
                                 : write_existing(group.clone_into_fd(), "cgroup.freeze", "0");
  if (!thawed) return within_group(group, thawed.error());
  return {};
}

}  // namespace plimsoll::limits
