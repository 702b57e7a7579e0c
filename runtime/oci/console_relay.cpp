// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/console_relay.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace plimsoll::oci {
namespace {

int terminal_of_caller() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::isatty(fd) == 1) return fd;
  }
  return -1;
}

}  // namespace

std::optional<winsize> size_of_caller() {
  winsize size;
  const int terminal = terminal_of_caller();
  if (terminal < 0 || ::ioctl(terminal, TIOCGWINSZ, &size) != 0) return std::nullopt;
  return size;
}

ConsoleRelay::ConsoleRelay(UniqueFd terminal, int input, int output)
    : terminal_(std::move(terminal)), input_(input), output_(output), caller_(terminal_of_caller()) {
  ::fcntl(terminal_.get(), F_SETFL, O_NONBLOCK);
  make_raw();
}

ConsoleRelay::~ConsoleRelay() {
  if (raw_) ::tcsetattr(caller_, TCSANOW, &before_);
}

void ConsoleRelay::make_raw() {
  if (caller_ < 0 || ::tcgetattr(caller_, &before_) != 0) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  raw.c_oflag |= OPOST;
  raw_ = ::tcsetattr(caller_, TCSANOW, &raw) == 0;
}

void ConsoleRelay::resize() {
  winsize size;
  if (caller_ >= 0 && ::ioctl(caller_, TIOCGWINSZ, &size) == 0) ::ioctl(terminal_.get(), TIOCSWINSZ, &size);
}

// A terminal that is only polled for POLLHUP would be found ready for ever: not polled at all, then.
void ConsoleRelay::wanted(Polls& polls) const {
  const bool writes = !pending_.empty(), reads = unwritten_.empty();
  const int events = (reads ? POLLIN : 0) | (writes ? POLLOUT : 0);
  polls[0] = {events != 0 ? terminal_.get() : -1, static_cast<short>(events), 0};
  polls[1] = {writes ? -1 : input_, POLLIN, 0};
  polls[2] = {reads ? -1 : output_, POLLOUT, 0};
}

void ConsoleRelay::serve(const Polls& polls) {
  if (polls[2].revents != 0) give_output(0);
  const short found = polls[0].revents;
  if ((found & (POLLHUP | POLLERR)) != 0 && !unwritten_.empty())
    return pending_.clear();  // reading shows the end later
  if ((found & (POLLIN | POLLHUP | POLLERR)) != 0 && unwritten_.empty() && !take_output() && (found & POLLIN) == 0) {
    terminal_.reset();  // nobody has the other side any more
    input_ = -1;
    pending_.clear();
    return;
  }
  if ((found & POLLOUT) != 0) give_input();
  if (polls[1].revents != 0) take_input();
}

void ConsoleRelay::finish() {
  do {
    while (!unwritten_.empty()) give_output(-1);
  } while (take_output());
}

bool ConsoleRelay::take_output() {
  if (!terminal_) return false;
  char bytes[16 * 1024];
  const ssize_t length = ::read(terminal_.get(), bytes, sizeof bytes);
  if (length <= 0) return length < 0 && errno == EINTR;
  unwritten_.assign(bytes, static_cast<size_t>(length));
  give_output(0);
  return true;
}

// The descriptor may block, and others may have it too, so that it has to stay so: no more is written at a time than
// what a pipe that is ready takes (pipe(7)). What nobody will ever read is dropped: the program goes on.
void ConsoleRelay::give_output(int timeout_ms) {
  while (!unwritten_.empty()) {
    pollfd ready = {output_, POLLOUT, 0};
    if (::poll(&ready, 1, timeout_ms) <= 0) return;
    const ssize_t length = ::write(output_, unwritten_.data(), std::min<size_t>(unwritten_.size(), PIPE_BUF));
    if (length > 0) unwritten_.erase(0, static_cast<size_t>(length));
    if (length < 0 && errno != EINTR && errno != EAGAIN) unwritten_.clear();
  }
}

void ConsoleRelay::take_input() {
  char bytes[4096];
  const ssize_t length = ::read(input_, bytes, sizeof bytes);
  if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (length <= 0) {
    input_ = -1;
    return;
  }
  pending_.assign(bytes, static_cast<size_t>(length));
  give_input();
}

void ConsoleRelay::give_input() {
  const ssize_t length = ::write(terminal_.get(), pending_.data(), pending_.size());
  if (length > 0) pending_.erase(0, static_cast<size_t>(length));
}

}  // namespace plimsoll::oci
