// SPDX-License-Identifier: Apache-2.0
// Entering a running container takes two processes: setns(2) into a pid namespace holds only for children.
// The first one, the helper, joins the cgroup and the namespaces and clones the second with CLONE_PARENT, so that
// it is the caller's child, not the helper's.
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "runtime/isolate/parent.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

struct Entry {
  int pidfd;
  const std::vector<UniqueFd>& join_fds;
};

constexpr int kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;

[[noreturn]] void give_up(const Child& child, const char* step) {
  send_report(child.report_fd, Report::Kind::kFailed, errno, step, "");
  ::_exit(1);
}

// The helper's whole life. Not dumpable: as soon as it is in the container's pid namespace, the container's root
// could otherwise look into it and at its executable (/proc/PID/exe, mem, fd).
[[noreturn]] void enter_container(Child& child, const Entry& entry) {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) give_up(child, "become unreadable");
  for (const UniqueFd& fd : entry.join_fds) {
    if (::write(fd.get(), "0", 1) != 1) give_up(child, "join cgroup");
  }
  if (::setns(entry.pidfd, kNamespaces) != 0) give_up(child, "enter the container's namespaces");
  clone_args arguments = {};
  arguments.flags = CLONE_PARENT;
  const pid_t pid = clone3(arguments);
  if (pid < 0) give_up(child, "start a process in the container");
  if (pid == 0) run_steps(child, join_steps());
  send_report(child.report_fd, Report::Kind::kPid, pid, "", "");
  ::_exit(0);
}

void reap(pid_t pid) {
  int status;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

// The helper's report of the pid and the program's failure may come in either order.
struct Outcome {
  pid_t pid = 0;
  std::optional<Report> failure;
};

Outcome read_outcome(int fd) {
  Outcome outcome;
  while (const std::optional<Report> report = read_report(fd)) {
    if (report->kind == Report::Kind::kPid) {
      outcome.pid = report->value;
    } else {
      outcome.failure = report;
    }
  }
  return outcome;
}

Result<UniqueFd> open_member(pid_t pid, const limits::OwnCgroup& group) {
  UniqueFd pidfd(pidfd_open(pid));
  if (!pidfd) return fail_errno("process " + std::to_string(pid) + " of the container");
  auto member = group.contains(pid);
  if (!member) return unexpected(member.error());
  if (!*member) return unexpected(Error{ESRCH, "process " + std::to_string(pid) + " is not in cgroup " + group.path()});
  return pidfd;
}

Result<pid_t> start_helper(Child& child, const Entry& entry, const limits::OwnCgroup& group) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  if (group.clone_into_fd() >= 0) {
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(group.clone_into_fd());
  }
  BlockedSignals blocked;
  const pid_t pid = clone3(arguments);
  if (pid == 0) enter_container(child, entry);
  if (pid < 0) return fail_errno("start a process in cgroup " + group.path());
  return pid;
}

}  // namespace

std::variant<pid_t, LaunchError> join(const JoinSpec& spec, pid_t pid, const limits::OwnCgroup& group) {
  auto program = make_program(spec.argv, spec.env, spec.cwd);
  if (!program) return engine_error(program.error());
  const int stdio[3] = {spec.stdin_fd, spec.stdout_fd, spec.stderr_fd};
  std::copy(std::begin(stdio), std::end(stdio), std::begin(program->stdio));
  auto member = open_member(pid, group);
  if (!member) return engine_error(member.error());
  auto report = make_pipe();
  if (!report) return engine_error(report.error());
  Child child;
  child.program = &*program;
  child.report_fd = report->write_end.get();
  child.parent_fds[0] = report->read_end.get();
  auto helper = start_helper(child, {member->get(), group.join_fds()}, group);
  if (!helper) return engine_error(helper.error());
  report->write_end.reset();
  const Outcome outcome = read_outcome(report->read_end.get());
  reap(*helper);
  if (!outcome.failure && outcome.pid > 0) return outcome.pid;
  if (outcome.pid > 0) reap(outcome.pid);
  if (outcome.failure) return explain(*outcome.failure, spec.env);
  return engine_error(Error{ECANCELED, "start a process in the container: it was killed"});
}

}  // namespace plimsoll::isolate
