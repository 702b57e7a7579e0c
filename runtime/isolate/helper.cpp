// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/helper.h"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/isolate/namespace_names.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// What belongs to the host must be entered before the user namespace, what belongs to that one after it: what is
// refused is tried again later.
void join_what_is_ours(Child& child, bool (&joined)[kNamespaceNames.size()]) {
  const auto& joins = child.plan->namespaces.joins;
  for (size_t i = 0; i < joins.size(); ++i) {
    joined[i] = joins[i].type != CLONE_NEWUSER && ::setns(joins[i].fd.get(), joins[i].type) == 0;
  }
}

void join_the_rest(Child& child, const bool (&joined)[kNamespaceNames.size()]) {
  const auto& joins = child.plan->namespaces.joins;
  for (size_t i = 0; i < joins.size(); ++i) {
    child.place = joins[i].path.c_str();
    if (!joined[i] && joins[i].type != CLONE_NEWUSER && ::setns(joins[i].fd.get(), joins[i].type) != 0) {
      give_up(child, "join namespace");
    }
  }
}

void become_root(const Child& child) {
  const NamespacePlan& namespaces = child.plan->namespaces;
  if (::syscall(SYS_setresgid, namespaces.root_gid, namespaces.root_gid, namespaces.root_gid) != 0 ||
      ::syscall(SYS_setresuid, namespaces.root_uid, namespaces.root_uid, namespaces.root_uid) != 0) {
    give_up(child, "take root of the user namespace");
  }
}

void make_user_namespace(const Child& child) {
  if (::syscall(SYS_unshare, CLONE_NEWUSER) != 0) give_up(child, "new user namespace");
  // The parent writes to files in /proc that must be its own.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) give_up(child, "become readable");
  send_report(child.control_fd, Report::Kind::kMap, 0, "", "");
  char byte;
  if ((errno = await_answer(child, &byte, 1)) != 0) give_up(child, "wait for the maps");
  become_root(child);
}

void join_groups(Child& child) {
  for (size_t i = 0; i < child.plan->join_fds.size(); ++i) {
    child.place = child.plan->join_names[i].c_str();
    if (::write(child.plan->join_fds[i], "0", 1) != 1) give_up(child, "join cgroup");
  }
}

}  // namespace

void give_up(const Child& child, const char* step) {
  send_report(child.control_fd, Report::Kind::kFailed, errno, step, child.place);
  ::_exit(1);
}

// Not dumpable: as soon as it is in a namespace of others, their root could otherwise look into it and at its
// executable (/proc/PID/exe, mem, fd).
void help(Child& child) {
  if ((errno = reset_signals(child)) != 0) give_up(child, "reset signals");
  child.parent_fd = -1;
  take_oom_score(child);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) give_up(child, "become unreadable");
  join_groups(child);
  const NamespacePlan& namespaces = child.plan->namespaces;
  bool joined[kNamespaceNames.size()] = {};
  join_what_is_ours(child, joined);
  if (namespaces.joins_user()) {
    child.place = namespaces.joins.back().path.c_str();
    if (::setns(namespaces.joins.back().fd.get(), CLONE_NEWUSER) != 0) give_up(child, "join namespace");
    become_root(child);
  }
  if (namespaces.new_user()) make_user_namespace(child);
  join_the_rest(child, joined);
  clone_args arguments = {};
  arguments.flags = CLONE_PARENT | (namespaces.created & ~uint64_t{CLONE_NEWUSER});
  const pid_t pid = clone3(arguments);
  child.place = "";
  if (pid < 0) give_up(child, "start a process in the container's namespaces");
  if (pid == 0) run_steps(child, launch_steps());
  send_report(child.control_fd, Report::Kind::kPid, pid, "", "");
  ::_exit(0);
}

}  // namespace plimsoll::isolate
