// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/protected_program.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>
#include <vector>

namespace plimsoll::isolate {

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

Result<void> protect_self(const std::string& proc) {
  const std::string self = proc + "/self/exe";
  struct statvfs mount;
  if (::statvfs(self.c_str(), &mount) != 0) return fail_errno(self);
  if ((mount.f_flag & ST_RDONLY) != 0) return {};
  auto words = read_file(proc + "/self/cmdline");
  if (!words) return unexpected(words.error());
  auto program = open_protected(self);
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
