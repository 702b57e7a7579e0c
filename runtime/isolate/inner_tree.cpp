// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/inner_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

const char* last_component(const std::string& level) {
  const char* slash = std::strrchr(level.c_str(), '/');
  return slash == nullptr ? level.c_str() : slash + 1;
}

// Neither call follows a link in the last component: a dangling one is EEXIST, and opening it
// fails afterwards.
int make_entry(int parent_fd, const char* name, bool as_file, mode_t directory_mode) {
  if (!as_file) return ::mkdirat(parent_fd, name, directory_mode);
  const int fd = ::openat(parent_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd >= 0) ::close(fd);
  return fd;
}

}  // namespace

int open_inside(int root_fd, const char* path) {
  return openat2(root_fd, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

// With O_PATH and O_NOFOLLOW a link at the end of the path is opened itself.
int open_strictly(int root_fd, const char* path) {
  const int fd = openat2(root_fd, path, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
  struct stat st;
  if (fd < 0 || (::fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode))) return fd;
  ::close(fd);
  errno = ELOOP;
  return -1;
}

int open_or_make(int root_fd, const InnerPath& path, bool as_file, mode_t directory_mode) {
  return open_or_make(root_fd, path, path.levels.size(), as_file, directory_mode);
}

int open_or_make(int root_fd, const InnerPath& path, size_t count, bool as_file, mode_t directory_mode) {
  int parent_fd = ::openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (size_t i = 0; i < count && parent_fd >= 0; ++i) {
    const std::string& level = path.levels[i];
    const bool last = i + 1 == count;
    int fd = open_inside(root_fd, level.c_str());
    if (fd < 0 && errno == ENOENT) {
      const int made = make_entry(parent_fd, last_component(level), as_file && last, directory_mode);
      if (made >= 0 || errno == EEXIST) fd = open_inside(root_fd, level.c_str());
    }
    const int saved = errno;
    ::close(parent_fd);
    errno = saved;
    parent_fd = fd;
  }
  return parent_fd;
}

}  // namespace plimsoll::isolate
