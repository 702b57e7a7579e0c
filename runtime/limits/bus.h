// SPDX-License-Identifier: Apache-2.0
// A connection to a D-Bus broker, or to a service that speaks without one.
//
// A client of our own: the executable is static, there is no static libsystemd, and what is needed is little. The
// broker's greeting (authentication by the socket's credentials, then Hello) is one write and one wait. Messages are
// sent and received one after another by one thread; whoever waits says until when.
// https://dbus.freedesktop.org/doc/dbus-specification.html, "Authentication protocol", "Server addresses"
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/limits/bus_message.h"

namespace plimsoll::limits {

struct BusAddress {
  std::string path;        // of the socket, or its abstract name
  bool abstract = false;   // unix(7)
  bool broker = true;      // whether the peer wants a Hello and knows names
  bool names_user = true;  // tell our uid, which is another one there when we are in a user namespace
};

// "unix:path=/run/user/1000/bus,guid=...": the first of the addresses that is a unix socket.
Result<BusAddress> parse_bus_address(std::string_view text);

// Of CLOCK_MONOTONIC, in nanoseconds.
int64_t deadline_in(std::chrono::milliseconds time);

class Bus {
 public:
  // Connects, authenticates, and says Hello to a broker. ENOENT and ECONNREFUSED when nobody is there.
  static Result<Bus> open(const BusAddress& address, int64_t deadline);

  // Sends a call, together with those that were queued; its serial number.
  Result<uint32_t> send(const BusCall& call, int64_t deadline);
  // The same, but kept until the next send().
  uint32_t queue(const BusCall& call);
  // The next message, of whatever kind; its views are good until the next call of receive(). Messages larger than
  // 64 KiB, which nobody asked for, are passed over. ETIMEDOUT when there is none in time.
  Result<BusMessage> receive(int64_t deadline);
  // The answer to a call, whatever comes before it is dropped; an error answer is an Error (see error_of()).
  Result<BusMessage> call(const BusCall& call, int64_t deadline);

  // Asks the broker, once, for the signals that fit the rule. The request is only queued; should it be refused,
  // receive() fails.
  void match(std::string_view rule);
  bool has_broker() const { return broker_; }

 private:
  Bus(UniqueFd socket, const BusAddress& address);
  Result<void> greet(const BusAddress& address, int64_t deadline);
  Result<void> await_authentication(int64_t deadline);
  Result<void> flush(int64_t deadline);
  Result<void> fill(size_t wanted, int64_t deadline);
  Result<std::string_view> next_line(int64_t deadline);
  Result<std::string_view> next_bytes(int64_t deadline);
  Result<void> pass_over(size_t size, int64_t deadline);
  Result<void> wait_for(short events, int64_t deadline) const;
  std::string_view waiting() const { return std::string_view(in_.data() + begin_, end_ - begin_); }

  UniqueFd socket_;
  std::string name_;  // of the socket, for errors
  bool broker_;
  uint32_t serial_ = 0;
  uint32_t match_serial_ = 0;
  std::string out_;
  std::vector<char> in_;  // read, from begin_ to end_
  size_t begin_ = 0, end_ = 0;
};

// An answer of type kError. Its code: EEXIST (UnitExists), ENOENT (NoSuchUnit), EACCES, ETIMEDOUT, EROFS (a property
// that does not exist or cannot be set), EINVAL, or 0. Its context: what the peer says, made printable.
Error error_of(const BusMessage& message);

}  // namespace plimsoll::limits
