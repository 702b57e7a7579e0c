// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/parent.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <initializer_list>
#include <string_view>

#include "runtime/isolate/hook.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

Result<UniqueFd> above_stdio(UniqueFd fd) {
  if (fd.get() > 2) return fd;
  UniqueFd higher(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!higher) return fail_errno("duplicate a socket");
  return higher;
}

LaunchError explain_execution(const Report& report, std::optional<std::string_view> search_path) {
  const std::string program = report.place;
  if (program.empty()) return {invalid("process: was not given, so there is nothing to start")};
  const std::string quoted = "\"" + program + "\"";
  if (report.value == ENOENT && program.find('/') == program.npos) {
    std::string hint;
    if (search_path) {
      hint =
          search_path->empty() ? " (PATH is not set: the usual directories)" : " (" + std::string(*search_path) + ")";
    }
    return {invalid(quoted + ": executable file not found in $PATH" + hint), kExitNotFound};
  }
  if (report.value == ENOENT) {
    return {invalid(quoted + ": no such file or directory: not found in the container"), kExitNotFound};
  }
  if (report.value == ELIBACC) {
    return {invalid("exec " + program + ": no such file or directory: the interpreter or loader that it names"),
            kExitNotFound};
  }
  if (report.value == ENOEXEC) {
    return {invalid(quoted + ": neither a program for this machine nor a script that begins with #!"),
            kExitNotExecutable};
  }
  if (report.value == EACCES) {
    return {Error{EACCES, quoted + ": not an executable file (is it a directory, or without the x permission?)"},
            kExitNotExecutable};
  }
  return {Error{report.value, "execute " + quoted}, kExitNotExecutable};
}

bool is_one_of(std::string_view step, std::initializer_list<std::string_view> steps) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

// What the errno alone would not tell, of the steps (child.cpp) where it means just that.
std::string_view hint(const Report& report) {
  const std::string_view step = report.step;
  const bool makes = is_one_of(step, {"mount", "make device", "make working directory"});
  const bool protects = is_one_of(step, {"mask", "make read-only"});
  const bool mounts = step == "mount" || step == "make device" || protects ||
                      is_one_of(step, {"attach root file system", "make root file system read-only"});
  if (mounts && report.value == ENOSYS) return " (needs Linux 5.12 or newer)";
  if (step == "set mount propagation" && report.value == EINVAL)
    return " (the root directory here is no mount: a chroot?)";
  if ((makes || protects) && report.value == ELOOP)
    return " (must be mounted on ordinary directory, not on a symbolic link)";
  if (step == "mount" && report.value == EXDEV) return " (must not lie in /proc)";
  if ((makes || protects) && report.value == EROFS) return " (missing in a root file system that is read-only)";
  if (step == "chdir to working directory" && report.value == EXDEV) return " (lies outside the container)";
  return "";
}

}  // namespace

Result<ControlPair> make_control_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno("make a socket pair");
  UniqueFd ends[2] = {UniqueFd(fds[0]), UniqueFd(fds[1])};
  auto parent = above_stdio(std::move(ends[0]));
  if (!parent) return unexpected(parent.error());
  auto child = above_stdio(std::move(ends[1]));
  if (!child) return unexpected(child.error());
  return ControlPair{*std::move(parent), *std::move(child)};
}

BlockedSignals::BlockedSignals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before_);
}

BlockedSignals::~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

// A child that has ended without having read our answer leaves ECONNRESET in front of its last words.
std::optional<Report> read_report(int fd) {
  Report report;
  ssize_t size;
  do {
    size = ::read(fd, &report, sizeof(report));
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  if (size != static_cast<ssize_t>(sizeof(report))) return std::nullopt;
  report.step[sizeof(report.step) - 1] = '\0';
  report.place[sizeof(report.place) - 1] = '\0';
  return report;
}

Result<void> answer(int fd, std::string_view bytes) {
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return fail_errno("let the container go on");
  return {};
}

// The number was told before the filter was loaded: until it is, the descriptor is not there.
Result<UniqueFd> take_listener(int pidfd, int number) {
  constexpr int kAttempts = 5000;  // of a millisecond each
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, number, 0)));
    if (fd) return fd;
    if (errno != EBADF) break;
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return fail_errno("take over the descriptor of the seccomp filter");
}

void reap(pid_t pid) {
  int status;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

void end_child(pid_t pid, int pidfd) {
  if (pidfd < 0 || pidfd_send_signal(pidfd, SIGKILL) != 0) ::kill(pid, SIGKILL);
  reap(pid);
}

std::string_view search_path_of(const std::vector<std::string>& env) {
  for (const std::string& variable : env) {
    if (variable.starts_with("PATH=")) return variable;
  }
  return "";
}

LaunchError explain_hook(const Report& report) {
  const std::string place =
      "error running " + std::string(report.step) + " #" + std::to_string(report.hook) + ": " + report.place;
  if (report.value == ECHILD)
    return engine_error(invalid(place + ": " + report.step + " " + how_it_ended(report.hook_status)));
  return engine_error(Error{report.value, place});
}

LaunchError explain(const Report& report, std::optional<std::string_view> search_path) {
  if (std::string_view(report.step) == kExecuteStep) return explain_execution(report, search_path);
  if (std::string_view(report.step).ends_with(" hook")) return explain_hook(report);
  std::string context = report.step;
  if (report.place[0] != '\0') context += std::string(" ") + report.place;
  context += hint(report);
  return {Error{report.value, std::move(context)}, kExitEngineFailed};
}

LaunchError engine_error(const Error& error) { return {error, kExitEngineFailed}; }

}  // namespace plimsoll::isolate
