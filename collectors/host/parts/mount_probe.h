// SPDX-License-Identifier: Apache-2.0
// Asks mounted file systems for their usage without ever waiting for one that hangs: statvfs(3) of a
// dead NFS server's mount sleeps uninterruptibly, perhaps for days. The calls are made by threads of
// the probe's own; one that does not come back is left behind with its mount and another takes its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

struct FsUsage {
  uint64_t size_bytes, free_bytes, available_bytes;
  uint64_t files, files_free;  // inodes
  bool read_only = false;      // the mount or all of the file system
};

// statvfs(3) of `path`.
Result<FsUsage> statvfs_usage(const std::string& path);

class MountProbe {
 public:
  using Clock = std::chrono::steady_clock;
  // Called on one of the probe's threads; may block for ever.
  using Ask = std::function<Result<FsUsage>(const std::string& path)>;
  struct Patience {
    std::chrono::nanoseconds timeout = std::chrono::seconds(5);  // of a round, for all answers
    size_t workers = 4;                                          // mounts asked side by side
    // After that a mount no longer counts as one of those: the next one's turn has come.
    std::chrono::nanoseconds slow = std::chrono::milliseconds(100);
  };

  MountProbe() : MountProbe(Patience{}) {}
  explicit MountProbe(Patience patience) : MountProbe(statvfs_usage, patience) {}
  MountProbe(Ask ask, Patience patience);
  // Never blocks: a thread that still hangs is left to itself.
  ~MountProbe();
  MountProbe(const MountProbe&) = delete;
  MountProbe& operator=(const MountProbe&) = delete;

  // One answer per path, in order, at `deadline` at the latest. ETIMEDOUT: the mount hangs, or its turn
  // did not come; one that hangs is not asked again until the earlier call has come back. One caller at a time.
  std::vector<Result<FsUsage>> ask_all(const std::vector<std::string>& paths,
                                       Clock::time_point deadline = Clock::time_point::max());

 private:
  struct Call;
  struct Shared;
  using Calls = std::vector<std::unique_ptr<Call>>;

  bool hangs(const std::string& path) const;
  void leave_slow(const Calls& calls, std::chrono::nanoseconds age);
  Result<void> start_workers(const Calls& calls);
  Result<void> wait_for(const Calls& calls, std::unique_lock<std::mutex>& lock, Clock::time_point deadline);

  Patience patience_;
  Shared* shared_;  // goes with the probe, or with the last thread that was left behind
};

}  // namespace plimsoll::collectors::host
