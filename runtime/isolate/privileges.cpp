// SPDX-License-Identifier: Apache-2.0
// What the program may do: capabilities(7), PR_SET_NO_NEW_PRIVS, seccomp(2), keyrings(7).
#include <grp.h>
#include <sys/prctl.h>

#include "runtime/isolate/child.h"
#include "runtime/isolate/defaults.h"
#include "runtime/seccomp/default_filter.h"
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

}  // namespace

// What the launcher itself does not have, it cannot give: the set is the intersection. The inheritable
// and the ambient sets are empty, so that a program without file capabilities loses all on setuid.
int drop_capabilities(Child&) {
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return errno;
  if (join_new_session_keyring() < 0 && errno != ENOSYS) return errno;
  if (const int error = drop_bounding_set(capability_mask())) return error;
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno;
  if (capability_get(sets) != 0) return errno;
  for (int half = 0; half < 2; ++half) {
    sets[half].permitted &= static_cast<uint32_t>(capability_mask() >> (32 * half));
    sets[half].effective = sets[half].permitted;
    sets[half].inheritable = 0;
  }
  return result_of(capability_set(sets));
}

int forbid_new_privileges(Child&) { return result_of(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); }

int filter_system_calls(Child&) {
  const std::span<const sock_filter> filter = seccomp::default_filter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  return result_of(install_filter(program));
}

}  // namespace plimsoll::isolate
