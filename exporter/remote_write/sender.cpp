// SPDX-License-Identifier: Apache-2.0
#include "exporter/remote_write/sender.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

using std::chrono::nanoseconds;

// A receiver may ask for patience, but not for ever.
constexpr std::chrono::seconds kLongestPatience = std::chrono::minutes(5);

// The TLS library writes to sockets without asking for no SIGPIPE.
void block_sigpipe() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::string describe(const Answer& answer) {
  if (answer.status == 0) return answer.text.empty() ? "no answer" : answer.text;
  return "HTTP status " + std::to_string(answer.status) + (answer.text.empty() ? "" : ": " + answer.text);
}

// splitmix64: a jitter needs no more than numbers that differ from agent to agent.
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

Verdict verdict_on(int status, bool retry_on_429) {
  if (status >= 200 && status < 300) return Verdict::kDone;
  if (status < 400 || status >= 500) return Verdict::kAgain;
  return status == 429 && retry_on_429 ? Verdict::kAgain : Verdict::kDrop;
}

Sender::Sender(const Options& options, Queue& queue, std::unique_ptr<Transport> transport, Sink warn, Sink info)
    : options_(options),
      queue_(queue),
      transport_(std::move(transport)),
      backoff_(options.min_backoff),
      trouble_(std::move(warn), std::move(info)),
      random_(static_cast<uint64_t>(wall_clock_ns()) ^ reinterpret_cast<uintptr_t>(this)),
      thread_([this] { run(); }) {}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  transport_->abort();
  changed_.notify_all();
  thread_.join();
}

void Sender::wake() {
  {
    const std::lock_guard lock(mutex_);
    work_ = true;
  }
  changed_.notify_all();
}

Sender::Stats Sender::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

// Waits `time` or until the end, which it returns.
bool Sender::pause(nanoseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return stop_; });
}

void Sender::await_work() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || work_; });
  work_ = false;
}

void Sender::back_off(const Answer& answer) {
  // Somewhere between the least and the present back-off, so that many agents do not come back at once.
  const auto span = static_cast<uint64_t>((backoff_ - options_.min_backoff).count()) + 1;
  nanoseconds time = options_.min_backoff + nanoseconds(next_random(random_) % span);
  // Bounded while it is in seconds: what a receiver may say is more than nanoseconds can hold.
  if (answer.retry_after) time = std::max<nanoseconds>(time, std::min(*answer.retry_after, kLongestPatience));
  backoff_ = std::min(backoff_ * 2, options_.max_backoff);
  pause(time);
}

// Counts what came of it. Returns whether the batch is done with.
bool Sender::settle(const QueuedBatch& batch, Verdict verdict) {
  const std::lock_guard lock(mutex_);
  if (stop_ && verdict == Verdict::kAgain) return false;
  if (verdict == Verdict::kAgain) {
    ++stats_.failed_requests;
  } else if (verdict == Verdict::kDrop) {
    stats_.refused_samples += batch.samples;
  } else {
    stats_.samples += batch.samples;
    stats_.bytes += batch.body.size();
    stats_.last_timestamp_ms = batch.timestamp_ms;
  }
  return verdict != Verdict::kAgain;
}

// Returns whether the batch is done with; false at the end only.
bool Sender::send(const QueuedBatch& batch) {
  while (!pause(nanoseconds(0))) {
    const Answer answer = transport_->post(batch.body);
    const Verdict verdict = verdict_on(answer.status, options_.retry_on_429);
    const std::string status = std::to_string(answer.status);
    if (settle(batch, verdict)) {
      backoff_ = options_.min_backoff;
      if (verdict == Verdict::kDrop) {
        trouble_.begins("drop " + status, "the receiver refuses samples, which are dropped: " + describe(answer));
      } else {
        trouble_.ends("the receiver takes samples again");
      }
      return true;
    }
    if (pause(nanoseconds(0))) return false;
    trouble_.begins("again " + status, "cannot send, will go on trying: " + describe(answer));
    back_off(answer);
  }
  return false;
}

void Sender::run() {
  block_sigpipe();
  while (!pause(nanoseconds(0))) {
    auto batch = queue_.front();
    if (!batch) {
      trouble_.begins("queue", "cannot read the queue: " + batch.error().message());
      pause(options_.max_backoff);
    } else if (!*batch) {
      await_work();
    } else if (send(**batch)) {
      queue_.pop();
    }
  }
}

}  // namespace plimsoll::exporter
