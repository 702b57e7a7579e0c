// SPDX-License-Identifier: Apache-2.0
#include "runtime/limits/bus.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace plimsoll::limits {
namespace {

constexpr size_t kFirstBuffer = 4096;
constexpr size_t kMaxMessage = 64 * 1024;
constexpr size_t kMaxLine = 512;

constexpr std::string_view kBroker = "org.freedesktop.DBus";
constexpr std::string_view kBrokerPath = "/org/freedesktop/DBus";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Undoes %2f; false for a % without two digits, and for a NUL.
bool unescape(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0) return false;
      c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    }
    if (c == '\0') return false;
    out += c;
  }
  return !out.empty();
}

// "path=/run/bus,guid=0123"
bool parse_unix_address(std::string_view keys, BusAddress& address) {
  while (!keys.empty()) {
    std::string_view value = take(keys, ',');
    const std::string_view key = take(value, '=');
    if (key != "path" && key != "abstract") continue;
    address.abstract = key == "abstract";
    return unescape(value, address.path) && address.path.size() < sizeof(sockaddr_un::sun_path);
  }
  return false;
}

// The digits of the number, in hexadecimal each: 1000 is 31303030.
void append_uid(std::string& out, uid_t uid) {
  for (const char digit : std::to_string(uid)) {
    out += '3';
    out += digit;
  }
}

timeval time_until(int64_t deadline) {
  const int64_t left = std::max<int64_t>(deadline - monotonic_ns(), 1'000'000);
  return {.tv_sec = left / 1'000'000'000, .tv_usec = left / 1000 % 1'000'000};
}

Result<UniqueFd> connect_to(const BusAddress& address, int64_t deadline) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("D-Bus: socket");
  sockaddr_un place = {};
  place.sun_family = AF_UNIX;
  if (address.path.size() >= sizeof place.sun_path)
    return fail("D-Bus: path of the socket is too long: " + address.path);
  address.path.copy(place.sun_path + (address.abstract ? 1 : 0), sizeof place.sun_path - 1);
  const size_t length = offsetof(sockaddr_un, sun_path) + address.path.size() + 1;
  // Where many wait to be accepted, connect() waits; not longer than this.
  const timeval limit = time_until(deadline);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&place), static_cast<socklen_t>(length)) != 0)
    return fail_errno("D-Bus: connect to " + address.path);
  return socket;
}

struct KnownError {
  std::string_view name;
  int code;
};
constexpr KnownError kKnownErrors[] = {
    {"org.freedesktop.systemd1.UnitExists", EEXIST},
    {"org.freedesktop.systemd1.NoSuchUnit", ENOENT},
    {"org.freedesktop.DBus.Error.AccessDenied", EACCES},
    {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", EACCES},
    {"org.freedesktop.DBus.Error.NoReply", ETIMEDOUT},
    {"org.freedesktop.DBus.Error.Timeout", ETIMEDOUT},
    {"org.freedesktop.DBus.Error.UnknownProperty", EROFS},
    {"org.freedesktop.DBus.Error.PropertyReadOnly", EROFS},
    {"org.freedesktop.DBus.Error.InvalidArgs", EINVAL},
};

}  // namespace

Result<BusAddress> parse_bus_address(std::string_view text) {
  for (std::string_view rest = text; !rest.empty();) {
    std::string_view keys = take(rest, ';');
    BusAddress address;
    if (take(keys, ':') == "unix" && parse_unix_address(keys, address)) return address;
  }
  return fail("D-Bus address '" + printable(text) + "': neither unix:path= nor unix:abstract=");
}

int64_t deadline_in(std::chrono::milliseconds time) { return monotonic_ns() + std::chrono::nanoseconds(time).count(); }

Error error_of(const BusMessage& message) {
  const auto* known = std::find_if(std::begin(kKnownErrors), std::end(kKnownErrors),
                                   [&](const KnownError& error) { return error.name == message.error_name; });
  BusReader reader = message.reader();
  const std::string_view said = message.signature.starts_with('s') ? reader.text() : std::string_view();
  std::string context = printable(said);
  if (!context.empty()) context += " ";
  context += "(" + printable(message.error_name) + ")";
  return {known == std::end(kKnownErrors) ? 0 : known->code, std::move(context)};
}

Bus::Bus(UniqueFd socket, const BusAddress& address)
    : socket_(std::move(socket)), name_(address.path), broker_(address.broker), in_(kFirstBuffer) {
  out_.reserve(kFirstBuffer);
}

Result<Bus> Bus::open(const BusAddress& address, int64_t deadline) {
  auto socket = connect_to(address, deadline);
  if (!socket) return unexpected(socket.error());
  Bus bus(std::move(*socket), address);
  const auto greeted = bus.greet(address, deadline);
  if (!greeted) return unexpected(greeted.error().within("D-Bus at " + address.path));
  return bus;
}

Result<void> Bus::greet(const BusAddress& address, int64_t deadline) {
  using namespace std::string_view_literals;
  out_ = "\0AUTH EXTERNAL"sv;
  if (address.names_user) {
    out_ += ' ';
    append_uid(out_, ::geteuid());
  } else {
    out_ += "\r\nDATA";  // "whoever the socket says"
  }
  out_ += "\r\nBEGIN\r\n";
  const uint32_t hello = broker_ ? queue({kBroker, kBrokerPath, kBroker, "Hello", {}, {}}) : 0;
  auto done = flush(deadline);
  if (done) done = await_authentication(deadline);
  while (done && hello != 0) {
    const auto answer = receive(deadline);
    if (!answer) return unexpected(answer.error());
    if (answer->reply_serial != hello) continue;
    if (answer->type == BusType::kError) return unexpected(error_of(*answer).within("Hello"));
    break;
  }
  return done;
}

