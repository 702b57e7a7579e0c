// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/id_map.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/isolate/namespaces.h"
#include "runtime/isolate/parent.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {

Result<UniqueFd> make_user_namespace(const std::string& proc, const spec::IdMappings& uids,
                                     const spec::IdMappings& gids) {
  clone_args arguments = {};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = clone3(arguments);
  if (pid < 0) return fail_errno("make a user namespace for an id-mapped mount");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    while (true) ::pause();
  }
  const std::string directory = proc + "/" + std::to_string(pid) + "/";
  Result<void> done = write_existing(AT_FDCWD, directory + "uid_map", id_map_text(uids));
  if (done) done = write_existing(AT_FDCWD, directory + "gid_map", id_map_text(gids));
  UniqueFd fd(::open((directory + "ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  if (done && !fd) done = fail_errno(directory + "ns/user");
  ::kill(pid, SIGKILL);
  reap(pid);
  if (!done) return unexpected(done.error().within("ids of an id-mapped mount"));
  return fd;
}

Result<void> map_ids(int mount_fd, int user_namespace_fd, bool recursive) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<uint64_t>(user_namespace_fd);
  const unsigned flags = AT_EMPTY_PATH | (recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  if (::syscall(SYS_mount_setattr, mount_fd, "", flags, &change, sizeof(change)) == 0) return {};
  return fail_errno("map the ids of the mount (the file system may not support it)");
}

}  // namespace plimsoll::isolate
