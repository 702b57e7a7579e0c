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
#include <cstdio>

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

// The same names in each run, as unlike each other as real ones (splitmix64 by S. Vigna, public domain).
std::string hex_name(uint64_t number) {
  std::string name;
  uint64_t state = number;
  for (int part = 0; part < 4; ++part) {
    state += 0x9e3779b97f4a7c15;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(mixed));
    name += digits;
  }
  return name;
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

Result<ForeignGroups::Group> ForeignGroups::add() {
  Group group{hex_name(groups_.size() * 4), 0};
  groups_.push_back(group);  // known from now on, so that half a group is removed too
  std::vector<UniqueFd> joins;
  for (const std::string& directory : directories("/" + group.name)) {
    if (auto made = make_directories(directory, 0755); !made) return unexpected(made.error());
    joins.emplace_back(open((directory + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    if (!joins.back()) return fail_errno(directory + "/cgroup.procs");
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  const UniqueFd ready(ends[0]), says(ends[1]);
  group.pid = fork();
  if (group.pid < 0) return fail_errno("fork");
  if (group.pid == 0) sleep_in(joins, says.get());
  groups_.back().pid = group.pid;
  char answer = 'n';
  if (::read(ready.get(), &answer, 1) != 1 || answer != 'y') return fail(parent_ + ": a process cannot join its group");
  return group;
}

ForeignGroups::~ForeignGroups() {
  for (const Group& group : groups_) {
    if (group.pid > 0) kill(group.pid, SIGKILL);
  }
  for (const Group& group : groups_) {
    if (group.pid > 0) waitpid(group.pid, nullptr, 0);
    for (const std::string& directory : directories("/" + group.name)) rmdir(directory.c_str());
  }
}

}  // namespace plimsoll::bench
