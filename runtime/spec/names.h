// SPDX-License-Identifier: Apache-2.0
// The fixed vocabularies of config.json and the kernel's numbers for them. `features` lists them.
// runtime-spec: config.md, config-linux.md; sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2)
#pragma once

#include <sys/mount.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec/spec.h"

namespace plimsoll::spec {

template <typename T>
struct Name {
  std::string_view name;
  T value;
};
template <typename T, size_t n>
using Names = std::array<Name<T>, n>;

template <typename T, size_t n>
std::optional<T> find_name(const Names<T, n>& names, std::string_view name) {
  for (const Name<T>& one : names)
    if (one.name == name) return one.value;
  return std::nullopt;
}

// "": no such value.
template <typename T, size_t n>
std::string_view name_of(const Names<T, n>& names, T value) {
  for (const Name<T>& one : names)
    if (one.value == value) return one.name;
  return {};
}

template <typename T, size_t n>
std::vector<std::string_view> all_names(const Names<T, n>& names) {
  std::vector<std::string_view> all;
  for (const Name<T>& one : names) all.push_back(one.name);
  return all;
}

std::string join_names(const std::vector<std::string_view>& names);
template <typename T, size_t n>
std::string list_names(const Names<T, n>& names) {
  return join_names(all_names(names));
}

inline constexpr Names<NamespaceType, 8> kNamespaceNames = {{
    {"cgroup", NamespaceType::kCgroup},
    {"ipc", NamespaceType::kIpc},
    {"mount", NamespaceType::kMount},
    {"network", NamespaceType::kNetwork},
    {"pid", NamespaceType::kPid},
    {"time", NamespaceType::kTime},
    {"user", NamespaceType::kUser},
    {"uts", NamespaceType::kUts},
}};

// <linux/sched.h>; SCHED_ISO has a number there and no code behind it.
inline constexpr Names<uint32_t, 7> kSchedulerPolicies = {{
    {"SCHED_OTHER", 0},
    {"SCHED_FIFO", 1},
    {"SCHED_RR", 2},
    {"SCHED_BATCH", 3},
    {"SCHED_ISO", 4},
    {"SCHED_IDLE", 5},
    {"SCHED_DEADLINE", 6},
}};
inline constexpr Names<uint64_t, 7> kSchedulerFlags = {{
    {"SCHED_FLAG_RESET_ON_FORK", 0x01},
    {"SCHED_FLAG_RECLAIM", 0x02},
    {"SCHED_FLAG_DL_OVERRUN", 0x04},
    {"SCHED_FLAG_KEEP_POLICY", 0x08},
    {"SCHED_FLAG_KEEP_PARAMS", 0x10},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40},
}};

inline constexpr Names<int, 3> kIoClasses = {{
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
}};

inline constexpr Names<int, 7> kMemoryModes = {{
    {"MPOL_DEFAULT", 0},
    {"MPOL_PREFERRED", 1},
    {"MPOL_BIND", 2},
    {"MPOL_INTERLEAVE", 3},
    {"MPOL_LOCAL", 4},
    {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},
}};
inline constexpr Names<uint32_t, 3> kMemoryFlags = {{
    {"MPOL_F_NUMA_BALANCING", 1U << 13},
    {"MPOL_F_RELATIVE_NODES", 1U << 14},
    {"MPOL_F_STATIC_NODES", 1U << 15},
}};

inline constexpr Names<uint64_t, 2> kPersonalities = {{{"LINUX", 0x0000}, {"LINUX32", 0x0008}}};

inline constexpr Names<uint64_t, 8> kPropagations = {{
    {"private", MS_PRIVATE},
    {"rprivate", MS_PRIVATE | MS_REC},
    {"slave", MS_SLAVE},
    {"rslave", MS_SLAVE | MS_REC},
    {"shared", MS_SHARED},
    {"rshared", MS_SHARED | MS_REC},
    {"unbindable", MS_UNBINDABLE},
    {"runbindable", MS_UNBINDABLE | MS_REC},
}};

inline constexpr Names<SeccompAction, 9> kSeccompActions = {{
    {"SCMP_ACT_ALLOW", SeccompAction::kAllow},
    {"SCMP_ACT_ERRNO", SeccompAction::kErrno},
    {"SCMP_ACT_KILL", SeccompAction::kKillThread},
    {"SCMP_ACT_KILL_PROCESS", SeccompAction::kKillProcess},
    {"SCMP_ACT_KILL_THREAD", SeccompAction::kKillThread},
    {"SCMP_ACT_LOG", SeccompAction::kLog},
    {"SCMP_ACT_NOTIFY", SeccompAction::kNotify},
    {"SCMP_ACT_TRACE", SeccompAction::kTrace},
    {"SCMP_ACT_TRAP", SeccompAction::kTrap},
}};
inline constexpr Names<SeccompOperator, 7> kSeccompOperators = {{
    {"SCMP_CMP_EQ", SeccompOperator::kEqual},
    {"SCMP_CMP_GE", SeccompOperator::kGreaterOrEqual},
    {"SCMP_CMP_GT", SeccompOperator::kGreater},
    {"SCMP_CMP_LE", SeccompOperator::kLessOrEqual},
    {"SCMP_CMP_LT", SeccompOperator::kLess},
    {"SCMP_CMP_MASKED_EQ", SeccompOperator::kMaskedEqual},
    {"SCMP_CMP_NE", SeccompOperator::kNotEqual},
}};

// "CAP_CHOWN" is number 0, and so on.
std::vector<std::string_view> known_capabilities();
std::vector<std::string_view> known_rlimits();

}  // namespace plimsoll::spec
