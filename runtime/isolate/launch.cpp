// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/isolate/affinity.h"
#include "runtime/isolate/helper.h"
#include "runtime/isolate/parent.h"
#include "runtime/isolate/settle.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

int group_fd(const LaunchSpec& spec) {
  return spec.group == nullptr || !spec.enter_group ? -1 : spec.group->clone_into_fd();
}

// The mount that a path leads into. statx(2), STATX_MNT_ID
std::optional<uint64_t> mount_at(const std::string& path) {
  struct statx information;
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &information) != 0) return std::nullopt;
  return information.stx_mnt_id;
}

// One launch, in the parent: what is asked for, the child's end of the talk, and how far it has come.
class Launch {
 public:
  Launch(const LaunchSpec& spec, LaunchPlan& plan) : spec_(spec), plan_(plan) {}

  std::variant<Launched, LaunchError> run() {
    auto control = make_control_pair();
    if (!control) return engine_error(control.error());
    use_exec_stub(plan_.process, spec_.exec_stub);
    if (!plan_.mounts.own_namespace) mount_below_ = mount_at(spec_.rootfs);
    use_exec_stub(plan_.start_container);
    launched_.warnings = plan_.process.warnings;
    launched_.warnings.insert(launched_.warnings.end(), plan_.mounts.warnings.begin(), plan_.mounts.warnings.end());
    auto begun = begin(*control);
    if (!begun) return failed(begun.error());
    control_ = std::move(control->parent);
    auto done = accompany();
    if (done) done = finish();
    // Without an answer this makes a child that waits report and leave.
    if (!done) ::shutdown(control_.get(), SHUT_WR);
    if (done && !failure_) return std::move(launched_);
    return failed(done ? invalid("") : done.error());
  }

 private:
  // Clones the child, which runs its steps, or the helper that clones it.
  Result<void> begin(ControlPair& control) {
    Child child;
    child.plan = &plan_;
    child.process = &plan_.process;
    child.control_fd = control.child.get();
    child.parent_fd = control.parent.get();
    const bool helped = plan_.namespaces.needs_helper();
    int pidfd = -1;
    clone_args arguments = {};
    arguments.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (helped ? 0 : plan_.namespaces.created);
    arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
    if (group_fd(spec_) >= 0) {
      arguments.flags |= CLONE_INTO_CGROUP;
      arguments.cgroup = static_cast<uint64_t>(group_fd(spec_));
    }
    pid_t pid;
    {
      BlockedSignals blocked;
      pid = clone3(arguments);
      if (pid == 0 && helped) help(child);
      if (pid == 0) run_steps(child, launch_steps());
    }
    if (pid < 0) return fail_errno("start a process in new namespaces");
    control.child.reset();
    (helped ? helper_ : launched_.pid) = pid;
    (helped ? helper_pidfd_ : launched_.pidfd).reset(pidfd);
    return {};
  }

  // Until everything is made, or has failed; then the child goes on by itself.
  Result<void> accompany() {
    if (plan_.namespaces.new_user()) {
      if (auto mapped = map_user(); !mapped) return mapped;
    }
    if (helper_ != 0) {
      if (auto met = meet_child(); !met) return met;
    }
    if (auto configured = configure(); !configured || failure_) return configured;
    if (plan_.await_hooks) {
      if (auto hooked = run_hooks(); !hooked || failure_) return hooked;
    }
    return plan_.await_group ? Result<void>{} : go_on();
  }

  Result<void> map_user() {
    if (!expect(Report::Kind::kMap)) return gone();
    auto mapped = write_id_maps(spec_.proc, helper_ != 0 ? helper_ : launched_.pid, plan_.namespaces);
    if (!mapped) return unexpected(mapped.error().within("user namespace"));
    return go_on();
  }

  Result<void> meet_child() {
    const std::optional<Report> report = expect(Report::Kind::kPid);
    if (!report) return gone();
    launched_.pid = report->value;
    reap(std::exchange(helper_, 0));
    launched_.pidfd.reset(pidfd_open(launched_.pid));
    if (!launched_.pidfd) return fail_errno("process " + std::to_string(launched_.pid) + " of the container");
    return {};
  }

