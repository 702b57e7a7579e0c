// SPDX-License-Identifier: Apache-2.0
// The few lines of route netlink that a veth pair and its counters need: a request with attributes, its
// acknowledgement, a dump. By hand, since libnl would add 480 KB and 0.3 ms of start-up to every container's monitor.
// netlink(7), rtnetlink(7)
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::netlink {

// One message being put together: nlmsghdr, the family's fixed part, attributes (rtattr), all padded to 4 bytes.
class Message {
 public:
  // `body`: ifinfomsg, ifaddrmsg or rtmsg. NLM_F_REQUEST is added to `flags`.
  template <typename Body>
  Message(uint16_t type, uint16_t flags, const Body& body) : Message(type, flags, as_bytes(body)) {}

  void attribute(uint16_t type, std::string_view value);
  void attribute(uint16_t type, uint32_t value) { attribute(type, as_bytes(value)); }
  void text_attribute(uint16_t type, const std::string& value);  // with its terminating NUL
  // What is put until the matching end() is inside this attribute.
  size_t begin(uint16_t type);
  void end(size_t begun);
  // A fixed part inside an attribute.
  template <typename Body>
  void put(const Body& body) {
    append(as_bytes(body));
  }

  // The finished message with its length and `sequence` filled in.
  std::string_view finish(uint32_t sequence);

 private:
  Message(uint16_t type, uint16_t flags, std::string_view body);
  void append(std::string_view bytes);

  template <typename T>
  static std::string_view as_bytes(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
  }

  std::string bytes_;
};

// Talks to the kernel about the network namespace that the calling thread was in when it was opened.
class RouteSocket {
 public:
  static Result<RouteSocket> open();
  // Goes on with a NETLINK_ROUTE socket that somebody else has opened.
  static RouteSocket adopt(UniqueFd fd) { return RouteSocket(std::move(fd)); }
  int fd() const { return fd_.get(); }

  // Sends and waits for the acknowledgement; the error's code is the kernel's.
  Result<void> request(Message message);
  // Calls `each` with every answer's body (after nlmsghdr). A question about one object is asked the same way,
  // with NLM_F_ACK in place of NLM_F_DUMP.
  Result<void> dump(Message message, const std::function<void(const nlmsghdr& header, std::string_view body)>& each);

 private:
  explicit RouteSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<std::string_view> receive();

  UniqueFd fd_;
  uint32_t sequence_ = 0;
  std::string buffer_;
};

// Takes the next message off `datagram`; false when none is whole. `body` is what follows the header.
bool take_message(std::string_view& datagram, nlmsghdr& header, std::string_view& body);
// The value of the first attribute `type` among `attributes`; empty when there is none.
std::string_view find_attribute(std::string_view attributes, uint16_t type);

}  // namespace plimsoll::netlink
