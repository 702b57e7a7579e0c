// SPDX-License-Identifier: Apache-2.0
// Hooks that run in the container: createContainer before its root is entered, startContainer right before the
// program. config.md "POSIX-platform Hooks"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>

#include "runtime/isolate/child.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// In the hook's process. The write end has to be closed here, else it never sees the end of its input.
[[noreturn]] void become_hook(const HookPlan& hook, const int (&pipe)[2]) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::close(pipe[1]);
  if (::dup2(pipe[0], STDIN_FILENO) == STDIN_FILENO) ::execve(hook.path.c_str(), hook.argv.data(), hook.env.data());
  ::_exit(127);
}

int64_t now_ms() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// ETIMEDOUT when it takes too long and was killed, EPERM-like errors as they are, ECHILD when it has failed.
int wait_for_hook(const HookPlan& hook, pid_t pid, int pidfd) {
  const int64_t deadline = now_ms() + hook.timeout_s * 1000LL;
  int status = 0;
  bool killed = false;
  while (hook.timeout_s > 0 && !killed) {
    pollfd ended{pidfd, POLLIN, 0};
    const int64_t left = deadline - now_ms();
    const int ready = ::poll(&ended, 1, static_cast<int>(left > 0 ? left : 0));
    if (ready > 0) break;
    if (ready == 0) killed = ::kill(pid, SIGKILL) == 0;
  }
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return errno;
  }
  if (killed) return ETIMEDOUT;
  return status == 0 ? 0 : ECHILD;
}

// A hook that does not read its input must not stop us: what does not fit into the pipe is written as long as it reads.
void feed(int fd, const char* text, size_t size) {
  struct sigaction ignore = {}, before = {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  while (size > 0) {
    const ssize_t written = ::write(fd, text, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    text += written;
    size -= static_cast<size_t>(written);
  }
  ::sigaction(SIGPIPE, &before, nullptr);
}

int run_hook(const HookPlan& hook, const char* text, size_t size) {
  int pipe[2], pidfd = -1;
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno;
  clone_args arguments = {};
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const pid_t pid = clone3(arguments);
  if (pid == 0) become_hook(hook, pipe);
  const int error = pid < 0 ? errno : 0;
  ::close(pipe[0]);
  if (error == 0) feed(pipe[1], text, size);
  ::close(pipe[1]);
  const int outcome = error != 0 ? error : wait_for_hook(hook, pid, pidfd);
  if (pidfd >= 0) ::close(pidfd);
  return outcome;
}

int run_all(Child& child, const std::vector<HookPlan>& hooks, const char* text, size_t size) {
  for (const HookPlan& hook : hooks) {
    child.place = hook.path.c_str();
    if (const int error = run_hook(hook, text, size)) return error;
  }
  return 0;
}

}  // namespace

int run_create_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  return run_all(child, child.plan->create_container, state.text.data(), state.creating_size);
}

int run_start_container_hooks(Child& child) {
  const HookState& state = child.plan->hook_state;
  return run_all(child, child.plan->start_container, state.text.data() + state.creating_size, state.created_size);
}

}  // namespace plimsoll::isolate
