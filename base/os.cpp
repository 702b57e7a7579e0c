// SPDX-License-Identifier: Apache-2.0
#include "base/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

namespace plimsoll {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) reset(other.release());
  return *this;
}

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

ReadBuffer::ReadBuffer(size_t initial, size_t limit) : data_(new char[initial]), capacity_(initial), limit_(limit) {}

// A seq_file hands out about one page a read, so a read much shorter than a page is the last one
// unless a single record is longer than this.
constexpr ssize_t kShortRead = 2048;

void ReadBuffer::grow(size_t keep) {
  std::unique_ptr<char[]> larger(new char[capacity_ * 2]);
  std::memcpy(larger.get(), data_.get(), keep);
  data_ = std::move(larger);
  capacity_ *= 2;
}

Result<std::string_view> ReadBuffer::read(int fd, Until until) {
  size_t filled = 0;
  while (true) {
    ssize_t n = ::pread(fd, data_.get() + filled, capacity_ - filled, static_cast<off_t>(filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read");
    filled += static_cast<size_t>(n);
    if (n == 0 || (until == Until::kShortRead && n < kShortRead)) return std::string_view(data_.get(), filled);
    if (filled < capacity_) continue;
    if (capacity_ * 2 > limit_) return unexpected(Error{EFBIG, "read"});
    grow(filled);
  }
}

Result<std::string_view> ReadBuffer::read_at(int dirfd, const char* path) {
  UniqueFd fd(::openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return fail_errno(path);
  auto text = read(fd.get(), Until::kEnd);
  if (!text) return unexpected(Error{text.error().code, path});
  return text;
}

Result<Dir> Dir::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(path);
  return Dir(std::move(fd));
}

Result<Dir> Dir::open_dir(const std::string& name) const {
  UniqueFd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(name);
  return Dir(std::move(fd));
}

Result<UniqueFd> Dir::open_file(const std::string& name, int flags) const {
  UniqueFd fd(::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(name);
  return fd;
}

Result<std::string> Dir::read(const std::string& name) const {
  ReadBuffer buffer;
  auto text = buffer.read_at(fd_.get(), name.c_str());
  if (!text) return unexpected(text.error());
  return std::string(*text);
}

namespace {

bool entry_is_directory(int dirfd, const dirent64& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat st;
  return ::fstatat(dirfd, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

}  // namespace

// Without opendir(3), whose buffer of 32 KB and further system calls every start of a container would pay for.
Result<std::vector<Dir::Entry>> Dir::list() const {
  UniqueFd copy(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return fail_errno("list");
  alignas(dirent64) char buffer[8 * 1024];
  std::vector<Entry> entries;
  while (true) {
    const ssize_t size = ::getdents64(copy.get(), buffer, sizeof(buffer));
    if (size < 0) return fail_errno("list");
    if (size == 0) return entries;
    for (ssize_t at = 0; at < size;) {
      const dirent64& entry = *reinterpret_cast<const dirent64*>(buffer + at);
      at += entry.d_reclen;
      const std::string_view name = entry.d_name;
      if (name != "." && name != "..") entries.push_back({std::string(name), entry_is_directory(fd_.get(), entry)});
    }
  }
}

Result<std::string> read_file(const std::string& path) {
  ReadBuffer buffer;
  auto text = buffer.read_at(AT_FDCWD, path.c_str());
  if (!text) return unexpected(text.error());
  return std::string(*text);
}

Result<void> write_existing(int dirfd, const std::string& path, std::string_view text) {
  UniqueFd fd(::openat(dirfd, path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno(path);
  ssize_t n = ::write(fd.get(), text.data(), text.size());
  if (n < 0) return fail_errno(path);
  if (static_cast<size_t>(n) != text.size()) return unexpected(Error{EIO, path});
  return {};
}

Result<void> write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write");
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

namespace {

Result<void> write_and_rename(const std::string& path, std::string_view text, mode_t mode, bool sync) {
  const std::string temporary = path + ".tmp";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return fail_errno(temporary);
  auto written = write_all(fd.get(), text);
  if (!written) return unexpected(written.error().within(temporary));
  if (sync && ::fsync(fd.get()) != 0) return fail_errno(temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail_errno(path);
  return {};
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  auto replaced = write_and_rename(path, text, mode, true);
  if (!replaced) return replaced;
  const size_t slash = path.rfind('/');
  auto parent = Dir::open(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  if (parent) ::fsync(parent->fd());
  return {};
}

Result<void> replace_file_unsynced(const std::string& path, std::string_view text, mode_t mode) {
  return write_and_rename(path, text, mode, false);
}

Result<void> make_directories(const std::string& path, mode_t mode) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (!part.empty() && ::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return fail_errno(part);
    if (end == std::string::npos) break;
  }
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) return fail_errno(path);
  if (!S_ISDIR(st.st_mode)) return unexpected(Error{ENOTDIR, path});
  return {};
}

namespace {

Result<void> remove_entries(const Dir& dir, dev_t device, const std::string& path) {
  auto entries = dir.list();
  if (!entries) return unexpected(entries.error().within(path));
  for (const Dir::Entry& entry : *entries) {
    const std::string child_path = path + "/" + entry.name;
    if (entry.is_directory) {
      UniqueFd fd(::openat(dir.fd(), entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      struct stat st;
      if (!fd || ::fstat(fd.get(), &st) != 0) return fail_errno(child_path);
      if (st.st_dev != device) return unexpected(Error{EBUSY, child_path + ": is a mount point"});
      auto removed = remove_entries(Dir(std::move(fd)), device, child_path);
      if (!removed) return removed;
    }
    if (::unlinkat(dir.fd(), entry.name.c_str(), entry.is_directory ? AT_REMOVEDIR : 0) != 0)
      return fail_errno(child_path);
  }
  return {};
}

int64_t clock_ns(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Result<void> remove_tree(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return {};
    return fail_errno(path);
  }
  struct stat st;
  if (::fstat(fd.get(), &st) != 0) return fail_errno(path);
  auto removed = remove_entries(Dir(std::move(fd)), st.st_dev, path);
  if (!removed) return removed;
  if (::rmdir(path.c_str()) != 0) return fail_errno(path);
  return {};
}

int64_t wall_clock_ns() { return clock_ns(CLOCK_REALTIME); }
int64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace plimsoll