// "DATA" asks for the name that is on its way already.
Result<void> Bus::await_authentication(int64_t deadline) {
  for (int i = 0; i < 2; ++i) {
    const auto line = next_line(deadline);
    if (!line) return unexpected(line.error());
    if (line->starts_with("OK")) return {};
    if (*line != "DATA")
      return fail("authentication as uid " + std::to_string(::geteuid()) + " was refused: " + printable(*line));
  }
  return fail("authentication does not end");
}

Result<void> Bus::wait_for(short events, int64_t deadline) const {
  pollfd wait = {.fd = socket_.get(), .events = events, .revents = 0};
  while (true) {
    const int64_t left = deadline - monotonic_ns();
    if (left <= 0) return unexpected({ETIMEDOUT, "no answer"});
    const timespec limit = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    const int ready = ::ppoll(&wait, 1, &limit, nullptr);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("poll");
  }
}

Result<void> Bus::flush(int64_t deadline) {
  for (std::string_view rest = out_; !rest.empty();) {
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      const auto ready = wait_for(POLLOUT, deadline);
      if (!ready) return ready;
    } else if (errno != EINTR) {
      return fail_errno("send");
    }
  }
  out_.clear();
  return {};
}

// Reads on until `wanted` bytes are waiting.
Result<void> Bus::fill(size_t wanted, int64_t deadline) {
  if (begin_ > 0 && begin_ + wanted > in_.size()) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (in_.size() < wanted) in_.resize(wanted);
  while (end_ - begin_ < wanted) {
    const ssize_t got = ::recv(socket_.get(), in_.data() + end_, in_.size() - end_, MSG_DONTWAIT);
    if (got > 0) {
      end_ += static_cast<size_t>(got);
    } else if (got == 0) {
      return unexpected({ECONNRESET, "the connection was closed"});
    } else if (errno == EAGAIN) {
      const auto ready = wait_for(POLLIN, deadline);
      if (!ready) return ready;
    } else if (errno != EINTR) {
      return fail_errno("recv");
    }
  }
  return {};
}

Result<std::string_view> Bus::next_line(int64_t deadline) {
  while (true) {
    const size_t end = waiting().find("\r\n");
    if (end != std::string_view::npos) {
      const std::string_view line = waiting().substr(0, end);
      begin_ += end + 2;
      return line;
    }
    if (waiting().size() >= kMaxLine) return fail("authentication: a line without an end");
    const auto more = fill(waiting().size() + 1, deadline);
    if (!more) return unexpected(more.error());
  }
}

Result<void> Bus::pass_over(size_t size, int64_t deadline) {
  while (size > 0) {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      const auto more = fill(1, deadline);
      if (!more) return more;
    }
    const size_t part = std::min(size, end_ - begin_);
    begin_ += part;
    size -= part;
  }
  return {};
}

// The bytes of the next message that is not too large.
Result<std::string_view> Bus::next_bytes(int64_t deadline) {
  while (true) {
    auto read = fill(kBusHeaderSize, deadline);
    if (!read) return unexpected(read.error());
    const auto size = bus_message_size(waiting());
    if (!size) return unexpected(size.error());
    read = *size > kMaxMessage ? pass_over(*size, deadline) : fill(*size, deadline);
    if (!read) return unexpected(read.error());
    if (*size > kMaxMessage) continue;
    begin_ += *size;
    return std::string_view(in_.data() + begin_ - *size, *size);
  }
}

uint32_t Bus::queue(const BusCall& call) {
  append_call(out_, call, ++serial_);
  return serial_;
}

Result<uint32_t> Bus::send(const BusCall& call, int64_t deadline) {
  const uint32_t serial = queue(call);
  const auto sent = flush(deadline);
  if (!sent) return unexpected(sent.error().within("D-Bus at " + name_));
  return serial;
}

Result<BusMessage> Bus::receive(int64_t deadline) {
  const auto bytes = next_bytes(deadline);
  if (!bytes) return unexpected(bytes.error().within("D-Bus at " + name_));
  const auto message = parse_bus_message(*bytes);
  if (!message) return unexpected(message.error().within("D-Bus at " + name_));
  if (message->type == BusType::kError && message->reply_serial == match_serial_ && match_serial_ != 0)
    return unexpected(error_of(*message).within("D-Bus at " + name_ + ": AddMatch"));
  return message;
}

Result<BusMessage> Bus::call(const BusCall& call, int64_t deadline) {
  const auto serial = send(call, deadline);
  if (!serial) return unexpected(serial.error());
  while (true) {
    auto message = receive(deadline);
    if (!message || message->reply_serial != *serial) {
      if (message) continue;
      return unexpected(message.error().within(call.member));
    }
    if (message->type == BusType::kError) return unexpected(error_of(*message).within(call.member));
    if (message->type == BusType::kReturn) return message;
  }
}

void Bus::match(std::string_view rule) {
  if (!broker_ || match_serial_ != 0) return;
  std::string body;
  BusWriter(body).text(rule);
  match_serial_ = queue({kBroker, kBrokerPath, kBroker, "AddMatch", "s", body});
}

}  // namespace plimsoll::limits
