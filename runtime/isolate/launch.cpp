// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/isolate/parent.h"
#include "runtime/limits/device_filter.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

uint64_t clone_flags(const LaunchSpec& spec, const LaunchPlan& plan, const limits::OwnCgroup& group) {
  uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD;
  if (!spec.host_network) flags |= CLONE_NEWNET;
  if (group.clone_into_fd() >= 0) flags |= CLONE_INTO_CGROUP;
  if (!plan.unshare_cgroup) flags |= CLONE_NEWCGROUP;
  return flags;
}

struct Channels {
  Pipe report, go;
};

Result<Channels> make_channels() {
  auto report = make_pipe();
  if (!report) return unexpected(report.error());
  auto go = make_socket_pair();
  if (!go) return unexpected(go.error());
  return Channels{*std::move(report), *std::move(go)};
}

// Returns in the parent only. Of the channels the parent keeps its own ends.
Result<Launched> start_child(uint64_t flags, const LaunchPlan& plan, const limits::OwnCgroup& group,
                             Channels& channels) {
  Child child;
  child.plan = &plan;
  child.program = &plan.program;
  child.report_fd = channels.report.write_end.get();
  child.go_fd = channels.go.read_end.get();
  child.parent_fds[0] = channels.report.read_end.get();
  child.parent_fds[1] = channels.go.write_end.get();
  int pidfd = -1;
  clone_args arguments = {};
  arguments.flags = flags;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<uint64_t>(group.clone_into_fd() >= 0 ? group.clone_into_fd() : 0);
  pid_t pid;
  {
    BlockedSignals blocked;
    pid = clone3(arguments);
    if (pid == 0) run_steps(child, launch_steps());
  }
  if (pid < 0) return fail_errno("start a process in new namespaces (needs root)");
  channels.report.write_end.reset();
  channels.go.read_end.reset();
  Launched launched;
  launched.pid = pid;
  launched.pidfd.reset(pidfd);
  return launched;
}

// Before the program runs: at its end the namespace can no longer be reached by the pid.
Result<void> open_net_dev(const std::string& proc, Launched& launched) {
  const std::string path = proc + "/" + std::to_string(launched.pid) + "/net/dev";
  launched.net_dev.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!launched.net_dev) return fail_errno(path);
  return {};
}

Result<void> finish_in_parent(const LaunchSpec& spec, Launched& launched,
                              const std::function<Result<void>(pid_t)>& configure_network, int go_fd) {
  auto opened = open_net_dev(spec.proc, launched);
  if (!opened) return opened;
  if (configure_network) {
    auto configured = configure_network(launched.pid);
    if (!configured) return configured;
  }
  // EPIPE: the child has failed and gone; its report says more.
  if (::send(go_fd, "g", 1, MSG_NOSIGNAL) != 1) return fail_errno("let the container go on");
  return {};
}

void reap(pid_t pid) {
  int status;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

void end_child(const Launched& launched) {
  pidfd_send_signal(launched.pidfd.get(), SIGKILL);
  reap(launched.pid);
}

}  // namespace

std::variant<Launched, LaunchError> launch(const LaunchSpec& spec, const limits::OwnCgroup& group,
                                           const std::function<Result<void>(pid_t)>& configure_network) {
  auto plan = make_plan(spec, group);
  if (!plan) return engine_error(plan.error());
  auto restricted = limits::restrict_devices(group, limits::default_device_rules());
  if (!restricted) return engine_error(restricted.error());
  auto channels = make_channels();
  if (!channels) return engine_error(channels.error());
  auto launched = start_child(clone_flags(spec, *plan, group), *plan, group, *channels);
  if (!launched) return engine_error(launched.error());
  auto finished = finish_in_parent(spec, *launched, configure_network, channels->go.write_end.get());
  // Without the byte this makes the child report and leave, in whatever step it is then.
  channels->go.write_end.reset();
  const std::optional<Report> report = read_report(channels->report.read_end.get());
  if (finished && !report) return *std::move(launched);
  end_child(*launched);
  if (report && (finished || report->value != ECANCELED)) return explain(*report, spec.env);
  return engine_error(finished.error());
}

}  // namespace plimsoll::isolate
