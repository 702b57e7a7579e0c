// SPDX-License-Identifier: Apache-2.0
// Asks mounted file systems for their usage without ever waiting for one that hangs: statvfs(3) of a
// dead NFS server's mount sleeps uninterruptibly, perhaps for days. The calls are made by a thread of
// its own; when it does not come back, it is left behind with that one mount and a new one takes over.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace plimsoll::collectors::host {

struct FsUsage {
  uint64_t size_bytes, free_bytes, available_bytes;
  uint64_t files, files_free;  // inodes
};

// statvfs(3) of `path`.
Result<FsUsage> statvfs_usage(const std::string& path);

class MountProbe {
 public:
  // Called on the probe's thread; may block for ever.
  using Ask = std::function<Result<FsUsage>(const std::string& path)>;
  struct Patience {
    std::chrono::nanoseconds first = std::chrono::seconds(5);           // for all answers of one round
    std::chrono::nanoseconds further = std::chrono::milliseconds(100);  // after each mount found hanging
  };

  MountProbe();  // statvfs_usage, 5 s
  MountProbe(Ask ask, Patience patience);
  // Never blocks: a thread that still hangs is left to itself.
  ~MountProbe();
  MountProbe(const MountProbe&) = delete;
  MountProbe& operator=(const MountProbe&) = delete;

  // One answer per path, in order. ETIMEDOUT: the mount hangs; it is not asked again until the
  // earlier call has come back. One caller at a time.
  std::vector<Result<FsUsage>> ask_all(const std::vector<std::string>& paths);

 private:
  class Worker;
  void forget_recovered();
  bool is_stuck(const std::string& path) const;
  Result<void> start_worker();
  void ask_rest(const std::vector<std::string>& paths, std::chrono::nanoseconds patience,
                std::vector<Result<FsUsage>>& answers);
  std::vector<Result<FsUsage>> ask_each(const std::vector<std::string>& paths);

  Ask ask_;
  Patience patience_;
  std::unique_ptr<Worker> worker_;              // idle between rounds
  std::vector<std::unique_ptr<Worker>> stuck_;  // each with the mount that it hangs in
};

}  // namespace plimsoll::collectors::host
