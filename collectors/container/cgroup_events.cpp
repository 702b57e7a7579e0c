// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/cgroup_events.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace plimsoll::collectors::container {
namespace {

constexpr size_t kQueueBytes = 32 * 1024;
constexpr size_t kMaxDirectories = 1024;  // known by handle; then it starts anew
constexpr int kMaxDepth = 32;             // of directories below each other, against hostile nesting
constexpr uint32_t kWatchedInotify = IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK;

uint64_t fsid_of(const void* fsid) {
  uint64_t value = 0;
  std::memcpy(&value, fsid, sizeof(value));
  return value;
}

// The record of one event that names directory and entry; false when it has none.
bool parse_info(std::span<const char> info, FanotifyEvent& event) {
  fanotify_event_info_fid fid;
  file_handle head;
  constexpr size_t kHead = sizeof(fid) + sizeof(head);
  if (info.size() < kHead) return false;
  std::memcpy(&fid, info.data(), sizeof(fid));
  if (fid.hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME || fid.hdr.len > info.size() || fid.hdr.len < kHead)
    return false;
  std::memcpy(&head, info.data() + sizeof(fid), sizeof(head));
  if (head.handle_bytes > MAX_HANDLE_SZ || kHead + head.handle_bytes > fid.hdr.len) return false;
  event.fsid = fsid_of(&fid.fsid);
  event.handle = {info.data() + sizeof(fid), sizeof(head) + head.handle_bytes};
  const std::string_view rest(info.data() + kHead + head.handle_bytes, fid.hdr.len - kHead - head.handle_bytes);
  event.name = rest.substr(0, rest.find('\0'));
  return true;
}

}  // namespace

bool for_each_fanotify_event(std::span<const char> bytes, const std::function<void(const FanotifyEvent&)>& take) {
  bool whole = true;
  while (!bytes.empty()) {
    fanotify_event_metadata meta;
    if (bytes.size() < sizeof(meta)) return false;
    std::memcpy(&meta, bytes.data(), sizeof(meta));
    if (meta.vers != FANOTIFY_METADATA_VERSION || meta.metadata_len < sizeof(meta) ||
        meta.event_len < meta.metadata_len || meta.event_len > bytes.size())
      return false;
    FanotifyEvent event;
    event.mask = meta.mask;
    if ((meta.mask & FAN_Q_OVERFLOW) != 0) {
      whole = false;
    } else if (parse_info(bytes.subspan(meta.metadata_len, meta.event_len - meta.metadata_len), event)) {
      take(event);
    }
    bytes = bytes.subspan(meta.event_len);
  }
  return whole;
}

Result<FanotifyQueue> FanotifyQueue::open(const std::vector<std::string>& mount_points, uint64_t mask,
                                          const std::string& proc) {
  FanotifyQueue queue;
  queue.proc_ = proc;
  queue.queue_.reset(::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC, O_RDONLY));
  if (!queue.queue_) return fail_errno("fanotify_init");
  for (const std::string& mount_point : mount_points) {
    if (auto marked = queue.mark(mount_point, mask); !marked) return unexpected(marked.error().within(mount_point));
  }
  queue.buffer_.resize(kQueueBytes);
  return queue;
}

