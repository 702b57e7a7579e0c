// SPDX-License-Identifier: Apache-2.0
// Takes bodies off a queue and sends them, one after another: a receiver gets the samples of each series in their
// order. A body is removed once the receiver has it, so it may be sent again after a failure, with the same
// timestamps and values, which does no harm.
//
//   2xx                                done
//   5xx, 3xx, no answer, 429 (option)  again, after a time that doubles from min to max back-off, with jitter; if
//                                      the receiver says when (Retry-After), then
//   any other                          the receiver will never take it: dropped and counted
//
// https://prometheus.io/docs/specs/remote_write_spec/ (Retries & Backoff)
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "exporter/remote_write/queue.h"
#include "exporter/remote_write/transport.h"
#include "exporter/remote_write/trouble.h"

namespace plimsoll::exporter {

enum class Verdict : uint8_t { kDone, kAgain, kDrop };
Verdict verdict_on(int status, bool retry_on_429);

class Sender {
 public:
  struct Options {
    std::chrono::nanoseconds min_backoff = std::chrono::milliseconds(30), max_backoff = std::chrono::seconds(5);
    bool retry_on_429 = false;
  };
  struct Stats {
    uint64_t samples = 0, bytes = 0;  // that the receiver has taken
    uint64_t failed_requests = 0;     // to be tried again
    uint64_t refused_samples = 0;     // dropped, since the receiver does not want them
    int64_t last_timestamp_ms = 0;    // of the samples that it took last; 0 before
  };
  // Told of what is wrong, once for each status, and of its end; on the sender's thread.
  using Sink = Trouble::Sink;

  // Starts a thread. `queue` must outlive the sender.
  Sender(const Options& options, Queue& queue, std::unique_ptr<Transport> transport, Sink warn, Sink info);
  // Ends within about a second; what is being sent stays in the queue.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Thread-safe. Says that the queue has got something.
  void wake();
  Stats stats() const;

 private:
  void run();
  bool send(const QueuedBatch& batch);
  bool settle(const QueuedBatch& batch, Verdict verdict);
  void back_off(const Answer& answer);
  bool pause(std::chrono::nanoseconds time);
  void await_work();

  const Options options_;
  Queue& queue_;
  const std::unique_ptr<Transport> transport_;

  // Of the thread alone.
  std::chrono::nanoseconds backoff_;
  Trouble trouble_;
  uint64_t random_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, work_ = true;
  Stats stats_;
  std::thread thread_;
};

}  // namespace plimsoll::exporter
