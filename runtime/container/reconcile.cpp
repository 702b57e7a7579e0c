// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/reconcile.h"

#include <unistd.h>

#include <algorithm>

#include "runtime/container/process.h"
#include "runtime/container/spool.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::container {
namespace {

using Loaded = std::optional<Container>;

constexpr int kUnseen = -1;  // the exit code that nobody could see

// A file that is missing means that the container is (being) removed.
template <typename T>
Result<std::optional<T>> unless_gone(Result<T> result) {
  if (result) return std::optional<T>(std::move(*result));
  if (result.error().code == ENOENT) return std::optional<T>();
  return unexpected(result.error());
}

// A zombie is dead; its pid is there until its parent, whoever that is by now, has reaped it.
bool init_alive(const Engine& engine, const State& state) {
  auto process = open_process(engine.host.proc, state.pid, state.pid_start_ticks);
  return process && !wait_end(*process, 0).value_or(false);
}

// Ends a container whose monitor and init are gone. The caller holds its lock.
Result<Loaded> finish_for_monitor(const Engine& engine, Container container) {
  auto group = limits::OwnCgroup::open(engine.layout, container.config.cgroup_path);
  if (container.state.status == Status::kCreated && !group) {
    discard(engine, container.config);
    return Loaded();
  }
  if (group) {
    (void)group->kill_all().has_value();
    (void)group->wait_empty(5000).has_value();
  }
  const ExitRecord record = final_record(engine, container.config, container.state, kUnseen, "");
  if (auto finished = finish(engine, container.config, container.state, record); !finished) {
    return unexpected(finished.error().within("container " + container.config.name));
  }
  if (container.config.auto_remove) return Loaded();
  container.state.status = Status::kExited;
  container.state.exit = record;
  return Loaded(std::move(container));
}

// The record of a container that has ended: kept in its state, or, once it is removed, in the spool.
Result<ExitRecord> spooled_record(const Engine& engine, const std::string& id) {
  const std::string path = engine.store.roots().exited_dir() + "/" + id;
  auto text = read_file(path);
  if (!text && text.error().code == ENOENT)
    return fail("container " + id + " was removed before its exit code was read");
  if (!text) return unexpected(text.error());
  return parse_exit_record(*text);
}

// Whether the init has ended, after waiting for that: flock(2) alone has no timeout.
Result<bool> wait_init(const Engine& engine, const State& state, int timeout_ms) {
  if (state.status == Status::kCreated) {
    // Not started yet; that takes milliseconds, and there is no process to wait for.
    ::usleep(5000);
    return false;
  }
  auto process = open_process(engine.host.proc, state.pid, state.pid_start_ticks);
  if (!process) return true;
  return wait_end(*process, timeout_ms);
}

}  // namespace

Result<std::optional<Container>> load(const Engine& engine, const std::string& id) {
  auto config = unless_gone(engine.store.config(id));
  if (!config) return unexpected(config.error());
  auto state = unless_gone(engine.store.state(id));
  if (!state) return unexpected(state.error());
  if (!*config || !*state) return Loaded();
  Container container{std::move(**config), std::move(**state), true};
  if (container.state.status == Status::kExited) return Loaded(std::move(container));

  auto lock = unless_gone(engine.store.open_lock(id));
  if (!lock) return unexpected(lock.error());
  if (!*lock) return Loaded();
  auto locked = try_lock(**lock);
  if (!locked) return unexpected(locked.error());
  if (!*locked) return Loaded(std::move(container));

  // The monitor may have ended between our reading the state and getting the lock.
  state = unless_gone(engine.store.state(id));
  if (!state) return unexpected(state.error());
  if (!*state) return Loaded();
  container.state = std::move(**state);
  if (container.state.status == Status::kExited) return Loaded(std::move(container));
  if (!init_alive(engine, container.state)) return finish_for_monitor(engine, std::move(container));
  container.monitored = false;
  return Loaded(std::move(container));
}

Result<std::optional<ExitRecord>> wait_exited(const Engine& engine, const std::string& id, int timeout_ms) {
  using Waited = std::optional<ExitRecord>;
  // Opened first: it stays valid when the monitor removes the container.
  auto lock = unless_gone(engine.store.open_lock(id));
  if (!lock) return unexpected(lock.error());
  const int64_t deadline = monotonic_ns() + int64_t{timeout_ms} * 1'000'000;
  while (true) {
    auto container = load(engine, id);
    if (!container) return unexpected(container.error());
    if (!*container) break;
    const State& state = (*container)->state;
    if (state.status == Status::kExited) return Waited(state.exit);
    const int64_t left_ms = std::max<int64_t>((deadline - monotonic_ns()) / 1'000'000, 0);
    const bool bounded = timeout_ms >= 0;
    if (bounded || !(*container)->monitored) {
      auto ended = wait_init(engine, state, bounded ? static_cast<int>(left_ms) : -1);
      if (!ended) return unexpected(ended.error());
      if (!*ended && bounded && left_ms == 0) return Waited();
      if (!*ended) continue;
    }
    if (*lock) {
      if (auto waited = wait_unlocked(**lock); !waited) return unexpected(waited.error());
    }
  }
  auto record = spooled_record(engine, id);
  if (!record) return unexpected(record.error());
  return Waited(std::move(*record));
}

}  // namespace plimsoll::container