// Two hierarchies with one fsid could not be told apart. The handle of the root is resolved at once: that
// it can be is a matter of capabilities.
Result<void> FanotifyQueue::mark(const std::string& mount_point, uint64_t mask) {
  Mount mount;
  mount.root.reset(::open(mount_point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs fs;
  if (!mount.root || ::fstatfs(mount.root.get(), &fs) != 0) return fail_errno("open");
  mount.fsid = fsid_of(&fs.f_fsid);
  mount.path = path_of(mount.root.get());
  if (mount.path.empty()) return fail("no path of an own descriptor");
  if (std::any_of(mounts_.begin(), mounts_.end(), [&](const Mount& other) { return other.fsid == mount.fsid; }))
    return fail("the same file system twice");
  if (::fanotify_mark(queue_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask, mount.root.get(), nullptr) != 0)
    return fail_errno("fanotify_mark");
  union {
    file_handle head;
    char bytes[sizeof(file_handle) + MAX_HANDLE_SZ];
  } handle;
  handle.head.handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (::name_to_handle_at(mount.root.get(), "", &handle.head, &mount_id, AT_EMPTY_PATH) != 0)
    return fail_errno("name_to_handle_at");
  const UniqueFd again(::open_by_handle_at(mount.root.get(), &handle.head, O_PATH | O_CLOEXEC));
  if (!again) return fail_errno("open_by_handle_at");
  mounts_.push_back(std::move(mount));
  return {};
}

std::string FanotifyQueue::path_of(int fd) const {
  char text[PATH_MAX];
  const ssize_t size = ::readlink((proc_ + "/self/fd/" + std::to_string(fd)).c_str(), text, sizeof(text));
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

bool FanotifyQueue::drain(const std::function<void(const FanotifyEvent&)>& take) {
  bool whole = true;
  while (true) {
    const ssize_t size = ::read(queue_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return whole;
    whole = for_each_fanotify_event({buffer_.data(), static_cast<size_t>(size)}, take) && whole;
  }
}

size_t FanotifyQueue::mount_of(const FanotifyEvent& event) const {
  size_t index = 0;
  while (index < mounts_.size() && mounts_[index].fsid != event.fsid) ++index;
  return index;
}

const std::string* FanotifyQueue::directory(const FanotifyEvent& event) {
  std::string key(reinterpret_cast<const char*>(&event.fsid), sizeof(event.fsid));
  key += event.handle;
  if (const auto known = directories_.find(key); known != directories_.end()) return &known->second;
  const size_t index = mount_of(event);
  if (index == mounts_.size()) return nullptr;
  const Mount& mount = mounts_[index];
  alignas(file_handle) char handle[sizeof(file_handle) + MAX_HANDLE_SZ];
  std::memcpy(handle, event.handle.data(), event.handle.size());
  const UniqueFd fd(
      ::open_by_handle_at(mount.root.get(), reinterpret_cast<file_handle*>(handle), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return nullptr;
  std::string path = path_of(fd.get());
  if (!path.starts_with(mount.path) || path.ends_with(" (deleted)")) return nullptr;
  path.erase(0, mount.path == "/" ? 0 : mount.path.size());
  if (path.empty()) path = "/";
  if (path.front() != '/') return nullptr;
  if (directories_.size() >= kMaxDirectories) directories_.clear();
  return &directories_.insert_or_assign(std::move(key), std::move(path)).first->second;
}

Result<InotifyTree> InotifyTree::open(const std::string& mount_point, size_t max_watches) {
  InotifyTree tree;
  tree.mount_point_ = mount_point;
  tree.max_watches_ = max_watches;
  tree.queue_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!tree.queue_) return fail_errno("inotify_init1");
  tree.buffer_.resize(kQueueBytes);
  if (auto added = tree.add("/", {}); !added) return unexpected(added.error());
  return tree;
}

// The watch first, the listing afterwards: a child is in one of them, or in both.
Result<void> InotifyTree::add(const std::string& path, const Found& found) {
  const std::string full = mount_point_ + (path == "/" ? "" : path);
  if (std::count(path.begin(), path.end(), '/') > kMaxDepth) return {};
  if (max_watches_ != 0 && paths_.size() >= max_watches_) return unexpected(Error{ENOSPC, "inotify"});
  const int watch = ::inotify_add_watch(queue_.get(), full.c_str(), kWatchedInotify);
  if (watch < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (watch < 0) return fail_errno("inotify_add_watch");
  paths_[watch] = path;
  auto dir = Dir::open(full);
  if (!dir) return {};
  auto entries = dir->list();
  if (!entries) return {};
  for (const Dir::Entry& entry : *entries) {
    if (!entry.is_directory) continue;
    const std::string child = (path == "/" ? "" : path) + "/" + entry.name;
    if (found) found(child, true);
    if (auto added = add(child, found); !added) return added;
  }
  return {};
}

Result<void> InotifyTree::handle(std::span<const char> bytes, const Found& found, bool& lost) {
  while (bytes.size() >= sizeof(inotify_event)) {
    inotify_event event;
    std::memcpy(&event, bytes.data(), sizeof(event));
    if (sizeof(event) + event.len > bytes.size()) break;
    const std::string_view field(bytes.data() + sizeof(event), event.len);
    bytes = bytes.subspan(sizeof(event) + event.len);
    lost = lost || (event.mask & IN_Q_OVERFLOW) != 0;
    const auto parent = paths_.find(event.wd);
    if (parent == paths_.end()) continue;
    if ((event.mask & IN_IGNORED) != 0) {
      paths_.erase(parent);
      continue;
    }
    if ((event.mask & IN_ISDIR) == 0 || (event.mask & (IN_CREATE | IN_DELETE)) == 0) continue;
    const std::string path =
        (parent->second == "/" ? "" : parent->second) + "/" + std::string(field.substr(0, field.find('\0')));
    const bool made = (event.mask & IN_CREATE) != 0;
    found(path, made);
    if (!made) continue;
    if (auto added = add(path, found); !added) return added;
  }
  return {};
}

Result<bool> InotifyTree::drain(const Found& found) {
  bool lost = false;
  while (true) {
    const ssize_t size = ::read(queue_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    if (auto handled = handle({buffer_.data(), static_cast<size_t>(size)}, found, lost); !handled)
      return unexpected(handled.error());
  }
  if (!lost) return true;
  if (auto added = add("/", found); !added) return unexpected(added.error());
  return false;
}

bool is_limit_file(std::string_view name) {
  constexpr std::string_view kLimits[] = {"cpu.shares",
                                          "cpu.cfs_quota_us",
                                          "cpu.cfs_period_us",
                                          "memory.limit_in_bytes",
                                          "memory.memsw.limit_in_bytes",
                                          "memory.soft_limit_in_bytes",
                                          "pids.max",
                                          "cpu.weight",
                                          "cpu.weight.nice",
                                          "cpu.idle",
                                          "cpu.max",
                                          "cpu.max.burst",
                                          "memory.max",
                                          "memory.high",
                                          "memory.low",
                                          "memory.min",
                                          "memory.swap.max",
                                          "memory.swap.high"};
  return std::find(std::begin(kLimits), std::end(kLimits), name) != std::end(kLimits);
}

}  // namespace plimsoll::collectors::container
