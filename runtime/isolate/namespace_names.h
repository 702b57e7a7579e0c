// SPDX-License-Identifier: Apache-2.0
// One table: the specification's namespaces, the kernel's flags, their files in /proc/PID/ns.
#pragma once

#include <sched.h>

#include <array>

#include "runtime/spec/spec.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace plimsoll::isolate {

struct NamespaceName {
  const char* spec_name;
  const char* proc_name;
  int clone_flag;
};

// In the order of spec::NamespaceType.
inline constexpr std::array<NamespaceName, 8> kNamespaceNames = {{
    {"pid", "pid", CLONE_NEWPID},
    {"network", "net", CLONE_NEWNET},
    {"mount", "mnt", CLONE_NEWNS},
    {"ipc", "ipc", CLONE_NEWIPC},
    {"uts", "uts", CLONE_NEWUTS},
    {"user", "user", CLONE_NEWUSER},
    {"cgroup", "cgroup", CLONE_NEWCGROUP},
    {"time", "time", CLONE_NEWTIME},
}};

constexpr const NamespaceName& namespace_name(spec::NamespaceType type) {
  return kNamespaceNames[static_cast<size_t>(type)];
}

}  // namespace plimsoll::isolate
