// SPDX-License-Identifier: Apache-2.0
// System calls that libseccomp may be too old to know: Debian 12's ends with Linux 5.17. syscalls(2)
#pragma once

#include <cstdint>
#include <string_view>

namespace plimsoll::seccomp {

struct NumberedCall {
  std::string_view name;
  uint32_t number;
};

// The same on every architecture, apart from what some add to all of theirs.
inline constexpr NumberedCall kNewerCalls[] = {
    {"cachestat", 451},         {"fchmodat2", 452},         {"map_shadow_stack", 453}, {"futex_wake", 454},
    {"futex_wait", 455},        {"futex_requeue", 456},     {"statmount", 457},        {"listmount", 458},
    {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},        {"listxattrat", 465},      {"removexattrat", 466},
    {"open_tree_attr", 467},    {"file_getattr", 468},      {"file_setattr", 469},     {"listns", 470},
};

// Of x86_64 alone.
inline constexpr NumberedCall kNewerCallsX86_64[] = {{"uretprobe", 335}, {"uprobe", 336}};

// Of riscv64 alone.
inline constexpr NumberedCall kNewerCallsRiscv64[] = {{"riscv_hwprobe", 258}};

}  // namespace plimsoll::seccomp
