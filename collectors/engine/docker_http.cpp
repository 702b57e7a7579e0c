// SPDX-License-Identifier: Apache-2.0
#include "collectors/engine/docker_http.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "base/os.h"
#include "base/text.h"

namespace plimsoll::engine {
namespace {

using Progress = HttpReader::Progress;

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

std::optional<uint64_t> parse_hex(std::string_view text) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  uint64_t number = 0;
  for (char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const char letter = static_cast<char>(c | 0x20);
    if (!digit && (letter < 'a' || letter > 'f')) return std::nullopt;
    number = number * 16 + static_cast<uint64_t>(digit ? c - '0' : letter - 'a' + 10);
  }
  return number;
}

}  // namespace

Progress HttpReader::feed(std::string_view bytes) {
  if (progress_ != Progress::kMore) return progress_;
  pending_ += bytes;
  for (;;) {
    const size_t before = at_;
    const Part part = part_;
    progress_ = step();
    if (progress_ != Progress::kMore || (at_ == before && part_ == part)) break;
  }
  pending_.erase(0, at_);
  at_ = 0;
  return progress_;
}

Progress HttpReader::close() {
  if (progress_ == Progress::kMore) progress_ = part_ == Part::kToClose ? Progress::kDone : Progress::kMalformed;
  return progress_;
}

Progress HttpReader::step() {
  switch (part_) {
    case Part::kHead:
      return take_head();
    case Part::kLength:
    case Part::kToClose:
    case Part::kChunk:
      return take_body();
    case Part::kChunkSize:
    case Part::kChunkEnd:
      return take_chunk_size();
    case Part::kTrailer:
      return take_trailer();
  }
  return Progress::kMalformed;
}

