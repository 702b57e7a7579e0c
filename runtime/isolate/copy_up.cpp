// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace plimsoll::isolate {
namespace {

constexpr int kDeepest = 64;  // levels of directories

// getdents64(2)
struct Entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

int copy_tree(int from_fd, int to_fd, int depth);

int copy_content(int from_fd, int to_fd) {
  while (true) {
    const ssize_t sent = ::sendfile(to_fd, from_fd, nullptr, 1 << 20);
    if (sent < 0 && errno != EINTR) return errno;
    if (sent == 0) return 0;
  }
}

int copy_file(int from_dir, int to_dir, const char* name) {
  const int from = ::openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (from < 0) return errno;
  const int to = ::openat(to_dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
  const int error = to < 0 ? errno : copy_content(from, to);
  ::close(from);
  if (to >= 0) ::close(to);
  return error;
}

int copy_link(int from_dir, int to_dir, const char* name) {
  char target[PATH_MAX];
  const ssize_t size = ::readlinkat(from_dir, name, target, sizeof(target) - 1);
  if (size < 0) return errno;
  target[size] = '\0';
  return ::symlinkat(target, to_dir, name) == 0 ? 0 : errno;
}

int copy_directory(int from_dir, int to_dir, const char* name, int depth) {
  if (depth >= kDeepest) return ELOOP;
  if (::mkdirat(to_dir, name, 0700) != 0) return errno;
  const int from = ::openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return errno;
  const int to = ::openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  const int error = to < 0 ? errno : copy_tree(from, to, depth + 1);
  ::close(from);
  if (to >= 0) ::close(to);
  return error;
}

// Not by the number of the device: in an overlay, files and directories may have different ones.
bool is_mount(int directory, const char* name) {
  struct statx st;
  return ::statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0 &&
         (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int copy_entry(int from_dir, int to_dir, const char* name, int depth) {
  struct stat st;
  if (::fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  if (is_mount(from_dir, name)) return 0;
  int error = 0;
  if (S_ISDIR(st.st_mode)) {
    error = copy_directory(from_dir, to_dir, name, depth);
  } else if (S_ISREG(st.st_mode)) {
    error = copy_file(from_dir, to_dir, name);
  } else if (S_ISLNK(st.st_mode)) {
    error = copy_link(from_dir, to_dir, name);
  } else {
    error = ::mknodat(to_dir, name, st.st_mode, st.st_rdev) == 0 ? 0 : errno;
  }
  if (error != 0) return error;
  // An owner that the user namespace does not know cannot be given: it stays the one who copies.
  if (::fchownat(to_dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != EINVAL) return errno;
  if (S_ISLNK(st.st_mode)) return 0;
  return ::fchmodat(to_dir, name, st.st_mode & 07777, 0) == 0 ? 0 : errno;
}

bool is_dots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

int copy_tree(int from_fd, int to_fd, int depth) {
  alignas(Entry) char buffer[4096];
  while (true) {
    const long size = ::syscall(SYS_getdents64, from_fd, buffer, sizeof(buffer));
    if (size <= 0) return size < 0 ? errno : 0;
    for (long at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const Entry*>(buffer + at);
      at += entry->length;
      if (is_dots(entry->name)) continue;
      if (const int error = copy_entry(from_fd, to_fd, entry->name, depth)) return error;
    }
  }
}

}  // namespace

int copy_up(int from_fd, int to_fd) {
  const int from = ::openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int to = ::openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int error = from < 0 || to < 0 ? errno : 0;
  if (error == 0) error = copy_tree(from, to, 0);
  if (from >= 0) ::close(from);
  if (to >= 0) ::close(to);
  return error;
}

}  // namespace plimsoll::isolate
