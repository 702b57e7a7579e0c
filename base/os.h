// SPDX-License-Identifier: Apache-2.0
// The smallest seam to the operating system: owned descriptors, directories addressed by
// descriptor, and whole-file reads into a buffer that is used again.
//
// Kernel files (/proc, /sys, cgroupfs) are rendered at read time, so a file is read in one
// go to be consistent; the buffer grows until it holds all of it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace plimsoll {

// Owns a file descriptor; closes it on destruction. Move-only.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Read buffer that keeps its capacity from file to file. One per thread.
// A view returned by read() or read_at() is valid until the next call on the same buffer.
class ReadBuffer {
 public:
  // `limit` bounds what one file may make us allocate (bytes); a larger file is EFBIG.
  explicit ReadBuffer(size_t initial = 16 * 1024, size_t limit = 16 * 1024 * 1024);

  enum class Until {
    kShortRead,  // one read for a file of short records: every cgroup file, /proc/PID/stat
    kEnd,        // read on to the end: safe for every file, one more system call
  };

  // Whole content from offset 0 by pread(2); for descriptors that are kept open.
  Result<std::string_view> read(int fd, Until until = Until::kShortRead);
  // Opens `path` relative to `dirfd` (AT_FDCWD and absolute paths work), reads it to the end,
  // closes it. The error names the path.
  Result<std::string_view> read_at(int dirfd, const char* path);

 private:
  void grow(size_t keep);

  std::unique_ptr<char[]> data_;
  size_t capacity_;
  size_t limit_;
};

// A directory held by descriptor. Paths given to it are relative to it; it stays the same
// directory when its path is removed and made again by somebody else.
class Dir {
 public:
  Dir() = default;
  explicit Dir(UniqueFd fd) : fd_(std::move(fd)) {}

  // O_PATH-free: the descriptor can be listed. Errors name the path.
  static Result<Dir> open(const std::string& path);
  Result<Dir> open_dir(const std::string& name) const;
  Result<UniqueFd> open_file(const std::string& name, int flags) const;
  Result<std::string> read(const std::string& name) const;

  struct Entry {
    std::string name;
    bool is_directory;  // from d_type; a symbolic link is not a directory
  };
  // Entries without "." and "..", in the kernel's order.
  Result<std::vector<Entry>> list() const;

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

 private:
  UniqueFd fd_;
};

// Where the kernel's trees are mounted. Passed in from main, the only place that knows absolute
// paths; a test passes a tree of its own.
struct HostRoots {
  std::string proc = "/proc";
  std::string sys = "/sys";
  std::string cgroup = "/sys/fs/cgroup";
  std::string rootfs = "/";  // the host's root as seen from here; mount points are below it
  std::string udev_data;     // udev's records of devices; "": rootfs/run/udev/data
};

// Whole file as a string; the error names the path. For paths off the scrape's hot way.
Result<std::string> read_file(const std::string& path);
// Writes `text` by one write(2) to an existing file (the way of cgroup and sysctl files).
Result<void> write_existing(int dirfd, const std::string& path, std::string_view text);
// Durable replacement: writes `path`.tmp, fsyncs, renames over `path`, fsyncs the directory.
// Readers see the old or the new content, never a part. `mode` as for open(2).
Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode = 0600);
// The same without fsync: atomic against the death of any process, but not durable against a
// power loss. For what need not survive one, such as files below /run.
Result<void> replace_file_unsynced(const std::string& path, std::string_view text, mode_t mode = 0600);
// mkdir -p; existing directories are fine.
Result<void> make_directories(const std::string& path, mode_t mode = 0700);
// Removes a file tree without following links and without leaving its file system (a mount point
// below it is left alone and reported as an error).
Result<void> remove_tree(const std::string& path);
// Writes all of `text` to `fd`, over short writes and EINTR.
Result<void> write_all(int fd, std::string_view text);

// CLOCK_REALTIME in nanoseconds since 1970.
int64_t wall_clock_ns();
// CLOCK_MONOTONIC in nanoseconds.
int64_t monotonic_ns();

}  // namespace plimsoll
