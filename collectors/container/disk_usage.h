// SPDX-License-Identifier: Apache-2.0
// How much a container's writable layer holds. Found through the container's own mount table (overlay's
// upperdir in /proc/PID/mountinfo), so for every engine alike. Measured by the file system's project
// quota where the directory has one; otherwise by walking it, which is slow: on a thread of its own, at
// idle I/O priority, with pauses, never while a scrape waits, and only as long as somebody scrapes. The age
// of a figure is exported with it.
// quotactl(2), ioprio_set(2), Documentation/filesystems/overlayfs.rst
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cgroup/stats.h"
#include "base/os.h"

namespace plimsoll::collectors::container {

struct LayerUsage {
  std::string device;  // of the file system that holds the layer: "/dev/vda1", or major:minor
  uint64_t used_bytes = 0, used_inodes = 0;
  cgroup::Count limit_bytes, inodes_total, inodes_free;  // of the file system (or of the quota)
  int64_t measured_ns = 0;                               // CLOCK_REALTIME
  bool by_quota = false;
};

// Where a mount table says that the root file system's writable layer is; "" when the root is no overlay
// or has none. Octal escapes are resolved. The path is the one in the mount namespace of whoever mounted it.
std::string writable_layer(std::string_view mountinfo);

struct DiskUsageOptions {
  HostRoots roots;
  std::chrono::nanoseconds interval = std::chrono::seconds(60);  // a figure younger than this is not renewed
  unsigned share_percent = 2;                                    // of one CPU that walking may take
};

// Thread-safe. The thread is started by the first wish.
class DiskUsage {
 public:
  explicit DiskUsage(DiskUsageOptions options);
  // Ends the walk within a tenth of a second.
  ~DiskUsage();

  // The last figure for the container whose cgroup has inode `key`, and the wish for a new one when it is
  // old: only then is `find_process` asked for one of the container's processes (0: there is none; the wish
  // is repeated by the next call). nullopt until there is a figure, and for a container without a writable layer.
  std::optional<LayerUsage> usage(uint64_t key, const std::function<pid_t()>& find_process);
  // Ends a scrape: forgets the containers that nobody has asked for since the last call but one.
  void end_scrape();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace plimsoll::collectors::container
