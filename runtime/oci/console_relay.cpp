// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/console_relay.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

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

void ConsoleRelay::wanted(pollfd (&polls)[2]) const {
  const bool writes = !pending_.empty();
  polls[0] = {terminal_.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0};
  polls[1] = {writes ? -1 : input_, POLLIN, 0};
}

void ConsoleRelay::serve(const pollfd (&polls)[2]) {
  if ((polls[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !take_output() && (polls[0].revents & POLLIN) == 0) {
    terminal_.reset();  // nobody has the other side any more
    input_ = -1;
    pending_.clear();
    return;
  }
  if ((polls[0].revents & POLLOUT) != 0) give_input();
  if (polls[1].revents != 0) take_input();
}

void ConsoleRelay::finish() {
  while (take_output()) {
  }
}

bool ConsoleRelay::take_output() {
  if (!terminal_) return false;
  char bytes[16 * 1024];
  const ssize_t length = ::read(terminal_.get(), bytes, sizeof bytes);
  if (length <= 0) return length < 0 && errno == EINTR;
  (void)write_all(output_, {bytes, static_cast<size_t>(length)});
  return true;
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
