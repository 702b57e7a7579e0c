// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/container.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "runtime/oci/process_stat.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {
namespace {

// More than can be written: a configuration's annotations and hooks, each byte at most six in JSON.
constexpr size_t kLargestRecord = 6 * spec::kLargestConfig + 1024 * 1024;

std::string quoted(std::string_view id) { return "container \"" + std::string(id) + "\""; }

// With its code, so that callers can tell it from other errors; the text says it already.
Unexpected missing(std::string_view id) { return unexpected(Error{ENOENT, quoted(id) + " does not exist"}); }

// A link is not followed: with --root in a directory of others somebody may have put it there.
Result<Dir> open_directory(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno(path);
  return Dir(std::move(fd));
}

// What stands in a directory of somebody else is not believed: there are hooks in it, and it is emptied in the end.
Result<void> check_owner(int directory, std::string_view id) {
  struct stat information;
  if (::fstat(directory, &information) != 0) return fail_errno(quoted(id));
  if (information.st_uid != ::geteuid())
    return unexpected(Error{EPERM, quoted(id) + ": its directory belongs to user " +
                                       std::to_string(information.st_uid) + ": run the command as that user"});
  if ((information.st_mode & 022) == 0) return {};
  return unexpected(Error{EPERM, quoted(id) + ": its directory is writable for others"});
}

Result<void> write_new(int directory, const std::string& name, std::string_view content, const std::string& path) {
  const UniqueFd file(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return fail_errno(path + "/" + name);
  if (auto written = write_all(file.get(), content); !written) return unexpected(written.error().within(path));
  return {};
}

// Nothing in the directory is anybody else's, so its files are simply unlinked; also those of a directory in it.
Result<void> remove_files(const Dir& directory, const std::string& path) {
  auto entries = directory.list();
  if (!entries) return unexpected(entries.error());
  for (const Dir::Entry& entry : *entries) {
    if (entry.is_directory) {
      const std::string inner_path = path + "/" + entry.name;
      auto inner = open_directory(inner_path);
      if (!inner) return unexpected(inner.error());
      if (auto removed = remove_files(*inner, inner_path); !removed) return removed;
    }
    if (::unlinkat(directory.fd(), entry.name.c_str(), entry.is_directory ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT) {
      return fail_errno(path + "/" + entry.name);
    }
  }
  return {};
}

Result<void> remove_with_files(const Dir& directory, const std::string& path) {
  if (auto removed = remove_files(directory, path); !removed) return removed;
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return fail_errno(path);
  return {};
}

}  // namespace

std::string_view status_name(Status status) {
  constexpr std::string_view kNames[] = {"creating", "created", "running", "paused", "stopped"};
  return kNames[static_cast<int>(status)];
}

void Lock::release() {
  if (fd_) ::flock(fd_.get(), LOCK_UN);
  fd_.reset();
}

Result<Container> Container::open(const std::string& root, std::string_view id) {
  if (auto good = check_id(id); !good) return unexpected(good.error());
  const std::string path = root + "/" + std::string(id);
  Container container;
  auto directory = open_directory(path);
  if (!directory && directory.error().code == ENOENT) return missing(id);
  if (!directory) return unexpected(directory.error());
  container.directory_ = *std::move(directory);
  struct stat information;
  if (::fstat(container.directory(), &information) != 0) return fail_errno(path);
  container.owner_ = information.st_uid;
  auto text = container.read(kRecordFile, kLargestRecord);
  if (!text && text.error().code == ENOENT) return missing(id);
  if (!text) return unexpected(text.error());
  auto record = read_record(*text);
  if (!record) return unexpected(record.error().within(path + "/" + kRecordFile));
  container.record_ = *std::move(record);
  if (container.id() != id) return fail(path + "/" + kRecordFile + ": is of container " + container.id());
  return container;
}

Status Container::status(const std::string& proc) const {
  if (!process_lives(proc, record_.pid, record_.start_ticks)) return Status::kStopped;
  if (::faccessat(directory(), kCreatingMark, F_OK, 0) == 0) return Status::kCreating;
  if (::faccessat(directory(), kStartSocket, F_OK, 0) == 0) return Status::kCreated;
  return Status::kRunning;
}

Result<void> Container::check_owner() const { return oci::check_owner(directory(), id()); }

namespace {

Result<Lock> take_lock(int directory, std::string_view id, int flags) {
  if (auto own = check_owner(directory, id); !own) return unexpected(own.error());
  UniqueFd fd(::openat(directory, kRecordFile, O_RDONLY | O_CLOEXEC));
  if (!fd) return missing(id);
  while (::flock(fd.get(), LOCK_EX | flags) != 0) {
    if (errno != EINTR) return fail_errno("another command is at work in " + quoted(id));
  }
  struct stat information;
  if (::fstat(fd.get(), &information) != 0 || information.st_nlink == 0) return missing(id);
  return Lock(std::move(fd));
}

}  // namespace

Result<Lock> lock_container(int directory, std::string_view id) { return take_lock(directory, id, 0); }
Result<Lock> try_lock_container(int directory, std::string_view id) { return take_lock(directory, id, LOCK_NB); }

Result<std::string> Container::read(const std::string& name, size_t limit) const {
  const UniqueFd fd(::openat(directory(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno(name);
  struct stat information;
  if (::fstat(fd.get(), &information) != 0) return fail_errno(name);
  if (!S_ISREG(information.st_mode)) return fail(name + ": is no regular file");
  if (static_cast<size_t>(information.st_size) > limit) return unexpected(Error{EFBIG, name});
  std::string text(static_cast<size_t>(information.st_size), '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t length = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (length < 0 && errno != EINTR) return fail_errno(name);
    if (length == 0) break;
    if (length > 0) filled += static_cast<size_t>(length);
  }
  text.resize(filled);
  return text;
}

Result<std::string> Container::read_process() const {
  auto text = read(kProcessFile, kLargestRecord);
  if (!text) return text;
  const size_t end = text->find('\0');
  return text->substr(end == text->npos ? 0 : end + 1);
}

Result<NewDirectory> NewDirectory::make(const std::string& root, std::string_view id) {
  if (auto good = check_id(id); !good) return unexpected(good.error());
  const std::string path = root + "/" + std::string(id);
  int made = ::mkdir(path.c_str(), 0700);
  if (made != 0 && errno == ENOENT) {
    if (auto parents = make_directories(root); !parents) return unexpected(parents.error());
    made = ::mkdir(path.c_str(), 0700);
  }
  if (made != 0 && errno == EEXIST) return unexpected(Error{0, quoted(id) + " already exists in " + root});
  if (made != 0) return fail_errno(path);
  NewDirectory directory;
  auto opened = open_directory(path);
  if (!opened) {
    ::rmdir(path.c_str());
    return unexpected(opened.error());
  }
  if (auto own = check_owner(opened->fd(), id); !own) return unexpected(own.error());
  directory.directory_ = *std::move(opened);
  directory.path_ = path;
  struct stat information;
  if (::flock(directory.fd(), LOCK_EX | LOCK_NB) == 0 && ::fstat(directory.fd(), &information) == 0 &&
      information.st_nlink != 0) {
    return directory;
  }
  directory.kept_ = true;
  return fail(quoted(id) + " is being deleted by another command");
}

NewDirectory::NewDirectory(NewDirectory&& other) noexcept
    : directory_(std::move(other.directory_)),
      path_(std::move(other.path_)),
      kept_(std::exchange(other.kept_, true)) {}

NewDirectory::~NewDirectory() {
  if (kept_ || path_.empty()) return;
  (void)remove();
  ::flock(fd(), LOCK_UN);
}

// Nobody reads it before he has our lock, or it has its other name.
Result<void> NewDirectory::mark(const std::string& group, std::string_view process) const {
  std::string text = group;
  text += '\0';
  return write_new(fd(), kCreatingMark, text.append(process), path_);
}

Result<void> NewDirectory::write(const std::string& name, std::string_view content) const {
  const std::string temporary = name + ".tmp";
  if (auto written = write_new(fd(), temporary, content, path_); !written) return written;
  if (::renameat(fd(), temporary.c_str(), fd(), name.c_str()) != 0) return fail_errno(path_ + "/" + name);
  return {};
}

Result<void> NewDirectory::finish() {
  if (::renameat(fd(), kCreatingMark, fd(), kProcessFile) != 0) return fail_errno(path_ + "/" + kCreatingMark);
  keep();
  return {};
}

void NewDirectory::keep() {
  kept_ = true;
  ::flock(fd(), LOCK_UN);
}

Result<void> NewDirectory::remove() const { return remove_with_files(directory_, path_); }

bool is_being_created(const std::string& root, std::string_view id) {
  if (!check_id(id)) return false;
  auto directory = open_directory(root + "/" + std::string(id));
  return directory && ::flock(directory->fd(), LOCK_SH | LOCK_NB) != 0;
}

Result<void> remove_aborted(const std::string& root, std::string_view id,
                            const std::function<Result<void>(const std::string&)>& remove_group) {
  if (auto good = check_id(id); !good) return good;
  const std::string path = root + "/" + std::string(id);
  auto directory = open_directory(path);
  if (!directory && directory.error().code == ENOENT) return {};
  if (!directory) return unexpected(directory.error());
  if (auto own = check_owner(directory->fd(), id); !own) return own;
  if (::flock(directory->fd(), LOCK_EX | LOCK_NB) != 0)
    return unexpected(Error{EBUSY, quoted(id) + " is being created"});
  // It may have become a container between the caller's look and the lock.
  if (::faccessat(directory->fd(), kRecordFile, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return unexpected(Error{EEXIST, quoted(id) + " was created meanwhile"});
  // Without its end it was written by halves, and no group was made yet.
  const std::string mark = read_file(path + "/" + kCreatingMark).value_or("");
  const size_t end = mark.find('\0');
  if (end != mark.npos && end > 0) {
    if (auto removed = remove_group(mark.substr(0, end)); !removed) return removed;
  }
  return remove_with_files(*directory, path);
}

Result<void> remove_directory(const std::string& root, std::string_view id) {
  const std::string path = root + "/" + std::string(id);
  auto directory = open_directory(path);
  if (!directory && directory.error().code == ENOENT) return {};
  if (!directory) return unexpected(directory.error());
  if (auto own = check_owner(directory->fd(), id); !own) return own;
  return remove_with_files(*directory, path);
}

Result<std::vector<std::string>> container_ids(const std::string& root, bool may_miss) {
  std::vector<std::string> ids;
  auto directory = Dir::open(root);
  if (!directory && directory.error().code == ENOENT && may_miss) return ids;
  if (!directory) return unexpected(directory.error());
  auto entries = directory->list();
  if (!entries) return unexpected(entries.error());
  for (Dir::Entry& entry : *entries) {
    if (entry.is_directory && check_id(entry.name)) ids.push_back(std::move(entry.name));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string owner_name(const std::string& passwd, uid_t uid) {
  std::string_view rest = passwd;
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    const std::string_view name = take(line, ':');
    take(line, ':');
    if (parse_u64(take(line, ':')) == uid && !name.empty()) return std::string(name);
  }
  return "#" + std::to_string(uid);
}

}  // namespace plimsoll::oci
