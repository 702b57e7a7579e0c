// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/hook.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/os.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

struct RunningHook {
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd input;   // where its standard input is written
  UniqueFd unread;  // the other end: open until it ends, so that one that reads nothing causes no SIGPIPE
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

// As it would be after login: the runtime may have blocked or handled some.
void reset_signals(posix_spawnattr_t& attributes) {
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

int spawn(const spec::Hook& hook, int input, pid_t& pid) {
  const std::vector<std::string> own_name = {hook.path}, inherited = own_environment();
  std::vector<char*> arguments = pointers(hook.args.empty() ? own_name : hook.args);
  std::vector<char*> environment = pointers(hook.env.empty() ? inherited : hook.env);
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_init(&actions);
  reset_signals(attributes);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  const int error = ::posix_spawn(&pid, hook.path.c_str(), &actions, &attributes, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

void reap(pid_t pid, int* status) {
  while (::waitpid(pid, status, 0) < 0 && errno == EINTR) {
  }
}

Result<RunningHook> start_hook(const spec::Hook& hook) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  RunningHook running;
  running.unread.reset(ends[0]);
  running.input.reset(ends[1]);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  if (const int error = spawn(hook, running.unread.get(), running.pid)) {
    return unexpected(Error{error, hook.path});
  }
  running.pidfd.reset(pidfd_open(running.pid));
  if (running.pidfd) return running;
  const Unexpected failure = fail_errno(hook.path);
  ::kill(running.pid, SIGKILL);
  reap(running.pid, nullptr);
  return failure;
}

// Writes what it takes of `state` and waits for its end. False: the deadline has passed.
bool serve_hook(RunningHook& hook, std::string_view state, int64_t deadline) {
  while (true) {
    if (state.empty()) hook.input.reset();
    pollfd polls[2] = {{hook.pidfd.get(), POLLIN, 0}, {hook.input.get(), POLLOUT, 0}};
    const int64_t left_ms = (deadline - monotonic_ns() + 999'999) / 1'000'000;
    if (deadline != INT64_MAX && left_ms <= 0) return false;
    const int ready =
        ::poll(polls, 2, deadline == INT64_MAX ? -1 : static_cast<int>(std::min<int64_t>(left_ms, 60'000)));
    if (ready < 0 && errno != EINTR) return false;
    if (ready > 0 && polls[0].revents != 0) return true;
    if (ready <= 0 || polls[1].revents == 0) continue;
    const ssize_t sent = ::write(hook.input.get(), state.data(), state.size());
    if (sent > 0) state.remove_prefix(static_cast<size_t>(sent));
    if (sent < 0 && errno != EAGAIN && errno != EINTR) state = {};
  }
}

Result<void> run_hook(std::string_view name, const spec::Hook& hook, std::string_view state) {
  auto running = start_hook(hook);
  if (!running) return unexpected(running.error());
  const int64_t deadline = hook.timeout ? monotonic_ns() + int64_t{*hook.timeout} * 1'000'000'000 : INT64_MAX;
  const bool ended = serve_hook(*running, state, deadline);
  if (!ended) pidfd_send_signal(running->pidfd.get(), SIGKILL);
  int status = 0;
  reap(running->pid, &status);
  if (!ended)
    return fail(hook.path + ": not finished within " + std::to_string(hook.timeout.value_or(0)) + " s, killed");
  if (status == 0) return {};
  return fail(hook.path + ": " + std::string(name) + " hook " + how_it_ended(status));
}

}  // namespace

std::string how_it_ended(int status) {
  if (!WIFSIGNALED(status)) return "failed with exit code " + std::to_string(WEXITSTATUS(status));
  const char* const description = ::sigdescr_np(WTERMSIG(status));
  std::string name = description == nullptr ? "" : description;
  if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z') name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return "was killed by signal " + std::to_string(WTERMSIG(status)) + (name.empty() ? "" : " (" + name + ")");
}

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) variables.emplace_back(*one);
  return variables;
}

Result<void> run_hooks(std::string_view name, const std::vector<spec::Hook>& hooks, std::string_view state) {
  for (size_t number = 0; number < hooks.size(); ++number) {
    auto done = run_hook(name, hooks[number], state);
    if (done) continue;
    return unexpected(done.error().within("error running " + std::string(name) + " hook #" + std::to_string(number)));
  }
  return {};
}

}  // namespace plimsoll::isolate
