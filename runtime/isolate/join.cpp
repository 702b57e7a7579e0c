// SPDX-License-Identifier: Apache-2.0
// Entering a running container takes two processes: setns(2) into a pid namespace holds only for children.
// The first one, the helper, joins the cgroup and the namespaces and clones the second with CLONE_PARENT, so that
// it is the caller's child, not the helper's.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "runtime/isolate/affinity.h"
#include "runtime/isolate/helper.h"
#include "runtime/isolate/parent.h"
#include "runtime/isolate/settle.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// The helper's whole life. Not dumpable: as soon as it is in the container's pid namespace, the container's root
// could otherwise look into it and at its executable (/proc/PID/exe, mem, fd).
[[noreturn]] void enter_container(Child& child, const JoinSpec& spec) {
  take_oom_score(child);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) give_up(child, "become unreadable");
  if (!child.process->initial_cpus.empty() && (errno = set_affinity(0, child.process->initial_cpus)) != 0) {
    give_up(child, "process.execCPUAffinity.initial");
  }
  if (spec.group != nullptr) {
    for (const UniqueFd& fd : spec.group->join_fds()) {
      if (::write(fd.get(), "0", 1) != 1) give_up(child, "join cgroup");
    }
  }
  if (child.root_fd >= 0 && (::fchdir(child.root_fd) != 0 || ::chroot(".") != 0)) give_up(child, "enter its root");
  if (spec.namespaces != 0 && ::setns(spec.pidfd, static_cast<int>(spec.namespaces)) != 0) {
    give_up(child, "enter the container's namespaces");
  }
  clone_args arguments = {};
  arguments.flags = CLONE_PARENT;
  const pid_t pid = clone3(arguments);
  if (pid < 0) give_up(child, "start a process in the container");
  if (pid == 0) run_steps(child, join_steps());
  send_report(child.control_fd, Report::Kind::kPid, pid, "", "");
  ::_exit(0);
}

// With the mount namespace the root comes along; else it is entered by itself. Invalid: nothing to do.
Result<UniqueFd> root_without_namespace(const JoinSpec& spec) {
  if ((spec.namespaces & CLONE_NEWNS) != 0) return UniqueFd();
  const std::string path = spec.proc + "/" + std::to_string(spec.pid) + "/root";
  UniqueFd fd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno(path);
  return fd;
}

// Sets `elsewhere` when the program has to be put into its group by somebody else.
Result<pid_t> start_helper(Child& child, const JoinSpec& spec, bool& elsewhere) {
  clone_args arguments = {};
  arguments.flags = CLONE_CLEAR_SIGHAND;
  arguments.exit_signal = SIGCHLD;
  if (spec.group != nullptr && spec.group->clone_into_fd() >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(spec.group->clone_into_fd());
  }
  BlockedSignals blocked;
  pid_t pid = clone3(arguments);
  if (pid < 0 && errno == EACCES && spec.place) {
    elsewhere = true;
    arguments.flags = CLONE_CLEAR_SIGHAND;
    pid = clone3(arguments);
  }
  if (pid == 0) enter_container(child, spec);
  if (pid < 0) return fail_errno("start a process in the container's cgroup");
  return pid;
}

// The helper's report of the pid and the program's may come in either order.
class Join {
 public:
  Join(const JoinSpec& spec, UniqueFd control, std::vector<std::string> warnings, bool elsewhere)
      : spec_(spec), control_(std::move(control)), elsewhere_(elsewhere) {
    joined_.warnings = std::move(warnings);
  }

  Result<void> follow() {
    while (const std::optional<Report> report = read_report(control_.get())) {
      if (report->kind == Report::Kind::kFailed) failure_ = report;
      if (report->kind == Report::Kind::kMap) waits_ = true;
      if (report->kind == Report::Kind::kSettled) settled_ = true;
      if (report->kind == Report::Kind::kListener) listener_ = report->value;
      if (report->kind == Report::Kind::kPid && joined_.pid == 0) {
        joined_.pid = report->value;
        joined_.pidfd.reset(pidfd_open(joined_.pid));
        if (!joined_.pidfd) return fail_errno("process " + std::to_string(joined_.pid) + " in the container");
      }
      if (auto served = serve(); !served) return served;
    }
    return {};
  }

