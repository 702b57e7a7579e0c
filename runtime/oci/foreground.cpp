// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/foreground.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "runtime/system_calls.h"

namespace plimsoll::oci {
namespace {

// Reaps all that has ended; the status of `pid` when that is among it.
std::optional<int> reap(pid_t pid) {
  std::optional<int> result;
  int status;
  for (pid_t ended; (ended = ::waitpid(-1, &status, WNOHANG)) > 0 || (ended < 0 && errno == EINTR);) {
    if (ended == pid) result = status;
  }
  return result;
}

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

void pass_on(const signalfd_siginfo& signal, int pidfd, ConsoleRelay* console) {
  const int number = static_cast<int>(signal.ssi_signo);
  if (number == SIGCHLD || number == SIGURG) return;
  if (number == SIGWINCH && console != nullptr) return console->resize();
  pidfd_send_signal(pidfd, number);
}

}  // namespace

Foreground::Foreground() {
  ::sigfillset(&passed_);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&passed_, signal);
  ::sigprocmask(SIG_BLOCK, &passed_, &before_);
}

Foreground::~Foreground() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

Result<int> Foreground::wait(pid_t pid, int pidfd, ConsoleRelay* console, NotifySocket* notify) {
  const UniqueFd signals(::signalfd(-1, &passed_, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return fail_errno("signalfd");
  while (true) {
    if (const auto status = reap(pid)) {
      if (console != nullptr) console->finish();
      return exit_code(*status);
    }
    ConsoleRelay::Polls of_console = {{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}};
    if (console != nullptr) console->wanted(of_console);
    pollfd polls[5] = {{signals.get(), POLLIN, 0}, {notify != nullptr ? notify->fd() : -1, POLLIN, 0}};
    std::copy(std::begin(of_console), std::end(of_console), polls + 2);
    if (::poll(polls, 5, -1) < 0 && errno != EINTR) return fail_errno("poll");
    std::copy(polls + 2, std::end(polls), of_console);
    if (console != nullptr) console->serve(of_console);
    // A manager that is not there to be told is no reason to end the program.
    if (polls[1].revents != 0) (void)notify->serve(::getpid());
    signalfd_siginfo signal;
    while (::read(signals.get(), &signal, sizeof signal) == sizeof signal) pass_on(signal, pidfd, console);
  }
}

}  // namespace plimsoll::oci