  Result<void> configure() {
    if (spec_.keep_network_counters) {
      // Before the program runs: at its end the namespace can no longer be reached by the pid.
      const std::string path = spec_.proc + "/" + std::to_string(launched_.pid) + "/net/dev";
      launched_.net_dev.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!launched_.net_dev) return fail_errno(path);
    }
    (void)set_affinity(launched_.pid, every_cpu());
    auto settled = settle(*spec_.spec->process, launched_.pid, spec_.proc, launched_.warnings);
    if (!settled) return settled;
    if (spec_.hooks.configure) {
      auto configured = spec_.hooks.configure(launched_.pid);
      if (!configured) return configured;
    }
    return plan_.await_group ? go_on() : Result<void>{};
  }

  Result<void> run_hooks() {
    if (!expect(Report::Kind::kMounted)) return gone();
    if (spec_.hooks.before_pivot) {
      auto run = spec_.hooks.before_pivot(launched_.pid);
      if (!run) return run;
    }
    std::string creating, created;
    if (!plan_.hook_state.text.empty()) {
      creating = spec_.hooks.state_json(launched_.pid, "creating");
      created = spec_.hooks.state_json(launched_.pid, "created");
    }
    const uint32_t sizes[2] = {static_cast<uint32_t>(creating.size()), static_cast<uint32_t>(created.size())};
    auto answered = answer(control_.get(), {reinterpret_cast<const char*>(sizes), sizeof(sizes)});
    const std::string text = creating + created;
    for (size_t at = 0; answered && at < text.size(); at += kHookStatePiece) {
      answered = answer(control_.get(), std::string_view(text).substr(at, kHookStatePiece));
    }
    return told(answered);
  }

  // To the end of the connection, or until the child waits for start(). Where nothing is to be answered the reports are
  // read when it is over: waking up for each of them costs more than all of them together.
  Result<void> finish() {
    if (plan_.start_socket < 0 && !plan_.process.filter.listener && !early_) {
      pollfd end{control_.get(), 0, 0};
      (void)::poll(&end, 1, -1);
    }
    bool settled = false;
    while (const std::optional<Report> report = next_report()) {
      settled = settled || report->kind == Report::Kind::kSettled;
      if (report->kind == Report::Kind::kFailed) failure_ = report;
      if (report->kind == Report::Kind::kCreated) return {};
      if (report->kind == Report::Kind::kListener) {
        if (auto taken = hand_over_listener(report->value); !taken) return taken;
      }
    }
    return settled || failure_ ? Result<void>{} : gone();
  }

  Result<void> hand_over_listener(int number) {
    auto listener = take_listener(launched_.pidfd.get(), number);
    if (!listener) return unexpected(listener.error());
    if (!spec_.hooks.listener) return fail("the seccomp filter notifies, and nobody listens");
    auto handed = spec_.hooks.listener(launched_.pid, *std::move(listener));
    return handed ? go_on() : handed;
  }

  Result<void> go_on() { return told(answer(control_.get(), "g")); }

  // EPIPE: the child has failed and gone; its report says more. Who is killed leaves none.
  static Result<void> told(const Result<void>& answered) {
    return answered || answered.error().code != EPIPE ? answered : gone();
  }

  std::optional<Report> next_report() {
    if (early_) return std::exchange(early_, std::nullopt);
    return read_report(control_.get());
  }

  // The next report if it is of that kind. A failure is remembered. What a helper says of the process that it has
  // cloned may come after the first word of that process.
  std::optional<Report> expect(Report::Kind kind) {
    std::optional<Report> report = next_report();
    if (report && kind == Report::Kind::kPid && report->kind != kind && helper_speaks(*report)) {
      early_ = report;
      report = read_report(control_.get());
    }
    if (report && report->kind == kind) return report;
    if (report && report->kind == Report::Kind::kFailed) failure_ = report;
    return std::nullopt;
  }

  // Not its last word.
  static bool helper_speaks(const Report& report) {
    return report.kind != Report::Kind::kFailed || std::string_view(report.step).empty();
  }

  static Result<void> gone() { return fail("the container's first process was killed while it was made"); }

  // Takes all back, and says why.
  LaunchError failed(const Error& error) {
    if (!failure_ && control_.valid()) {
      const std::optional<Report> report = read_report(control_.get());
      if (report && report->kind == Report::Kind::kFailed && report->value != ECANCELED) failure_ = report;
    }
    if (helper_ != 0) end_child(helper_, helper_pidfd_.get());
    if (launched_.pid != 0) end_child(launched_.pid, launched_.pidfd.get());
    if (mount_below_ && mount_at(spec_.rootfs) != mount_below_) unmount_root(spec_.rootfs);
    if (failure_) return explain(*failure_, search_path_of(spec_.spec->process->env));
    return engine_error(error);
  }

  const LaunchSpec& spec_;
  LaunchPlan& plan_;
  Launched launched_;
  pid_t helper_ = 0;
  UniqueFd helper_pidfd_, control_;
  std::optional<Report> failure_, early_;
  std::optional<uint64_t> mount_below_;  // what the root file system lies in, where mounts are made among ours
};

// What the container says of it, which knows more than `error`. Without an answer a container that waits gives up.
LaunchError why_not_started(int connection, const Error& error) {
  ::shutdown(connection, SHUT_WR);
  const std::optional<Report> report = read_report(connection);
  const bool failed = report && report->kind == Report::Kind::kFailed && report->value != ECANCELED;
  return failed ? explain(*report, std::nullopt) : engine_error(error);
}

}  // namespace

// Of the calls the newest one; it refuses a size of 0 before it looks at anything else.
Result<void> check_kernel() {
  if (::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) == 0 || errno != ENOSYS) return {};
  return unexpected(Error{ENOSYS, "containers need Linux 5.12 or newer (mount_setattr)"});
}

std::variant<Launched, LaunchError> launch(const LaunchSpec& spec) {
  if (auto able = check_kernel(); !able) return engine_error(able.error());
  auto plan = make_plan(spec);
  if (!plan) return engine_error(plan.error());
  return Launch(spec, *plan).run();
}

void unmount_root(const std::string& rootfs) { ::umount2(rootfs.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW); }

std::variant<std::monostate, LaunchError> start(int connection, int pidfd,
                                                const std::function<Result<void>(UniqueFd)>& listener) {
  bool settled = false;
  while (const std::optional<Report> report = read_report(connection)) {
    settled = settled || report->kind == Report::Kind::kSettled;
    if (report->kind == Report::Kind::kFailed) return explain(*report, std::nullopt);
    if (report->kind != Report::Kind::kListener) continue;
    auto taken = take_listener(pidfd, report->value);
    if (!taken) return why_not_started(connection, taken.error());
    if (!listener) return engine_error(invalid("the seccomp filter notifies, and nobody listens"));
    // Without an answer the container ends.
    if (auto handed = listener(*std::move(taken)); !handed) return engine_error(handed.error());
    if (auto answered = answer(connection, "g"); !answered) return engine_error(answered.error());
  }
  if (!settled) return engine_error(invalid("the container's first process was killed before its program ran"));
  return std::monostate{};
}

}  // namespace plimsoll::isolate
