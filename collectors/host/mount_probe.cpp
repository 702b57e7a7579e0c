// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/mount_probe.h"

#include <signal.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace plimsoll::collectors::host {

using Answers = std::vector<Result<FsUsage>>;
using Clock = std::chrono::steady_clock;

Result<FsUsage> statvfs_usage(const std::string& path) {
  struct statvfs st;
  if (::statvfs(path.c_str(), &st) != 0) return fail_errno(path);
  const uint64_t unit = st.f_frsize;  // f_bsize is only the preferred size of a transfer
  return FsUsage{st.f_blocks * unit, st.f_bfree * unit, st.f_bavail * unit, st.f_files, st.f_ffree};
}

// A thread and the list it works through. The list grows only while the thread is idle.
class MountProbe::Worker {
 public:
  explicit Worker(Ask ask) : ask_(std::move(ask)) {}

  // Error when the system has no thread to give. Signals are for the agent's own threads.
  Result<void> start() {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    Result<void> result;
    try {
      thread_ = std::thread([this] { work(); });
    } catch (const std::system_error& error) {
      result = unexpected(Error{error.code().value(), "thread for statvfs"});
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return result;
  }

  // Works through `paths` until `deadline`; the answers so far. All of them when none hangs.
  Answers run(std::vector<std::string> paths, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    paths_ = std::move(paths);
    answers_.clear();
    changed_.notify_all();
    changed_.wait_until(lock, deadline, [this] { return answers_.size() == paths_.size(); });
    if (answers_.size() < paths_.size()) paths_.resize(answers_.size() + 1);  // leave the rest to another
    return answers_;
  }

  // The path it hangs in; "" when it has come back.
  std::string stuck_in() {
    const std::lock_guard lock(mutex_);
    return answers_.size() < paths_.size() ? paths_[answers_.size()] : std::string();
  }

  // For an idle worker.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // For a hanging one, at the end of the agent: its thread must find this object when it wakes.
  static void leave(std::unique_ptr<Worker> worker) {
    worker->thread_.detach();
    (void)worker.release();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopped_ || answers_.size() < paths_.size(); });
      if (stopped_) return;
      const std::string path = paths_[answers_.size()];
      lock.unlock();
      auto answer = ask_(path);
      lock.lock();
      answers_.push_back(std::move(answer));
      if (answers_.size() == paths_.size()) changed_.notify_all();
    }
  }

  Ask ask_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> paths_;
  Answers answers_;
  bool stopped_ = false;
  std::thread thread_;
};

MountProbe::MountProbe() : MountProbe(statvfs_usage, Patience{}) {}

MountProbe::MountProbe(Ask ask, Patience patience) : ask_(std::move(ask)), patience_(patience) {}

MountProbe::~MountProbe() {
  forget_recovered();
  if (worker_) worker_->stop();
  for (auto& worker : stuck_) Worker::leave(std::move(worker));
}

void MountProbe::forget_recovered() {
  std::erase_if(stuck_, [](const std::unique_ptr<Worker>& worker) {
    const bool recovered = worker->stuck_in().empty();
    if (recovered) worker->stop();
    return recovered;
  });
}

bool MountProbe::is_stuck(const std::string& path) const {
  return std::any_of(stuck_.begin(), stuck_.end(), [&](const auto& worker) { return worker->stuck_in() == path; });
}

Result<void> MountProbe::start_worker() {
  if (worker_) return {};
  auto worker = std::make_unique<Worker>(ask_);
  auto started = worker->start();
  if (started) worker_ = std::move(worker);
  return started;
}

// Asks `paths` from answers.size() on, up to and with the first that hangs.
void MountProbe::ask_rest(const std::vector<std::string>& paths, std::chrono::nanoseconds patience, Answers& answers) {
  const auto started = start_worker();
  if (!started) {
    answers.resize(paths.size(), Result<FsUsage>(unexpected(started.error())));
    return;
  }
  const std::vector<std::string> rest(paths.begin() + static_cast<std::ptrdiff_t>(answers.size()), paths.end());
  const Answers more = worker_->run(rest, Clock::now() + patience);
  answers.insert(answers.end(), more.begin(), more.end());
  if (answers.size() == paths.size()) return;
  answers.push_back(unexpected(Error{ETIMEDOUT, paths[answers.size()]}));
  stuck_.push_back(std::move(worker_));
}

Answers MountProbe::ask_each(const std::vector<std::string>& paths) {
  Answers answers;
  auto patience = patience_.first;
  while (answers.size() < paths.size()) {
    ask_rest(paths, patience, answers);
    patience = patience_.further;
  }
  return answers;
}

Answers MountProbe::ask_all(const std::vector<std::string>& paths) {
  forget_recovered();
  std::vector<bool> stuck;
  std::vector<std::string> asked;
  for (const std::string& path : paths) {
    stuck.push_back(is_stuck(path));
    if (!stuck.back()) asked.push_back(path);
  }
  Answers answered = ask_each(asked);
  Answers answers;
  auto next = answered.begin();
  for (size_t i = 0; i < paths.size(); ++i) {
    if (stuck[i]) answers.push_back(unexpected(Error{ETIMEDOUT, paths[i]}));
    if (!stuck[i]) answers.push_back(std::move(*next++));
  }
  return answers;
}

}  // namespace plimsoll::collectors::host