// The next line without its end; nullopt when it has not come yet. One that is longer than `limit` makes the
// answer malformed.
std::optional<std::string_view> HttpReader::line(size_t limit) {
  const size_t end = pending_.find('\n', at_);
  const size_t length = (end == std::string::npos ? pending_.size() : end) - at_;
  if (length > limit) progress_ = Progress::kMalformed;
  if (end == std::string::npos || length > limit) return std::nullopt;
  std::string_view found = std::string_view(pending_).substr(at_, length);
  at_ = end + 1;
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

Progress HttpReader::take_head() {
  const size_t before = at_;
  const auto next = line(kMaxLineBytes);
  if (!next) return progress_;
  seen_ += at_ - before;
  if (seen_ > kMaxHeadBytes) return Progress::kMalformed;
  if (answer_.status == 0) return take_status(*next) ? Progress::kMore : Progress::kMalformed;
  if (!next->empty()) return take_header(*next) ? Progress::kMore : Progress::kMalformed;
  if (answer_.status < 200) return Progress::kMalformed;
  if (answer_.status == 204 || answer_.status == 304) return Progress::kDone;
  part_ = chunked_ ? Part::kChunkSize : length_ ? Part::kLength : Part::kToClose;
  left_ = chunked_ ? 0 : length_.value_or(0);
  seen_ = 0;
  if (left_ > max_body_) return Progress::kTooLarge;
  return part_ == Part::kLength && left_ == 0 ? Progress::kDone : Progress::kMore;
}

bool HttpReader::take_status(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return false;
  const auto status = parse_u64(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599 || (line.size() > 12 && line[12] != ' ')) return false;
  answer_.status = static_cast<int>(*status);
  return true;
}

bool HttpReader::take_header(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
  if (same_ignoring_case(name, "Transfer-Encoding")) {
    chunked_ = same_ignoring_case(value, "chunked");
    return chunked_;
  }
  if (same_ignoring_case(name, "Content-Length")) {
    const auto length = parse_u64(value);
    if (!length || (length_ && *length_ != *length)) return false;
    length_ = length;
  }
  if (same_ignoring_case(name, "Api-Version")) answer_.api_version = value.substr(0, 16);
  return true;
}

// Whatever has come of the body, or of a chunk of it.
Progress HttpReader::take_body() {
  size_t size = pending_.size() - at_;
  if (part_ != Part::kToClose) size = static_cast<size_t>(std::min<uint64_t>(size, left_));
  if (size > max_body_ - answer_.body.size()) return Progress::kTooLarge;
  answer_.body.append(pending_, at_, size);
  at_ += size;
  if (part_ == Part::kToClose) return Progress::kMore;
  left_ -= size;
  if (left_ > 0) return Progress::kMore;
  if (part_ == Part::kLength) return Progress::kDone;
  part_ = Part::kChunkEnd;
  return Progress::kMore;
}

// "1a;extension", and the empty line that ends the chunk before it.
Progress HttpReader::take_chunk_size() {
  const auto next = line(kMaxLineBytes);
  if (!next) return progress_;
  if (part_ == Part::kChunkEnd) {
    part_ = Part::kChunkSize;
    return next->empty() ? Progress::kMore : Progress::kMalformed;
  }
  const auto size = parse_hex(trim(next->substr(0, next->find(';'))));
  if (!size) return Progress::kMalformed;
  if (*size > max_body_ - answer_.body.size()) return Progress::kTooLarge;
  left_ = *size;
  part_ = *size == 0 ? Part::kTrailer : Part::kChunk;
  return Progress::kMore;
}

Progress HttpReader::take_trailer() {
  const size_t before = at_;
  const auto next = line(kMaxLineBytes);
  if (!next) return progress_;
  seen_ += at_ - before;
  if (seen_ > kMaxHeadBytes) return Progress::kMalformed;
  return next->empty() ? Progress::kDone : Progress::kMore;
}

namespace {

// One exchange: knows when it is to be over.
class Exchange {
 public:
  Exchange(UniqueFd socket, const HttpOptions& options)
      : socket_(std::move(socket)), options_(options), end_ns_(monotonic_ns() + options.total.count() * 1'000'000) {}

  Result<void> send(std::string_view request);
  Result<HttpAnswer> receive();

 private:
  Result<void> wait(short events);

  UniqueFd socket_;
  const HttpOptions& options_;
  int64_t end_ns_;
};

Result<void> Exchange::wait(short events) {
  const int64_t left = std::min<int64_t>((end_ns_ - monotonic_ns()) / 1'000'000, options_.silence.count());
  if (left <= 0) return unexpected({ETIMEDOUT, "docker"});
  pollfd fds[2] = {{socket_.get(), events, 0}, {options_.stop_fd, POLLIN, 0}};
  const int ready = ::poll(fds, options_.stop_fd >= 0 ? 2 : 1, static_cast<int>(left));
  if (ready < 0 && errno != EINTR) return fail_errno("poll");
  if (ready == 0) return unexpected({ETIMEDOUT, "docker"});
  if (ready > 0 && fds[1].revents != 0) return unexpected({ECANCELED, "docker"});
  return {};
}

Result<void> Exchange::send(std::string_view request) {
  while (!request.empty()) {
    const ssize_t sent = ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      request.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (auto ready = wait(POLLOUT); !ready) return ready;
    } else if (errno != EINTR) {
      return fail_errno("send");
    }
  }
  return {};
}

Result<HttpAnswer> Exchange::receive() {
  HttpReader reader(options_.max_body);
  char piece[16 * 1024];
  Progress progress = Progress::kMore;
  while (progress == Progress::kMore) {
    if (auto ready = wait(POLLIN); !ready) return unexpected(ready.error());
    const ssize_t size = ::recv(socket_.get(), piece, sizeof(piece), 0);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (size < 0) return fail_errno("recv");
    progress = size == 0 ? reader.close() : reader.feed({piece, static_cast<size_t>(size)});
  }
  if (progress == Progress::kTooLarge) return unexpected({EMSGSIZE, "docker"});
  if (progress == Progress::kMalformed) return unexpected({EPROTO, "docker"});
  return std::move(reader.answer());
}

}  // namespace

// HTTP/1.0 asks for an answer that ends with the connection. A proxy may answer otherwise all the same.
Result<HttpAnswer> http_get(const std::string& path, std::string_view target, const HttpOptions& options) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return unexpected({ENAMETOOLONG, path});
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("socket");
  // A local socket connects at once or not at all (EAGAIN: its queue is full).
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return fail_errno(path);
  Exchange exchange(std::move(socket), options);
  std::string request = "GET ";
  request += target;
  request += " HTTP/1.0\r\nHost: docker\r\nUser-Agent: plimsoll\r\nConnection: close\r\n\r\n";
  if (auto sent = exchange.send(request); !sent) return unexpected(sent.error());
  return exchange.receive();
}

}  // namespace plimsoll::engine
