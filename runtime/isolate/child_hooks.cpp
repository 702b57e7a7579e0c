// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the container: createContainer before its root is entered, in that directory; startContainer right
// before the program and with no more rights than that has, for its executable may be the container's work.
// config.md "POSIX-platform Hooks"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <string_view>

#include "runtime/isolate/child.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// In the hook's process. The write end has to be closed here, else it never sees the end of its input.
[[noreturn]] void become_hook(const HookPlan& hook, int directory, const int (&pipe)[2]) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::close(pipe[1]);
  if (directory >= 0 && ::fchdir(directory) != 0) ::_exit(126);
  if (::dup2(pipe[0], STDIN_FILENO) == STDIN_FILENO) ::execve(hook.path.c_str(), hook.argv.data(), hook.env.data());
  ::_exit(127);
}

int64_t now_ms() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

struct RunningHook {
  pid_t pid = -1;
  int pidfd = -1;
  int input = -1;  // does not block
  const char* text;
  size_t size;
};

void close_input(RunningHook& hook) {
  if (hook.input >= 0) ::close(hook.input);
  hook.input = -1;
}

// As much as the pipe takes. It is closed when all is written, or nobody reads it any more.
void feed(RunningHook& hook) {
  struct sigaction ignore = {}, before = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const ssize_t written = hook.size > 0 ? ::write(hook.input, hook.text, hook.size) : 0;
  const bool later = written < 0 && (errno == EINTR || errno == EAGAIN);
  ::sigaction(SIGPIPE, &before, nullptr);
  if (written > 0) {
    hook.text += written;
    hook.size -= static_cast<size_t>(written);
  }
  if (hook.size == 0 || (written < 0 && !later)) close_input(hook);
}

// Feeds it until its end. False: it has taken too long.
bool accompany(RunningHook& hook, int timeout_s) {
  const int64_t deadline = now_ms() + timeout_s * 1000LL;
  while (true) {
    pollfd events[2] = {{hook.pidfd, POLLIN, 0}, {hook.input, POLLOUT, 0}};
    const int64_t left = timeout_s > 0 ? deadline - now_ms() : -1;
    const int ready = ::poll(events, 2, static_cast<int>(timeout_s > 0 && left < 0 ? 0 : left));
    if (ready < 0 && errno != EINTR) return true;
    if (ready == 0) return false;
    if (ready > 0 && events[0].revents != 0) return true;
    if (ready > 0 && events[1].revents != 0) feed(hook);
  }
}

// ETIMEDOUT when it takes too long and was killed, ECHILD when it has failed.
int wait_for_hook(RunningHook& hook, int timeout_s, int& status) {
  const bool in_time = accompany(hook, timeout_s);
  if (!in_time) ::kill(hook.pid, SIGKILL);
  while (::waitpid(hook.pid, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  if (!in_time) return ETIMEDOUT;
  return status == 0 ? 0 : ECHILD;
}

// clone(2): filters of system calls often answer clone3(2) with ENOSYS.
pid_t fork_with_pidfd(int& pidfd) {
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr));
}

int run_hook(Child& child, const HookPlan& plan, int directory, std::string_view text) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno;
  RunningHook hook{-1, -1, pipe[1], text.data(), text.size()};
  int error = result_of(::fcntl(hook.input, F_SETFL, O_NONBLOCK));
  if (error == 0) hook.pid = fork_with_pidfd(hook.pidfd);
  if (hook.pid == 0) become_hook(plan, directory, pipe);
  if (error == 0 && hook.pid < 0) error = errno;
  ::close(pipe[0]);
  const int outcome = error != 0 ? error : wait_for_hook(hook, plan.timeout_s, child.hook_status);
  close_input(hook);
  if (hook.pidfd >= 0) ::close(hook.pidfd);
  return outcome;
}

int run_all(Child& child, const std::vector<HookPlan>& hooks, int directory, std::string_view text) {
  child.hook = 0;
  for (const HookPlan& hook : hooks) {
    child.place = hook.path.c_str();
    if (const int error = run_hook(child, hook, directory, text)) return error;
    ++child.hook;
  }
  return 0;
}

}  // namespace

int run_create_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  return run_all(child, child.plan->create_container, child.root_fd, {state.text.data(), state.creating_size});
}

int run_start_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  return run_all(child, child.plan->start_container, -1, {state.text.data() + state.creating_size, state.created_size});
}

}  // namespace plimsoll::isolate
