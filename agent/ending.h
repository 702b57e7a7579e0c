// SPDX-License-Identifier: Apache-2.0
// SIGTERM and SIGINT, attended by a thread of their own: they end the agent also while a collection or a reload
// hangs in a file system that does not answer. signal(7), sigwait(3).
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace plimsoll::agent {

class Ending {
 public:
  // Blocks SIGTERM, SIGINT and SIGHUP in this thread, and so in those that it makes: before the first of them.
  static void block_signals();

  // Starts the thread. What may hang at the end has to be destroyed before this is: when that takes longer than
  // `patience` after the signal, the process ends as it is, with exit code 1. To be made and destroyed by one thread.
  explicit Ending(std::chrono::nanoseconds patience = std::chrono::seconds(5));
  ~Ending();
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  // Waits for SIGHUP: true; or for the end: false. For the thread that made this.
  bool wait_for_hangup();

 private:
  void attend();

  const std::chrono::nanoseconds patience_;
  const pthread_t maker_;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;  // under `mutex_`
  std::thread thread_;
};

}  // namespace plimsoll::agent
