// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/layer_walk.h"

#include <fcntl.h>
#include <unistd.h>

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kStepsPerQuestion = 16;
constexpr size_t kOpenLevels = 32;  // descriptors that a walk holds
constexpr size_t kMaxLinked = 65'536;
constexpr uint64_t kBytesPerBlock = 512;  // of st_blocks, whatever the file system's are

// Without a trace in the access times where that is allowed (own files, CAP_FOWNER): they would be written to disk.
UniqueFd open_directory(int parent, const char* name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  UniqueFd fd(::openat(parent, name, kFlags | O_NOATIME));
  if (!fd && errno == EPERM) fd.reset(::openat(parent, name, kFlags));
  return fd;
}

}  // namespace

void LayerWalk::DirCloser::operator()(DIR* stream) const { ::closedir(stream); }

Result<TreeSize> LayerWalk::measure(int top) {
  size_ = {};
  linked_.clear();
  shared_inodes_ = 0;
  struct stat st;
  if (::fstat(top, &st) != 0) return fail_errno("layer");
  device_ = st.st_dev;
  count(st);
  if (auto entered = enter(top, "."); !entered) return unexpected(entered.error());
  for (size_t steps = 1; !levels_.empty(); ++steps) {
    step();
    if (steps % kStepsPerQuestion != 0 || go_on_()) continue;
    levels_.clear();
    return unexpected(Error{ECANCELED, "layer"});
  }
  size_.inodes += static_cast<uint64_t>(shared_inodes_ + 0.5);
  return size_;
}

// Makes the directory the innermost level. Deep down only the innermost is open.
Result<void> LayerWalk::enter(int parent, const char* name) {
  UniqueFd fd = open_directory(parent, name);
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno("layer");
  if (st.st_dev != device_) return {};
  Level level;
  level.inode = st.st_ino;
  level.stream.reset(::fdopendir(fd.get()));
  if (!level.stream) return fail_errno("layer");
  fd.release();
  if (levels_.size() > kOpenLevels) {
    Level& above = levels_.back();
    above.position = ::telldir(above.stream.get());
    above.stream.reset();
  }
  levels_.push_back(std::move(level));
  return {};
}

void LayerWalk::step() {
  errno = 0;
  const dirent* entry = ::readdir(levels_.back().stream.get());
  if (entry == nullptr) {
    if (errno != 0) ++size_.left_out;
    leave();
    return;
  }
  const std::string_view name = entry->d_name;
  if (name != "." && name != "..") look_at(entry->d_name);
}

void LayerWalk::look_at(const char* name) {
  const int parent = ::dirfd(levels_.back().stream.get());
  struct stat st;
  if (::fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) {
    if (errno != ENOENT) ++size_.left_out;
    return;
  }
  if (st.st_dev != device_) return;
  count(st);
  if (!S_ISDIR(st.st_mode)) return;
  const bool too_deep = levels_.size() >= kMaxDepth;
  if (too_deep || !enter(parent, name)) ++size_.left_out;
}

// A file counts with its first name. When there are too many such files to remember, each name counts for its part.
void LayerWalk::count(const struct stat& st) {
  const uint64_t bytes = static_cast<uint64_t>(st.st_blocks) * kBytesPerBlock;
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
    if (linked_.contains(st.st_ino)) return;
    if (linked_.size() >= kMaxLinked) {
      size_.bytes += bytes / st.st_nlink;
      shared_inodes_ += 1.0 / static_cast<double>(st.st_nlink);
      return;
    }
    linked_.insert(st.st_ino);
  }
  size_.bytes += bytes;
  ++size_.inodes;
}

void LayerWalk::leave() {
  const Level left = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty() || levels_.back().stream || resume(levels_.back(), ::dirfd(left.stream.get()))) return;
  // The directory has been moved elsewhere, so that the way up is lost: on from the deepest one that is still open.
  ++size_.left_out;
  while (!levels_.back().stream) levels_.pop_back();
}

bool LayerWalk::resume(Level& level, int below) const {
  UniqueFd fd = open_directory(below, "..");
  struct stat st;
  if (!fd || ::fstat(fd.get(), &st) != 0 || st.st_ino != level.inode || st.st_dev != device_) return false;
  level.stream.reset(::fdopendir(fd.get()));
  if (!level.stream) return false;
  fd.release();
  ::seekdir(level.stream.get(), level.position);
  return true;
}

}  // namespace plimsoll::collectors::container
