// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/parent.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace plimsoll::isolate {
namespace {

Result<UniqueFd> above_stdio(UniqueFd fd) {
  if (fd.get() > 2) return fd;
  UniqueFd higher(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!higher) return fail_errno("duplicate a pipe");
  return higher;
}

Result<Pipe> own_ends(const int (&fds)[2]) {
  UniqueFd ends[2] = {UniqueFd(fds[0]), UniqueFd(fds[1])};
  auto read_end = above_stdio(std::move(ends[0]));
  if (!read_end) return unexpected(read_end.error());
  auto write_end = above_stdio(std::move(ends[1]));
  if (!write_end) return unexpected(write_end.error());
  return Pipe{*std::move(read_end), *std::move(write_end)};
}

std::string search_hint(const std::vector<std::string>& env) {
  for (const std::string& variable : env) {
    if (variable.starts_with("PATH=")) return "in the container's " + variable;
  }
  return "in the container's usual directories (PATH is not set)";
}

LaunchError explain_execution(const Report& report, const std::vector<std::string>& env) {
  const std::string program = report.place;
  const std::string quoted = "\"" + program + "\"";
  if (report.value == ENOENT && program.find('/') == program.npos) {
    return {invalid(quoted + ": not found " + search_hint(env)), kExitNotFound};
  }
  if (report.value == ENOENT) return {invalid(quoted + ": not found in the container"), kExitNotFound};
  if (report.value == ELIBACC) {
    return {invalid(quoted + ": the interpreter or loader that it names is not in the container"), kExitNotFound};
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

// What the errno alone would not tell.
std::string_view hint(const Report& report) {
  const std::string_view step = report.step;
  if (report.value == ENOSYS) return " (needs Linux 5.12 or newer)";
  if (step == "make mounts private" && report.value == EINVAL)
    return " (the root directory here is no mount: a chroot?)";
  if (report.value == ELOOP) return " (must not be a symbolic link in the root file system)";
  if (step == "bind" && report.value == EPERM) return " (a bind target must not lie in /proc)";
  if (report.value == EROFS) return " (missing in a root file system that is read-only)";
  if (step == "enter working directory" && report.value == EXDEV) return " (lies outside the container)";
  return "";
}

}  // namespace

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return fail_errno("make a pipe");
  return own_ends(fds);
}

Result<Pipe> make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return fail_errno("make a socket pair");
  return own_ends(fds);
}

BlockedSignals::BlockedSignals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before_);
}

BlockedSignals::~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

std::optional<Report> read_report(int fd) {
  Report report;
  ssize_t size;
  do {
    size = ::read(fd, &report, sizeof(report));
  } while (size < 0 && errno == EINTR);
  if (size != static_cast<ssize_t>(sizeof(report))) return std::nullopt;
  report.step[sizeof(report.step) - 1] = '\0';
  report.place[sizeof(report.place) - 1] = '\0';
  return report;
}

LaunchError explain(const Report& report, const std::vector<std::string>& env) {
  if (std::string_view(report.step) == kExecuteStep) return explain_execution(report, env);
  std::string context = report.step;
  if (report.place[0] != '\0') context += std::string(" ") + report.place;
  context += hint(report);
  return {Error{report.value, std::move(context)}, kExitEngineFailed};
}

LaunchError engine_error(const Error& error) { return {error, kExitEngineFailed}; }

}  // namespace plimsoll::isolate
