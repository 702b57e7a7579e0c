// SPDX-License-Identifier: Apache-2.0
// The devices of mounted btrfs file systems, as the file systems themselves know them: sizes, allocated
// space and error counters, by ioctl(2) of a mount point (BTRFS_IOC_FS_INFO, DEV_INFO, GET_DEV_STATS;
// include/uapi/linux/btrfs.h). sysfs has nothing of it but the sizes.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metric.h"
#include "base/os.h"
#include "base/result.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/mount_probe.h"

namespace plimsoll::collectors::host {

struct BtrfsDevice {
  std::string path;  // "" when the device is missing
  std::string uuid;  // with dashes
  uint64_t total_bytes = 0, allocated_bytes = 0;
  // Errors of writing, reading, flushing; of checksums and of generations. nullopt: the kernel has none.
  std::optional<std::array<uint64_t, 5>> errors;
};

struct BtrfsAnswer {
  std::string fsid;  // 32 hexadecimal digits
  std::vector<BtrfsDevice> devices;
};

// Asks the file system mounted at `mount_point`; may block for as long as the file system does.
Result<BtrfsAnswer> ask_btrfs(const std::string& mount_point);

struct BtrfsMount {
  std::string mount_point, source;
};

// Those of btrfs in a text of /proc/PID/mountinfo, in its order.
std::vector<BtrfsMount> parse_btrfs_mounts(std::string_view mountinfo);

// Asks every mounted btrfs once, without ever waiting for one that hangs (mount_probe.h).
class BtrfsProbe {
 public:
  using Ask = std::function<Result<BtrfsAnswer>(const std::string& mount_point)>;

  // `timeout`: for all answers of one call of ask_all().
  explicit BtrfsProbe(const HostRoots& roots, Ask ask = ask_btrfs,
                      std::chrono::nanoseconds timeout = std::chrono::seconds(2));

  ~BtrfsProbe();
  BtrfsProbe(const BtrfsProbe&) = delete;
  BtrfsProbe& operator=(const BtrfsProbe&) = delete;

  // Devices by fsid, of those that answered.
  std::map<std::string, std::vector<BtrfsDevice>> ask_all();

 private:
  // What the probe's threads found, by path.
  struct Answers {
    std::mutex mutex;
    std::map<std::string, BtrfsAnswer> by_path;
  };

  std::vector<BtrfsMount> mounts();

  std::string rootfs_;
  std::chrono::nanoseconds timeout_;
  KeptFile init_, own_;
  std::unique_ptr<Answers> answers_;   // left to the threads when one of them still hangs
  std::set<std::string> outstanding_;  // paths whose last question was not answered in time
  MountProbe probe_;
};

// One file system's devices: as it answered itself, else what sysfs has.
struct BtrfsDevices {
  std::string label_uuid;
  std::optional<std::vector<BtrfsDevice>> answered;
  std::vector<std::pair<std::string, uint64_t>> listed;  // name, size in bytes
  size_t count = 0;                                      // of devices in sysfs
};
void write_btrfs_devices(MetricWriter& writer, const std::vector<BtrfsDevices>& filesystems);

}  // namespace plimsoll::collectors::host
