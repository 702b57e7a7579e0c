// SPDX-License-Identifier: Apache-2.0
#include "agent/confine/capabilities.h"

#include <linux/securebits.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include "runtime/system_calls.h"

namespace plimsoll::agent {
namespace {

constexpr int kMaxCapability = 63;
constexpr std::string_view kPrefix = "CAP_";

// By number, capability.h.
constexpr auto kNames = std::to_array<std::string_view>({"CHOWN",
                                                         "DAC_OVERRIDE",
                                                         "DAC_READ_SEARCH",
                                                         "FOWNER",
                                                         "FSETID",
                                                         "KILL",
                                                         "SETGID",
                                                         "SETUID",
                                                         "SETPCAP",
                                                         "LINUX_IMMUTABLE",
                                                         "NET_BIND_SERVICE",
                                                         "NET_BROADCAST",
                                                         "NET_ADMIN",
                                                         "NET_RAW",
                                                         "IPC_LOCK",
                                                         "IPC_OWNER",
                                                         "SYS_MODULE",
                                                         "SYS_RAWIO",
                                                         "SYS_CHROOT",
                                                         "SYS_PTRACE",
                                                         "SYS_PACCT",
                                                         "SYS_ADMIN",
                                                         "SYS_BOOT",
                                                         "SYS_NICE",
                                                         "SYS_RESOURCE",
                                                         "SYS_TIME",
                                                         "SYS_TTY_CONFIG",
                                                         "MKNOD",
                                                         "LEASE",
                                                         "AUDIT_WRITE",
                                                         "AUDIT_CONTROL",
                                                         "SETFCAP",
                                                         "MAC_OVERRIDE",
                                                         "MAC_ADMIN",
                                                         "SYSLOG",
                                                         "WAKE_ALARM",
                                                         "BLOCK_SUSPEND",
                                                         "AUDIT_READ",
                                                         "PERFMON",
                                                         "BPF",
                                                         "CHECKPOINT_RESTORE"});
static_assert(kNames.size() == CAP_CHECKPOINT_RESTORE + 1);

// uid 0 gets nothing by exec or by changing user ids, and none of this can be undone.
constexpr unsigned kSecureBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

Result<void> empty_bounding_set() {
  for (int capability = 0; capability <= kMaxCapability && kernel_has_capability(capability); ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return fail_errno("PR_CAPBSET_DROP");
  }
  return {};
}

Result<void> set_capabilities(CapabilityMask mask) {
  __user_cap_data_struct sets[2] = {};
  for (int half = 0; half < 2; ++half)
    sets[half].permitted = sets[half].effective = static_cast<uint32_t>(mask >> (32 * half));
  if (capability_set(sets) != 0) return fail_errno("capset");
  return {};
}

// CAP_SETPCAP is needed for both, so they come first.
Result<void> renounce_roots_rights() {
  if (::prctl(PR_SET_SECUREBITS, kSecureBits, 0, 0, 0) != 0) return fail_errno("PR_SET_SECUREBITS");
  return empty_bounding_set();
}

}  // namespace

std::string capability_name(int capability) {
  const auto index = static_cast<size_t>(capability);
  if (capability < 0 || index >= kNames.size()) return "capability " + std::to_string(capability);
  return std::string(kPrefix) + std::string(kNames[index]);
}

std::optional<int> capability_named(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::string_view bare = upper;
  if (bare.starts_with(kPrefix)) bare.remove_prefix(kPrefix.size());
  const auto found = std::find(kNames.begin(), kNames.end(), bare);
  return found == kNames.end() ? std::nullopt : std::optional(static_cast<int>(found - kNames.begin()));
}

bool kernel_has_capability(int capability) { return ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; }

Result<CapabilityMask> permitted_capabilities() {
  __user_cap_data_struct sets[2] = {};
  if (capability_get(sets) != 0) return fail_errno("capget");
  return CapabilityMask{sets[1].permitted} << 32 | sets[0].permitted;
}

Result<void> use_permitted_capabilities() {
  const auto permitted = permitted_capabilities();
  return permitted ? set_capabilities(*permitted) : unexpected(permitted.error());
}

Result<void> keep_capabilities(CapabilityMask kept) {
  const auto had = permitted_capabilities();
  if (!had) return unexpected(had.error());
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno("PR_SET_NO_NEW_PRIVS");
  if (auto all = set_capabilities(*had); !all) return all;  // effective as well, for the next step
  if ((*had & bit_of(CAP_SETPCAP)) != 0) {
    if (auto renounced = renounce_roots_rights(); !renounced) return renounced;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return fail_errno("PR_CAP_AMBIENT");
  return set_capabilities(kept & *had);
}

}  // namespace plimsoll::agent
