// SPDX-License-Identifier: Apache-2.0
// On which CPUs a process may run. sched_setaffinity(2), cpuset(7); config.md "execCPUAffinity"
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

namespace plimsoll::isolate {

// A bit for each CPU, as the kernel takes them.
using CpuMask = std::vector<unsigned long>;

// Of a list such as "0-3,7" that was checked when it was read.
CpuMask cpu_mask(std::string_view list);
// More than any machine has: the kernel leaves those that the cgroup allows. Without it a container would keep the mask
// of whoever has started us.
CpuMask every_cpu();
// Makes one system call. 0, or the errno.
int set_affinity(pid_t pid, const CpuMask& mask);

}  // namespace plimsoll::isolate
