// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/relay.h"

#include <unistd.h>

#include <algorithm>
#include <climits>

namespace plimsoll::agent {

pollfd Relay::wanted() const {
  if (!pending_.empty()) return {to_.get(), POLLOUT, 0};
  return {from_.get(), POLLIN, 0};
}

void Relay::serve(const pollfd& ready) {
  if (ready.revents == 0) return;
  if (pending_.empty()) take();
  if (!pending_.empty()) give();
}

void Relay::finish() {
  pollfd input{from_.get(), POLLIN, 0};
  while (!done()) {
    pollfd room{to_.get(), POLLOUT, 0};
    if (!pending_.empty() && ::poll(&room, 1, -1) > 0) {
      give();
    } else if (::poll(&input, 1, 0) <= 0 || !take()) {
      close();
    }
  }
}

bool Relay::take() {
  char bytes[16 * 1024];
  const ssize_t length = ::read(from_.get(), bytes, sizeof bytes);
  if (length < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (length <= 0) return close(), false;
  pending_.assign(bytes, static_cast<size_t>(length));
  return true;
}

// A pipe that is ready takes PIPE_BUF bytes without blocking (pipe(7)).
void Relay::give() {
  pollfd room{to_.get(), POLLOUT, 0};
  while (!pending_.empty() && ::poll(&room, 1, 0) > 0) {
    const ssize_t written = ::write(to_.get(), pending_.data(), std::min<size_t>(pending_.size(), PIPE_BUF));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (written < 0) return close();
    pending_.erase(0, static_cast<size_t>(written));
  }
}

void Relay::close() {
  from_.reset();
  to_.reset();
  pending_.clear();
}

}  // namespace plimsoll::agent
