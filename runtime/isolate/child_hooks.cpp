// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the container: createContainer before its root is entered, in that directory; startContainer right
// before the program, with no more rights than it, since they are the image's programs. config.md "POSIX-platform
// Hooks"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <string_view>

#include "runtime/isolate/child.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// A program of the image may be a link to our executable, as that of the container (exec_stub.h).
void execute_hook(const HookPlan& hook, int stub) {
  char* const* const env = hook.env.data();
  if (stub < 0) ::execve(hook.path.c_str(), hook.argv.data(), env);
  ::syscall(SYS_execveat, stub, "", hook.stub_argv.data(), env, AT_EMPTY_PATH);
}

// Descriptors, or -1.
struct HookPlace {
  int directory;  // to run in
  int stub;       // to be executed by
};

// In the hook's process. The write end has to be closed here, else it never sees the end of its input.
[[noreturn]] void become_hook(const HookPlan& hook, const int (&pipe)[2], const HookPlace& place) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::close(pipe[1]);
  if (place.directory >= 0 && ::fchdir(place.directory) != 0) ::_exit(126);
  if (::dup2(pipe[0], STDIN_FILENO) == STDIN_FILENO) execute_hook(hook, place.stub);
  ::_exit(127);
}

// Filters answer clone3(2) with ENOSYS, since they cannot look at its flags.
pid_t clone_with_pidfd(int& pidfd) {
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = clone3(arguments);
  if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return pid;
  return static_cast<pid_t>(::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr));
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
    const int wait = static_cast<int>(timeout_s > 0 ? std::clamp<int64_t>(left, 0, INT_MAX) : -1);
    const int ready = ::poll(events, 2, wait);
    if (ready < 0 && errno != EINTR) return true;
    if (ready == 0 && left <= INT_MAX) return false;
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

int run_hook(Child& child, const HookPlan& plan, std::string_view text, const HookPlace& place) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno;
  RunningHook hook{-1, -1, pipe[1], text.data(), text.size()};
  int error = result_of(::fcntl(hook.input, F_SETFL, O_NONBLOCK));
  if (error == 0) hook.pid = clone_with_pidfd(hook.pidfd);
  if (hook.pid == 0) become_hook(plan, pipe, place);
  if (error == 0 && hook.pid < 0) error = errno;
  ::close(pipe[0]);
  const int outcome = error != 0 ? error : wait_for_hook(hook, plan.timeout_s, child.hook_status);
  close_input(hook);
  if (hook.pidfd >= 0) ::close(hook.pidfd);
  return outcome;
}

int run_all(Child& child, const std::vector<HookPlan>& hooks, std::string_view text, const HookPlace& place) {
  child.hook = 0;
  for (const HookPlan& hook : hooks) {
    child.place = hook.path.c_str();
    if (const int error = run_hook(child, hook, text, place)) return error;
    ++child.hook;
  }
  return 0;
}

}  // namespace

int run_create_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  return run_all(child, child.plan->create_container, {state.text.data(), state.creating_size}, {child.root_fd, -1});
}

int run_start_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  const std::string_view text(state.text.data() + state.creating_size, state.created_size);
  return run_all(child, child.plan->start_container, text, {-1, child.process->exec_stub});
}

}  // namespace plimsoll::isolate
