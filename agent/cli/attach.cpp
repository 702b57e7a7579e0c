// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/attach.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace plimsoll::agent {
namespace {

constexpr int kPassedOn[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
constexpr int kPatience = 3;  // INTs and TERMs before it is insisted

void serve_signal(const Attachment& attachment, int& asked) {
  signalfd_siginfo info;
  if (::read(attachment.signals->get(), &info, sizeof info) != sizeof info) return;
  const int signal = static_cast<int>(info.ssi_signo);
  attachment.pass_on(signal);
  if ((signal == SIGINT || signal == SIGTERM) && ++asked >= kPatience) attachment.insist();
}

}  // namespace

Result<UniqueFd> take_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kPassedOn) ::sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("sigprocmask");
  // A reader of our output that is gone is an error of write(2), not the end of the container.
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fail_errno("signalfd");
  return fd;
}

void give_back_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Attended attend(const Attachment& attachment, int awaited, int output) {
  int asked = 0;
  while (true) {
    // An empty request for the output: poll(2) reports POLLERR once a pipe has no reader.
    std::vector<pollfd> polled = {{awaited, POLLIN, 0}, {attachment.signals->get(), POLLIN, 0}, {output, 0, 0}};
    for (const Relay* relay : attachment.relays) polled.push_back(relay->wanted());
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;  // EINTR
    if (polled[1].revents != 0) serve_signal(attachment, asked);
    for (size_t at = 0; at < attachment.relays.size(); ++at) attachment.relays[at]->serve(polled[at + 3]);
    if (polled[0].revents != 0) return Attended::kDone;
    if ((polled[2].revents & POLLERR) != 0) return Attended::kOutputGone;
  }
}

}  // namespace plimsoll::agent
