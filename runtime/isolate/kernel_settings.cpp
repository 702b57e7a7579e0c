// SPDX-License-Identifier: Apache-2.0
// Settings of the kernel for the container or its program: sysctl(8), personality(2), set_mempolicy(2), setrlimit(2).
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/isolate/child.h"
#include "runtime/isolate/procfs.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

int write_in_procfs(int procfs_fd, const char* path, const std::string& value) {
  const int fd = open_in_procfs(procfs_fd, path, O_WRONLY);
  if (fd < 0) return errno;
  const ssize_t written = ::write(fd, value.data(), value.size());
  const int error = written < 0 ? errno : 0;
  ::close(fd);
  return error;
}

}  // namespace

// Those of the network and ipc namespaces that the caller is in by now.
int write_sysctls(Child& child) {
  if (child.plan->sysctls.empty()) return 0;
  const int procfs_fd = open_procfs();
  if (procfs_fd < 0) return errno;
  int error = 0;
  for (const Sysctl& sysctl : child.plan->sysctls) {
    child.place = sysctl.path.c_str() + 4;  // without "sys/"
    error = write_in_procfs(procfs_fd, sysctl.path.c_str(), sysctl.value);
    if (error != 0) break;
  }
  ::close(procfs_fd);
  return error;
}

int set_personality(Child& child) {
  if (child.process->personality == UINT64_MAX) return 0;
  return result_of(::personality(child.process->personality));
}

int set_memory_policy(Child& child) {
  const LaunchPlan& plan = *child.plan;
  if (!plan.memory_policy) return 0;
  const unsigned long* const nodes = plan.memory_nodes.empty() ? nullptr : plan.memory_nodes.data();
  return result_of(::syscall(SYS_set_mempolicy, plan.memory_mode, nodes, plan.memory_maxnode));
}

// The parent has raised the hard limits, as far as it may: what is above is cut, and the parent has said so.
int set_limits(Child& child) {
  for (const spec::Rlimit& limit : child.process->limits) {
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit wanted{limit.soft, limit.hard}, now;
    if (::getrlimit(resource, &now) != 0) return errno;
    if (wanted.rlim_max > now.rlim_max) wanted.rlim_max = now.rlim_max;
    if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
    if (::setrlimit(resource, &wanted) != 0) return errno;
  }
  return 0;
}

}  // namespace plimsoll::isolate