  // Takes what was made so far and says what went wrong, if something did.
  std::variant<Launched, LaunchError> result(const Result<void>& followed) {
    if (followed && !failure_ && settled_ && joined_.pid > 0) return std::move(joined_);
    if (joined_.pid > 0) end_child(joined_.pid, joined_.pidfd.get());
    if (failure_) return explain(*failure_, search_path_of(spec_.process->env));
    if (!followed) return engine_error(followed.error());
    return engine_error(Error{ECANCELED, "start a process in the container: it was killed"});
  }

 private:
  // What waits for the pid to be known.
  Result<void> serve() {
    if (joined_.pid == 0 || failure_) return {};
    if (waits_) {
      waits_ = false;
      if (auto placed = place(); !placed) return placed;
      auto settled = settle(*spec_.process, joined_.pid, spec_.proc, joined_.warnings);
      if (!settled) return settled;
      if (auto placed = elsewhere_ ? spec_.place(joined_.pid) : Result<void>(); !placed) return placed;
      if (auto answered = answer(control_.get(), "g"); !answered) return answered;
    }
    if (listener_ < 0) return {};
    auto taken = take_listener(joined_.pidfd.get(), std::exchange(listener_, -1));
    if (!taken) return unexpected(taken.error());
    if (!spec_.listener) return fail("the seccomp filter notifies, and nobody listens");
    auto handed = spec_.listener(joined_.pid, *std::move(taken));
    return handed ? answer(control_.get(), "g") : handed;
  }

  // With `initial` and without `final` it stays where it has begun.
  Result<void> place() {
    const auto& wanted = spec_.process->exec_cpu_affinity;
    if (!wanted || (wanted->initial.empty() && wanted->final.empty())) {
      (void)set_affinity(joined_.pid, every_cpu());
    } else if (!wanted->final.empty()) {
      errno = set_affinity(joined_.pid, cpu_mask(wanted->final));
      if (errno != 0) return fail_errno("process.execCPUAffinity.final " + wanted->final);
    }
    return {};
  }

  const JoinSpec& spec_;
  UniqueFd control_;
  Launched joined_;
  bool elsewhere_, waits_ = false, settled_ = false;
  int listener_ = -1;
  std::optional<Report> failure_;
};

}  // namespace

std::variant<Launched, LaunchError> join(const JoinSpec& spec) {
  if (auto open = check_preserved(spec.preserved_fds); !open) return engine_error(open.error());
  auto process = make_process_plan(*spec.process);
  if (!process) return engine_error(process.error());
  std::copy(std::begin(spec.stdio), std::end(spec.stdio), std::begin(process->stdio));
  process->console_socket = spec.console_socket;
  if (spec.process->exec_cpu_affinity) process->initial_cpus = cpu_mask(spec.process->exec_cpu_affinity->initial);
  process->plain_line_ends = spec.plain_line_ends;
  process->preserved_fds = spec.preserved_fds;
  process->new_keyring = spec.new_keyring;
  process->keep_groups = spec.keep_groups;
  process->filter = spec.filter;
  process->personality = spec.personality;
  use_exec_stub(*process, spec.exec_stub);
  auto control = make_control_pair();
  if (!control) return engine_error(control.error());
  auto root = root_without_namespace(spec);
  if (!root) return engine_error(root.error());
  Child child;
  child.process = &*process;
  child.root_fd = root->get();
  child.control_fd = control->child.get();
  child.parent_fd = control->parent.get();
  bool elsewhere = false;
  auto helper = start_helper(child, spec, elsewhere);
  if (!helper) return engine_error(helper.error());
  control->child.reset();
  Join joined(spec, std::move(control->parent), process->warnings, elsewhere);
  const Result<void> followed = joined.follow();
  reap(*helper);
  return joined.result(followed);
}

}  // namespace plimsoll::isolate
