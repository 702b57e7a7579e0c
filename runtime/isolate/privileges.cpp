// SPDX-License-Identifier: Apache-2.0
// Who the program is and what it may do: credentials(7), capabilities(7), PR_SET_NO_NEW_PRIVS, seccomp(2), keyrings(7).
//
// A filter may be loaded by whoever can gain no privileges any more, or has CAP_SYS_ADMIN. Without no_new_privs it is
// therefore loaded before the capabilities are dropped, and the few system calls after it have to pass it.
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "runtime/isolate/child.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// Until the kernel knows no further capability.
int drop_bounding_set(uint64_t kept) {
  for (int capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    return errno == EINVAL ? 0 : errno;
  }
  return 0;
}

// A process without other groups need not have the right to change them: in a user namespace of an ordinary user
// nobody has.
int set_groups(const ProcessPlan& process) {
  const std::vector<gid_t>& groups = process.groups;
  if (process.keep_groups) return 0;
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) == 0) return 0;
  return errno == EPERM && groups.empty() ? 0 : errno;
}

// setresuid(2) to another user takes the effective capabilities away, of which the next steps need some.
int restore_effective() {
  __user_cap_data_struct sets[2] = {};
  if (capability_get(sets) != 0) return errno;
  for (auto& half : sets) half.effective = half.permitted;
  return result_of(capability_set(sets));
}

int raise_ambient(uint64_t ambient) {
  for (int capability = 0; ambient >> capability != 0; ++capability) {
    if ((ambient >> capability & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return errno;
    if (capability == 63) break;
  }
  return 0;
}

// The number that the next descriptor will have.
int next_descriptor() {
  const int fd = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0) ::close(fd);
  return fd;
}

int load_filter(const Child& child) {
  const LoadedFilter& filter = child.process->filter;
  if (filter.program.empty()) return 0;
  const sock_fprog program{static_cast<unsigned short>(filter.program.size()),
                           const_cast<sock_filter*>(filter.program.data())};
  if (!filter.listener) return result_of(install_filter(program, filter.flags));
  // The parent takes the descriptor from us by its number, told before: the filter may stop what would tell it. Until
  // it has done so we must neither execute nor end, for then the descriptor is gone and nobody answers for the program.
  send_report(child.control_fd, Report::Kind::kListener, next_descriptor(), "", "");
  if (const int error = result_of(install_filter(program, filter.flags | SECCOMP_FILTER_FLAG_NEW_LISTENER)))
    return error;
  char byte;
  return await_answer(child, &byte, 1);
}

}  // namespace

// Keys of the launcher's session are out of reach. A kernel, or a filter around us, may not have keyrings.
int new_keyring(Child& child) {
  if (!child.process->new_keyring || join_new_session_keyring() >= 0) return 0;
  return errno == ENOSYS || errno == EPERM ? 0 : errno;
}

int set_user(Child& child) {
  const ProcessPlan& process = *child.process;
  if (const int error = drop_bounding_set(process.capabilities.bounding)) return error;
  ::umask(process.umask);
  if (const int error = set_groups(process)) return error;
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return errno;
  if (::syscall(SYS_setresgid, process.gid, process.gid, process.gid) != 0) return errno;
  if (::syscall(SYS_setresuid, process.uid, process.uid, process.uid) != 0) return errno;
  if (::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0) return errno;
  if (const int error = restore_effective()) return error;
  return child.detached ? 0 : die_with_parent(child);
}

// What the launcher itself does not have, it cannot give: the set is the intersection.
int drop_capabilities(Child& child) {
  const spec::Capabilities& wanted = child.process->capabilities;
  __user_cap_data_struct sets[2] = {};
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  if (!child.process->no_new_privileges) {
    if (const int error = load_filter(child)) return error;
  }
  if (capability_get(sets) != 0) return errno;
  uint64_t kept = 0;
  for (int half = 0; half < 2; ++half) {
    const int shift = 32 * half;
    const uint32_t own = sets[half].permitted;
    sets[half].permitted &= static_cast<uint32_t>(wanted.permitted >> shift);
    sets[half].effective = sets[half].permitted & static_cast<uint32_t>(wanted.effective >> shift);
    sets[half].inheritable = own & static_cast<uint32_t>((wanted.inheritable & wanted.bounding) >> shift);
    kept |= uint64_t{sets[half].permitted & sets[half].inheritable} << shift;
  }
  if (const int error = result_of(capability_set(sets))) return error;
  return raise_ambient(wanted.ambient & kept);
}

int forbid_new_privileges(Child& child) {
  return child.process->no_new_privileges ? result_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) : 0;
}

int filter_system_calls(Child& child) { return child.process->no_new_privileges ? load_filter(child) : 0; }

}  // namespace plimsoll::isolate
