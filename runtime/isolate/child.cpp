// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/child.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// The hooks that the parent runs want the mounts and not yet the root.
int await_hooks(Child& child) {
  if (!child.plan->await_hooks) return 0;
  send_report(child.control_fd, Report::Kind::kMounted, 0, "", "");
  HookState& state = child.plan->hook_state;
  uint32_t sizes[2] = {};
  if (const int error = await_answer(child, sizes, sizeof(sizes))) return error;
  state.creating_size = sizes[0];
  state.created_size = sizes[1];
  const size_t size = size_t{sizes[0]} + sizes[1];
  if (size > state.text.size()) return EMSGSIZE;
  for (size_t at = 0; at < size; at += kHookStatePiece) {
    const size_t piece = size - at < kHookStatePiece ? size - at : kHookStatePiece;
    if (const int error = await_answer(child, state.text.data() + at, piece)) return error;
  }
  return 0;
}

int await_network(Child& child) {
  char byte;
  return child.plan->await_group ? 0 : await_answer(child, &byte, 1);
}

// The last time that nobody can forbid it: filters of system calls come next.
int tell_settled(Child& child) {
  send_report(child.control_fd, Report::Kind::kSettled, 0, "", "");
  return 0;
}

// A program that joins has limits and priorities only the parent may give it.
int await_settings(Child& child) {
  send_report(child.control_fd, Report::Kind::kMap, 0, "", "");
  char byte;
  return await_answer(child, &byte, 1);
}

constexpr int kEndings[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

void end(int signal) { ::_exit(128 + signal); }

// The first process of a pid namespace does not end by a signal that it has no handler for. signal(7)
void handle_endings(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  for (const int signal : kEndings) ::sigaction(signal, &action, nullptr);
}

// From here on the parent may end; whoever connects to the start socket takes its place. It can take long until then:
// nothing of the host is open any more.
int await_start(Child& child) {
  if (child.plan->start_socket < 0) return 0;
  if (::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) return errno;
  if (is_orphaned(child)) return ECANCELED;
  send_report(child.control_fd, Report::Kind::kCreated, 0, "", "");
  ::close(child.control_fd);
  child.control_fd = -1;
  child.detached = true;
  handle_endings(end);
  do {
    child.control_fd = ::accept4(child.plan->start_socket, nullptr, nullptr, SOCK_CLOEXEC);
  } while (child.control_fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (child.control_fd < 0) return errno;
  handle_endings(SIG_DFL);
  return result_of(::close(child.plan->start_socket));
}

constexpr std::array kLaunchSteps = std::to_array<Step>({
    {"reset signals", reset_signals},
    {"take root of the user namespace", take_root_of_user_namespace},
    {"join namespace", join_namespaces},
    {"join cgroup", join_cgroups},
    {"new cgroup namespace", new_cgroup_namespace},
    {"new time namespace", new_time_namespace},
    {"become unreadable", become_unreadable},
    {"new session", new_session},
    {"set host name", set_host_names},
    {"raise loopback interface", raise_loopback},
    {"set mount propagation", set_propagation},
    {"attach root file system", attach_root},
    {"mount", make_mounts},
    {"make device", make_devices},
    {"wait for the hooks", await_hooks},
    {"createContainer hook", run_create_container_hooks},
    {"mask", mask_paths},
    {"make read-only", protect_paths},
    {"make working directory", make_working_directory},
    {"enter root file system", enter_root},
    {"wait for the network", await_network},
    {"set sysctl", write_sysctls},
    {"open console", open_console},
    {"make root file system read-only", protect_root},
    {"connect standard streams", connect_stdio},
    {"chdir to working directory", try_working_directory},
    {kExecuteStep, find_program},
    {"set HOME", set_home},
    {"close descriptors", close_descriptors},
    {"wait for start", await_start},
    {"set personality", set_personality},
    {"set memory policy", set_memory_policy},
    {"new keyring", new_keyring},
    {"open procfs", open_label_files},
    {"set limits", set_limits},
    {"set user", set_user},
    {"chdir to working directory", enter_working_directory},
    {"report", tell_settled},
    {"forbid new privileges", forbid_new_privileges},
    {"drop capabilities", drop_capabilities},
    {"filter system calls", filter_system_calls},
    {"startContainer hook", run_start_container_hooks},
});

// In the namespaces of the container already; launch.cpp's mounts are there.
constexpr std::array kJoinSteps = std::to_array<Step>({
    {"reset signals", reset_signals},
    {"wait for settings", await_settings},
    {"new session", new_session},
    {"open console", open_console},
    {"connect standard streams", connect_stdio},
    {"chdir to working directory", try_working_directory},
    {kExecuteStep, find_program},
    {"set HOME", set_home},
    {"set personality", set_personality},
    {"new keyring", new_keyring},
    {"open procfs", open_label_files},
    {"close descriptors", close_descriptors},
    {"set limits", set_limits},
    {"set user", set_user},
    {"chdir to working directory", enter_working_directory},
    {"report", tell_settled},
    {"forbid new privileges", forbid_new_privileges},
    {"drop capabilities", drop_capabilities},
    {"filter system calls", filter_system_calls},
});

void copy_cut(char* target, size_t size, const char* source) {
  std::strncpy(target, source, size - 1);
  target[size - 1] = '\0';
}

}  // namespace

std::span<const Step> launch_steps() { return kLaunchSteps; }
std::span<const Step> join_steps() { return kJoinSteps; }

void send_report(int fd, Report::Kind kind, int value, const char* step, const char* place) {
  Report report;
  report.kind = kind;
  report.value = value;
  copy_cut(report.step, sizeof(report.step), step);
  copy_cut(report.place, sizeof(report.place), place);
  // write(2), not send(2): of the two the one that filters of system calls leave alone.
  (void)!::write(fd, &report, sizeof(report));
}

void send_failure(const Child& child, int error, const char* step) {
  Report report;
  report.value = error;
  report.hook = child.hook;
  report.hook_status = child.hook_status;
  copy_cut(report.step, sizeof(report.step), step);
  copy_cut(report.place, sizeof(report.place), child.place);
  (void)!::write(child.control_fd, &report, sizeof(report));
}

// End of file instead of an answer: the parent has given up, or is gone.
int await_answer(const Child& child, void* answer, size_t size) {
  ssize_t got;
  do {
    got = ::read(child.control_fd, answer, size);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return 0;
  return got == 0 || errno == ECONNRESET ? ECANCELED : errno;
}

bool is_orphaned(const Child& child) {
  pollfd control{child.control_fd, 0, 0};
  return ::poll(&control, 1, 0) == 1 && (control.revents & (POLLERR | POLLHUP)) != 0;
}

void run_steps(Child& child, std::span<const Step> steps) {
  for (const Step& step : steps) {
    child.place = "";
    const int error = step.run(child);
    if (error == 0) continue;
    send_failure(child, error, step.name);
    ::_exit(1);
  }
  child.place = "";
  const int error = execute(child);
  send_failure(child, error, kExecuteStep);
  ::_exit(1);
}

}  // namespace plimsoll::isolate
