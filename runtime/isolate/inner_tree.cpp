// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/inner_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// Neither call follows a link in the last component: one that leads nowhere is EEXIST.
int make_entry(int parent_fd, const char* name, bool as_file, mode_t directory_mode) {
  if (!as_file) return ::mkdirat(parent_fd, name, directory_mode);
  const int fd = ::openat(parent_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd >= 0) ::close(fd);
  return fd;
}

int open_entry(int root_fd, const char* path, bool follow) {
  return openat2(root_fd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

// The path that is walked: of it the first `end` bytes are looked at.
struct Walk {
  char text[PATH_MAX];
  size_t end = 0;
  bool is_last() const { return text[end] == '\0'; }
};

bool join(Walk& walk, const char* directory, size_t directory_size, const char* target, const char* rest) {
  const size_t target_size = std::strlen(target), rest_size = std::strlen(rest);
  char joined[PATH_MAX];
  if (directory_size + target_size + rest_size + 2 > sizeof(joined)) return false;
  std::memcpy(joined, directory, directory_size);
  joined[directory_size] = '/';
  std::memcpy(joined + directory_size + 1, target, target_size);
  std::memcpy(joined + directory_size + 1 + target_size, rest, rest_size + 1);
  std::memcpy(walk.text, joined, directory_size + target_size + rest_size + 2);
  walk.end = 0;
  return true;
}

// Puts the link's target in its place; an entry that is none has been made meanwhile. Back to the start: what the
// target names is looked for like everything else.
int replace_link(Walk& walk, int parent_fd, const char* name, size_t parent_size) {
  char target[PATH_MAX];
  const ssize_t size = ::readlinkat(parent_fd, name, target, sizeof(target) - 1);
  if (size < 0) return errno == EINVAL ? 0 : errno;
  target[size] = '\0';
  if (target[0] == '/') parent_size = 0;
  return join(walk, walk.text, parent_size, target, walk.text + walk.end) ? 0 : ENAMETOOLONG;
}

// Makes the entry at the end of the walk, or takes the link there that leads nowhere for what it names.
int make_or_replace(int root_fd, Walk& walk, bool as_file, mode_t directory_mode) {
  char text[PATH_MAX];
  std::memcpy(text, walk.text, walk.end);
  text[walk.end] = '\0';
  char* const slash = std::strrchr(text, '/');
  const char* const name = slash == nullptr ? text : slash + 1;
  if (slash != nullptr) *slash = '\0';
  const int parent_fd = open_entry(root_fd, slash == nullptr || slash == text ? "." : text, true);
  if (parent_fd < 0) return errno;
  int error = make_entry(parent_fd, name, as_file && walk.is_last(), directory_mode) < 0 ? errno : 0;
  if (error == EEXIST) {
    error = replace_link(walk, parent_fd, name, slash == nullptr ? 0 : static_cast<size_t>(slash - text));
  }
  ::close(parent_fd);
  return error;
}

int open_walked(int root_fd, Walk& walk) {
  const char kept = walk.text[walk.end];
  walk.text[walk.end] = '\0';
  const int fd = open_entry(root_fd, walk.text, true);
  walk.text[walk.end] = kept;
  return fd;
}

// The long way, where a link of the image leads to what is not there: it is made, inside the root.
int make_through_links(int root_fd, const std::string& path, bool as_file, mode_t directory_mode) {
  constexpr int kMostSteps = 512;
  Walk walk;
  if (!join(walk, "", 0, path.c_str(), "")) {
    errno = ENAMETOOLONG;
    return -1;
  }
  for (int step = 0; step < kMostSteps; ++step) {
    if (walk.end == 0) walk.end = 1 + std::strcspn(walk.text + 1, "/");
    const int fd = open_walked(root_fd, walk);
    if (fd >= 0 && walk.is_last()) return fd;
    if (fd >= 0) {
      ::close(fd);
      walk.end += 1 + std::strcspn(walk.text + walk.end + 1, "/");
      continue;
    }
    if (errno != ENOENT) return -1;
    if ((errno = make_or_replace(root_fd, walk, as_file, directory_mode)) != 0) return -1;
  }
  errno = ELOOP;
  return -1;
}

}  // namespace

const char* last_component(const std::string& level) {
  const char* slash = std::strrchr(level.c_str(), '/');
  return slash == nullptr ? level.c_str() : slash + 1;
}

int open_inside(int root_fd, const char* path) { return open_entry(root_fd, path, true); }

// Without O_NOFOLLOW, with which a link at the end of the path would be opened itself.
int open_strictly(int root_fd, const char* path) {
  return openat2(root_fd, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

int open_or_make(int root_fd, const InnerPath& path, const Making& making) {
  const size_t count = path.levels.size() - (making.parent_only ? 1 : 0);
  const auto open_level = [&](size_t i) {
    const char* const level = path.levels[i].c_str();
    return making.strict ? open_strictly(root_fd, level) : open_entry(root_fd, level, i + 1 < count || making.follow);
  };
  if (count == 0) return ::openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = open_level(count - 1);  // mostly all of it is there
  if (fd >= 0 || errno != ENOENT) return fd;
  int parent_fd = root_fd;
  for (size_t i = 0; i < count; ++i) {
    const std::string& level = path.levels[i];
    const bool as_file = making.as_file && i + 1 == count;
    fd = open_level(i);
    if (fd < 0 && errno == ENOENT) {
      const int made = make_entry(parent_fd, last_component(level), as_file, making.directory_mode);
      if (made >= 0 || errno == EEXIST) fd = open_level(i);
      if (fd < 0 && errno == ENOENT && !making.strict)
        fd = make_through_links(root_fd, level, as_file, making.directory_mode);
    }
    const int saved = errno;
    if (parent_fd != root_fd) ::close(parent_fd);
    errno = saved;
    if (fd < 0) return fd;
    parent_fd = fd;
  }
  return fd;
}

}  // namespace plimsoll::isolate
