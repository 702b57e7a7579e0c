// SPDX-License-Identifier: Apache-2.0
#include "agent/ending.h"

#include <unistd.h>

#include <string>

#include "base/log.h"

namespace plimsoll::agent {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

int wait_for(const sigset_t& signals) {
  int received = 0;
  while (sigwait(&signals, &received) != 0) {
  }
  return received;
}

}  // namespace

void Ending::block_signals() {
  const sigset_t signals = set_of({SIGTERM, SIGINT, SIGHUP});
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

Ending::Ending(std::chrono::nanoseconds patience) : patience_(patience), maker_(pthread_self()) {
  thread_ = std::thread([this] { attend(); });
}

Ending::~Ending() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  pthread_kill(thread_.native_handle(), SIGTERM);  // it may still wait for one
  thread_.join();
}

bool Ending::wait_for_hangup() {
  wait_for(set_of({SIGHUP}));
  return !ending_;
}

void Ending::attend() {
  const int received = wait_for(set_of({SIGTERM, SIGINT}));
  std::unique_lock lock(mutex_);
  if (over_) return;
  log_info(received == SIGTERM ? "ending on SIGTERM" : "ending on SIGINT");
  ending_ = true;
  pthread_kill(maker_, SIGHUP);
  if (changed_.wait_for(lock, patience_, [this] { return over_; })) return;
  log_warn("a collection or a reload hangs: ending without it");
  ::_exit(1);
}

}  // namespace plimsoll::agent
