// SPDX-License-Identifier: Apache-2.0
// What the kernel tells about a tree of cgroups: directories made and removed, files written.
//
// fanotify, a mark on each hierarchy's file system: nothing is missed at any depth. An event names the
// directory by a file handle and the entry by its name:
//   struct fanotify_event_metadata, then struct fanotify_event_info_fid {DFID_NAME, fsid, file_handle, name}
// Needs CAP_SYS_ADMIN, to resolve handles CAP_DAC_READ_SEARCH, and a kernel whose cgroupfs has an fsid.
// inotify, a watch on each directory of one hierarchy: needs no capability; a directory that is made
// before its parent is watched is found by listing the parent then.
// fanotify(7), open_by_handle_at(2), inotify(7)
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::container {

// One event of a fanotify queue. Views into the queue's buffer: valid inside the callback.
struct FanotifyEvent {
  uint64_t mask = 0;  // FAN_CREATE, FAN_DELETE, FAN_MODIFY, FAN_ONDIR; several that followed each other are one
  uint64_t fsid = 0;
  std::string_view handle;  // struct file_handle of the directory
  std::string_view name;    // of the entry
};

// Splits what one read(2) of a fanotify descriptor returned. False: an overflow was among it, or bytes that
// are no events (all before them were told).
bool for_each_fanotify_event(std::span<const char> bytes, const std::function<void(const FanotifyEvent&)>& take);

class FanotifyQueue {
 public:
  // Marks the file systems at `mount_points` for the events of `mask`. `proc`: HostRoots::proc, where
  // our own descriptors are looked up. Error: not permitted, or this kernel cannot.
  static Result<FanotifyQueue> open(const std::vector<std::string>& mount_points, uint64_t mask,
                                    const std::string& proc);

  int fd() const { return queue_.get(); }
  // Takes what there is, without waiting. False after an overflow: events were lost.
  bool drain(const std::function<void(const FanotifyEvent&)>& take);
  // Index of the event's hierarchy among the mount points.
  size_t mount_of(const FanotifyEvent& event) const;
  // Path of the event's directory in its hierarchy, "/" or "/a/b"; nullptr when it is gone by now or is
  // not below the mount point. Valid until the next call.
  const std::string* directory(const FanotifyEvent& event);

 private:
  struct Mount {
    uint64_t fsid = 0;
    UniqueFd root;
    std::string path;  // as the kernel prints it
  };
  std::string path_of(int fd) const;
  Result<void> mark(const std::string& mount_point, uint64_t mask);

  std::string proc_;
  UniqueFd queue_;
  std::vector<Mount> mounts_;
  std::unordered_map<std::string, std::string> directories_;  // fsid and handle -> path
  std::vector<char> buffer_;
};

class InotifyTree {
 public:
  using Found = std::function<void(const std::string& path, bool made)>;

  // Watches every directory of the hierarchy at `mount_point`; at most `max_watches` (0: as many as the
  // kernel allows). Error ENOSPC: it has more.
  static Result<InotifyTree> open(const std::string& mount_point, size_t max_watches);

  int fd() const { return queue_.get(); }
  size_t watches() const { return paths_.size(); }
  // Takes what there is, without waiting; tells of directories made and removed (one may be told twice).
  // True: nothing was lost. False: events were lost, the tree was listed anew. Error: out of watches, the
  // object is of no use any more.
  Result<bool> drain(const Found& found);

 private:
  Result<void> add(const std::string& path, const Found& found);
  Result<void> handle(std::span<const char> bytes, const Found& found, bool& lost);

  std::string mount_point_;
  size_t max_watches_ = 0;
  UniqueFd queue_;
  std::unordered_map<int, std::string> paths_;  // of the watches
  std::vector<char> buffer_;
};

// Whether a file with this name sets something that the collector shows as a limit (stats.h, Limits).
bool is_limit_file(std::string_view name);

}  // namespace plimsoll::collectors::container
