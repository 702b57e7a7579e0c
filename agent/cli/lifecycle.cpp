// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/lifecycle.h"

#include <csignal>

#include "agent/cli/session.h"
#include "runtime/container/process.h"

namespace plimsoll::agent {
namespace {

// A process that ended in this very moment is what was wanted.
Result<void> signal_unless_gone(const UniqueFd& init, int signal) {
  auto sent = container::send_signal(init, signal);
  if (!sent && sent.error().code == ESRCH) return {};
  return sent;
}

// Like wait_exited(), for whom the record does not matter.
Result<void> wait_done(const container::Engine& engine, const std::string& id) {
  auto state = container::wait_exited(engine, id, -1);
  if (!state && state.error().code != 0) return unexpected(state.error());
  return {};
}

}  // namespace

Result<void> stop_container(const container::Engine& engine, const container::Container& container, int patience_ms) {
  if (container.state.status == container::Status::kExited) return {};
  auto init = open_init(engine, container);
  if (init) {
    if (auto sent = signal_unless_gone(*init, patience_ms == 0 ? SIGKILL : SIGTERM); !sent) return sent;
    auto ended = container::wait_end(*init, patience_ms == 0 ? -1 : patience_ms);
    if (!ended) return unexpected(ended.error());
    if (!*ended) {
      if (auto sent = signal_unless_gone(*init, SIGKILL); !sent) return sent;
    }
  }
  return wait_done(engine, container.config.id);
}

Result<void> remove_container(const container::Engine& engine, const container::Container& container, bool force) {
  const std::string& name = container.config.name;
  if (container.state.status != container::Status::kExited) {
    if (!force)
      return fail("container " + name + " is running: 'plimsoll stop " + name + "' first, or use 'plimsoll rm -f'");
    if (auto stopped = stop_container(engine, container, 0); !stopped) return stopped;
  }
  // Its monitor may still be about to end; after that the directory is ours.
  if (auto lock = engine.store.open_lock(container.config.id)) {
    if (auto waited = container::wait_unlocked(*lock); !waited) return waited;
  }
  return engine.store.remove(container.config.id, name);
}

}  // namespace plimsoll::agent
