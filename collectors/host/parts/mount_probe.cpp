// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/mount_probe.h"

#include <pthread.h>
#include <signal.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace plimsoll::collectors::host {
namespace {

// Those left behind included: when as many mounts hang, no other one is asked.
constexpr size_t kMostThreads = 256;
constexpr std::chrono::hours kLongest{24};
constexpr size_t kStackBytes = 256 * 1024;

// Of a hostile file system's numbers; no real one comes near.
uint64_t bytes_of(uint64_t blocks, uint64_t unit) {
  uint64_t bytes;
  return __builtin_mul_overflow(blocks, unit, &bytes) ? UINT64_MAX : bytes;
}

// A detached thread with all signals blocked: those are for the agent's own threads.
Result<void> start_thread(void* (*run)(void*), void* argument) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int code = ::pthread_create(&thread, &attributes, run, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (code != 0) return unexpected(Error{code, "thread for statvfs"});
  return {};
}

}  // namespace

Result<FsUsage> statvfs_usage(const std::string& path) {
  struct statvfs st;
  if (::statvfs(path.c_str(), &st) != 0) return fail_errno(path);
  const uint64_t unit = st.f_frsize;  // f_bsize is only the preferred size of a transfer
  return FsUsage{
      bytes_of(st.f_blocks, unit), bytes_of(st.f_bfree, unit), bytes_of(st.f_bavail, unit), st.f_files, st.f_ffree,
      (st.f_flag & ST_RDONLY) != 0};
}

// A question to one mount. `left`: its thread is no worker any more and ends with the answer. `late`: nobody
// waits for the answer any more.
struct MountProbe::Call {
  explicit Call(std::string where) : path(std::move(where)) {}

  std::string path;
  Clock::time_point asked{};  // not yet: the epoch
  bool answered = false;
  bool left = false;
  bool late = false;
  Result<FsUsage> answer = unexpected(Error{ETIMEDOUT, ""});

  bool is_asked() const { return asked != Clock::time_point{}; }
  bool is_under_way() const { return is_asked() && !answered; }
};

// What the probe and its threads have in common.
struct MountProbe::Shared {
  explicit Shared(Ask how) : ask(std::move(how)) {}

  const Ask ask;
  std::mutex mutex;
  std::condition_variable work, news;
  std::deque<Call*> waiting;
  Calls hanging;          // under way since earlier rounds
  size_t workers = 0;     // threads that are not left behind
  size_t left = 0;        // threads that are
  size_t open = 0;        // calls of the round that are not answered
  bool stopped = false;   // the probe is going
  bool orphaned = false;  // it is gone: the last thread cleans up

  // Answers one call; false when nobody needs the thread any more.
  bool serve(std::unique_lock<std::mutex>& lock) {
    work.wait(lock, [this] { return stopped || !waiting.empty(); });
    if (stopped) {
      --workers;
      return false;
    }
    Call& call = *waiting.front();
    waiting.pop_front();
    call.asked = Clock::now();
    lock.unlock();
    auto answer = ask(call.path);
    lock.lock();
    call.answer = std::move(answer);
    call.answered = true;
    if (!call.late && --open == 0) news.notify_all();
    left -= call.left;
    return !call.left;
  }

  static void* run_thread(void* argument) {
    auto* shared = static_cast<Shared*>(argument);
    std::unique_lock lock(shared->mutex);
    while (shared->serve(lock)) continue;
    shared->news.notify_all();
    const bool last = shared->orphaned && shared->left == 0;
    lock.unlock();
    if (last) delete shared;
    return nullptr;
  }
};

MountProbe::MountProbe(Ask ask, Patience patience) : patience_(patience), shared_(new Shared(std::move(ask))) {
  patience_.workers = std::max<size_t>(patience_.workers, 1);
  patience_.timeout = std::min<std::chrono::nanoseconds>(patience_.timeout, kLongest);
}

MountProbe::~MountProbe() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopped = true;
  shared_->work.notify_all();
  shared_->news.wait(lock, [this] { return shared_->workers == 0; });
  shared_->orphaned = shared_->left > 0;
  const bool last = !shared_->orphaned;
  lock.unlock();
  if (last) delete shared_;
}

bool MountProbe::hangs(const std::string& path) const {
  const Calls& calls = shared_->hanging;
  return std::any_of(calls.begin(), calls.end(), [&](const auto& call) { return call->path == path; });
}

// Takes calls that are under way for `age` or longer from the workers.
void MountProbe::leave_slow(const Calls& calls, std::chrono::nanoseconds age) {
  const auto now = Clock::now();
  for (const auto& call : calls) {
    if (!call->is_under_way() || call->left || now - call->asked < age) continue;
    call->left = true;
    --shared_->workers;
    ++shared_->left;
  }
}

// As many as there is work for. No thread to have is an error only when there is no worker at all.
Result<void> MountProbe::start_workers(const Calls& calls) {
  const auto is_busy = [](const auto& call) { return call->is_under_way() && !call->left; };
  const auto busy = static_cast<size_t>(std::count_if(calls.begin(), calls.end(), is_busy));
  const size_t wanted = std::min(patience_.workers, busy + shared_->waiting.size());
  while (shared_->workers < wanted && shared_->workers + shared_->left < kMostThreads) {
    const auto started = start_thread(Shared::run_thread, shared_);
    if (!started && shared_->workers > 0) return {};
    if (!started) return started;
    ++shared_->workers;
  }
  return {};
}

Result<void> MountProbe::wait_for(const Calls& calls, std::unique_lock<std::mutex>& lock, Clock::time_point deadline) {
  while (shared_->open > 0 && Clock::now() < deadline) {
    if (!shared_->waiting.empty()) leave_slow(calls, patience_.slow);
    const auto started = start_workers(calls);
    if (shared_->workers == 0 && !shared_->waiting.empty()) return started;
    shared_->work.notify_all();
    const auto turn = shared_->waiting.empty() ? deadline : std::min(deadline, Clock::now() + patience_.slow);
    shared_->news.wait_until(lock, turn, [this] { return shared_->open == 0; });
  }
  return {};
}

std::vector<Result<FsUsage>> MountProbe::ask_all(const std::vector<std::string>& paths, Clock::time_point deadline) {
  std::unique_lock lock(shared_->mutex);
  std::erase_if(shared_->hanging, [](const auto& call) { return call->answered; });
  Calls calls;
  for (const std::string& path : paths) {
    calls.push_back(std::make_unique<Call>(path));
    if (!hangs(path)) shared_->waiting.push_back(calls.back().get());
  }
  shared_->open = shared_->waiting.size();
  const auto waited = wait_for(calls, lock, std::min(deadline, Clock::now() + patience_.timeout));
  shared_->waiting.clear();
  leave_slow(calls, std::chrono::nanoseconds(0));
  std::vector<Result<FsUsage>> answers;
  for (auto& call : calls) {
    call->late = true;
    answers.push_back(call->answered || waited ? call->answer : unexpected(waited.error()));
    if (call->is_under_way()) shared_->hanging.push_back(std::move(call));
  }
  return answers;
}

}  // namespace plimsoll::collectors::host
