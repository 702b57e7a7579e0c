// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/foreign_groups.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/os.h"

namespace plimsoll::bench {
namespace {

constexpr const char* kUsedHierarchies[] = {"cpu", "cpuacct", "memory", "pids", "blkio", "unified"};

// The child's side: enters the groups by their open `cgroup.procs` (the child writes, since a write
// by the parent waits for a grace period), takes a network namespace, says so, sleeps.
[[noreturn]] void sleep_in(const std::vector<UniqueFd>& joins, int ready) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  bool fine = unshare(CLONE_NEWNET) == 0;
  for (const UniqueFd& join : joins) fine = fine && ::write(join.get(), "0", 1) == 1;
  const char answer = fine ? 'y' : 'n';
  if (::write(ready, &answer, 1) != 1) _exit(1);
  for (;;) pause();
}

}  // namespace

ForeignGroups::ForeignGroups(std::string cgroup_root, std::string parent) : parent_(std::move(parent)) {
  if (access((cgroup_root + "/cgroup.controllers").c_str(), F_OK) == 0) {
    mounts_.push_back(std::move(cgroup_root));
    return;
  }
  for (const char* name : kUsedHierarchies) {
    const std::string mount = cgroup_root + "/" + name;
    if (access(mount.c_str(), F_OK) == 0) mounts_.push_back(mount);
  }
}

std::vector<std::string> ForeignGroups::directories(const std::string& group) const {
  std::vector<std::string> all;
  for (const std::string& mount : mounts_) all.push_back(mount + parent_ + group);
  return all;
}

Result<void> ForeignGroups::add() {
  std::vector<UniqueFd> joins;
  for (const std::string& directory : directories("/" + std::to_string(processes_.size()))) {
    if (auto made = make_directories(directory, 0755); !made) return made;
    joins.emplace_back(open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!joins.back()) return fail_errno(directory + "/cgroup.procs");
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  const UniqueFd ready(ends[0]), says(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return fail_errno("fork");
  if (pid == 0) sleep_in(joins, says.get());
  processes_.push_back(pid);
  char answer = 'n';
  if (::read(ready.get(), &answer, 1) != 1 || answer != 'y') return fail(parent_ + ": a process cannot join its group");
  return {};
}

ForeignGroups::~ForeignGroups() {
  for (const pid_t pid : processes_) kill(pid, SIGKILL);
  for (const pid_t pid : processes_) waitpid(pid, nullptr, 0);
  for (size_t at = 0; at < processes_.size(); ++at) {
    for (const std::string& directory : directories("/" + std::to_string(at))) rmdir(directory.c_str());
  }
}

}  // namespace plimsoll::bench
