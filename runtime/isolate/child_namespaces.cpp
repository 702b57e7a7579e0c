// SPDX-License-Identifier: Apache-2.0
// The child's steps about namespaces and groups. user_namespaces(7), time_namespaces(7), cgroup_namespaces(7)
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/namespace_names.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

int write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int outcome = result_of(::write(fd, text.data(), text.size()));
  ::close(fd);
  return outcome;
}

}  // namespace

// In a new user namespace the child is nobody until the parent has written the maps. Then it is the namespace's root,
// and readable for as long as it writes to files of its own in /proc.
int take_root_of_user_namespace(Child& child) {
  const NamespacePlan& namespaces = child.plan->namespaces;
  if (!namespaces.new_user() && !namespaces.joins_user()) return 0;
  if (namespaces.new_user() && !namespaces.needs_helper()) {
    send_report(child.control_fd, Report::Kind::kMap, 0, "", "");
    char byte;
    if (const int error = await_answer(child, &byte, 1)) return error;
  }
  if (::syscall(SYS_setresgid, namespaces.root_gid, namespaces.root_gid, namespaces.root_gid) != 0) return errno;
  if (::syscall(SYS_setresuid, namespaces.root_uid, namespaces.root_uid, namespaces.root_uid) != 0) return errno;
  if (namespaces.new_user() && ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return errno;
  return die_with_parent(child);
}

// What fails here the parent does, or reports (settle.h).
void take_oom_score(const Child& child) {
  if (!child.process->oom_score.empty()) (void)write_file("/proc/self/oom_score_adj", child.process->oom_score);
}

int join_namespaces(Child& child) {
  if (child.plan->namespaces.needs_helper()) return 0;
  for (const NamespaceJoin& join : child.plan->namespaces.joins) {
    child.place = join.path.c_str();
    if (::setns(join.fd.get(), join.type) != 0) return errno;
  }
  return 0;
}

int join_cgroups(Child& child) {
  char byte;
  if (child.plan->await_group) return await_answer(child, &byte, 1);
  if (child.plan->namespaces.needs_helper()) return 0;
  for (size_t i = 0; i < child.plan->join_fds.size(); ++i) {
    child.place = child.plan->join_names[i].c_str();
    if (::write(child.plan->join_fds[i], "0", 1) != 1) return errno;
  }
  return 0;
}

// The new namespace's root is the group of the moment, so this comes after joining.
int new_cgroup_namespace(Child& child) {
  return child.plan->namespaces.new_cgroup ? result_of(::syscall(SYS_unshare, CLONE_NEWCGROUP)) : 0;
}

// unshare(2) makes it for children only; with one thread it can be entered right away.
int new_time_namespace(Child& child) {
  const NamespacePlan& namespaces = child.plan->namespaces;
  if (!namespaces.new_time) return 0;
  if (::syscall(SYS_unshare, CLONE_NEWTIME) != 0) return errno;
  if (!namespaces.time_offsets.empty()) {
    child.place = "timens_offsets";
    if (const int error = write_file("/proc/self/timens_offsets", namespaces.time_offsets)) return error;
  }
  const int fd = ::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int outcome = result_of(::setns(fd, CLONE_NEWTIME));
  ::close(fd);
  return outcome;
}

// Until the program runs: hooks and other processes in the container's namespaces must not look into it, or at its
// executable (/proc/PID/exe, mem, fd). proc(5), PR_SET_DUMPABLE
int become_unreadable(Child& child) {
  take_oom_score(child);
  return result_of(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

int set_host_names(Child& child) {
  const std::string& name = child.plan->hostname;
  const std::string& domain = child.plan->domainname;
  child.place = name.c_str();
  if (!name.empty() && ::sethostname(name.data(), name.size()) != 0) return errno;
  child.place = domain.c_str();
  return domain.empty() ? 0 : result_of(::setdomainname(domain.data(), domain.size()));
}

int raise_loopback(Child& child) {
  if (!child.plan->new_network) return 0;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request = {};
  std::memcpy(request.ifr_name, "lo", 3);
  int outcome = result_of(::ioctl(fd, SIOCGIFFLAGS, &request));
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (outcome == 0) outcome = result_of(::ioctl(fd, SIOCSIFFLAGS, &request));
  ::close(fd);
  return outcome;
}

}  // namespace plimsoll::isolate
