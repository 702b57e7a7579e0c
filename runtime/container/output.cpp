// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace plimsoll::container {

Output::Output(Stream stream, UniqueFd source, UniqueFd copy)
    : stream_(stream), source_(std::move(source)), copy_(std::move(copy)) {
  ::fcntl(source_.get(), F_SETFL, O_NONBLOCK);
}

pollfd Output::wanted() const {
  if (!pending_.empty()) return {copy_.get(), POLLOUT, 0};
  return {source_.get(), POLLIN, 0};  // poll(2) ignores a negative descriptor
}

void Output::serve(const pollfd& ready, LogWriter& log) {
  if (ready.revents == 0) return;
  if (!pending_.empty()) return copy_some();
  take(log);
  if (!pending_.empty()) copy_some();
}

void Output::drain(LogWriter& log) {
  while (source_ && take(log)) {
  }
}

void Output::stop_copying() {
  copy_.reset();
  std::string().swap(pending_);
}

// One piece from the pipe to the log; false when there is nothing (any more).
bool Output::take(LogWriter& log) {
  char bytes[16 * 1024];
  const ssize_t length = ::read(source_.get(), bytes, sizeof bytes);
  if (length < 0 && errno == EINTR) return true;
  if (length < 0 && errno == EAGAIN) return false;
  if (length <= 0) {
    source_.reset();
    return false;
  }
  const std::string_view piece(bytes, static_cast<size_t>(length));
  log.write(stream_, piece);
  if (copy_) pending_ += piece;
  return true;
}

// The copy's descriptor belongs to somebody else as well, so it cannot be made non-blocking. A
// pipe that is ready takes PIPE_BUF bytes without blocking (pipe(7)).
void Output::copy_some() {
  pollfd room{copy_.get(), POLLOUT, 0};
  while (!pending_.empty() && ::poll(&room, 1, 0) > 0) {
    const ssize_t written = ::write(copy_.get(), pending_.data(), std::min<size_t>(pending_.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno != EAGAIN) return stop_copying();
    if (written < 0) return;
    pending_.erase(0, static_cast<size_t>(written));
  }
  if (pending_.empty()) std::string().swap(pending_);
}

}  // namespace plimsoll::container
