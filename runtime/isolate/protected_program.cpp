// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/protected_program.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace plimsoll::isolate {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
constexpr unsigned kExecutable = 0x10;  // MFD_EXEC of Linux 6.3; without it a machine may refuse to execute such files

bool is_sealed(const std::string& self) {
  const UniqueFd fd(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && (::fcntl(fd.get(), F_GET_SEALS) & kSeals) == kSeals;
}

// Whether the calling program was started from what open_protected() or copy_protected() give.
Result<bool> is_protected(const std::string& self) {
  struct statvfs mount;
  if (::statvfs(self.c_str(), &mount) != 0) return fail_errno(self);
  return (mount.f_flag & ST_RDONLY) != 0 || is_sealed(self);
}

Result<void> copy(int from, int to, const std::string& path) {
  struct stat information;
  if (::fstat(from, &information) != 0) return fail_errno(path);
  off_t at = 0;
  while (at < information.st_size) {
    const ssize_t copied = ::sendfile(to, from, &at, static_cast<size_t>(information.st_size - at));
    if (copied < 0 && errno != EINTR) return fail_errno("copy " + path);
    if (copied == 0) return unexpected(Error{EIO, "copy " + path});
  }
  return {};
}

}  // namespace

Result<UniqueFd> open_protected(const std::string& path) {
  constexpr unsigned kFlags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  UniqueFd fd(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), kFlags)));
  if (!fd) return fail_errno(path);
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, fd.get(), "", AT_EMPTY_PATH, &change, sizeof(change)) != 0) {
    return fail_errno("protect " + path);
  }
  return fd;
}

Result<UniqueFd> copy_protected(const std::string& path) {
  const UniqueFd original(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!original) return fail_errno(path);
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(::memfd_create("plimsoll-oci", kFlags | kExecutable));
  if (!fd) fd.reset(::memfd_create("plimsoll-oci", kFlags));
  if (!fd) return fail_errno("a copy of " + path + " in memory");
  if (auto copied = copy(original.get(), fd.get(), path); !copied) return unexpected(copied.error());
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return fail_errno("seal the copy of " + path);
  return fd;
}

Result<void> protect_self(const std::string& proc) {
  const std::string self = proc + "/self/exe";
  auto done = is_protected(self);
  if (!done) return unexpected(done.error());
  if (*done) return {};
  auto words = read_file(proc + "/self/cmdline");
  if (!words) return unexpected(words.error());
  auto program = open_protected(self);
  if (!program) program = copy_protected(self);
  if (!program) return unexpected(program.error());
  std::vector<char*> argv;
  for (char* word = words->data(); word < words->data() + words->size(); word += std::string_view(word).size() + 1) {
    argv.push_back(word);
  }
  argv.push_back(nullptr);
  ::syscall(SYS_execveat, program->get(), "", argv.data(), environ, AT_EMPTY_PATH);
  return fail_errno("start " + self + " again");
}

}  // namespace plimsoll::isolate
