// SPDX-License-Identifier: Apache-2.0
#include "base/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace plimsoll::netlink {
namespace {

constexpr size_t kReceiveSize = 64 * 1024;

size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

// What a NLMSG_ERROR and a NLMSG_DONE carry first: 0, or an errno value below zero.
int error_code(std::string_view body) {
  int code = -EBADMSG;
  if (body.size() >= sizeof(code)) std::memcpy(&code, body.data(), sizeof(code));
  return -code;
}

}  // namespace

bool take_message(std::string_view& datagram, nlmsghdr& header, std::string_view& body) {
  if (datagram.size() < sizeof(header)) return false;
  std::memcpy(&header, datagram.data(), sizeof(header));
  if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > datagram.size()) return false;
  body = datagram.substr(sizeof(header), header.nlmsg_len - sizeof(header));
  datagram.remove_prefix(std::min(padded(header.nlmsg_len), datagram.size()));
  return true;
}

Message::Message(uint16_t type, uint16_t flags, std::string_view body) {
  nlmsghdr header = {};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  append(as_bytes(header));
  append(body);
}

void Message::append(std::string_view bytes) {
  bytes_ += bytes;
  bytes_.resize(padded(bytes_.size()), '\0');
}

void Message::attribute(uint16_t type, std::string_view value) {
  const size_t begun = begin(type);
  bytes_ += value;
  end(begun);
}

void Message::text_attribute(uint16_t type, const std::string& value) {
  attribute(type, std::string_view(value.c_str(), value.size() + 1));
}

size_t Message::begin(uint16_t type) {
  const size_t begun = bytes_.size();
  append(as_bytes(rtattr{0, type}));
  return begun;
}

// The length leaves the padding out.
void Message::end(size_t begun) {
  const auto length = static_cast<uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun, &length, sizeof(length));
  bytes_.resize(padded(bytes_.size()), '\0');
}

std::string_view Message::finish(uint32_t sequence) {
  const auto length = static_cast<uint32_t>(bytes_.size());
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof(sequence));
  return bytes_;
}

Result<RouteSocket> RouteSocket::open() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return fail_errno("open a netlink socket");
  return RouteSocket(std::move(fd));
}

Result<std::string_view> RouteSocket::receive() {
  buffer_.resize(kReceiveSize);
  ssize_t size;
  do {
    size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno("netlink");
  if (static_cast<size_t>(size) > buffer_.size()) return unexpected(Error{EMSGSIZE, "netlink"});
  return std::string_view(buffer_.data(), static_cast<size_t>(size));
}

Result<void> RouteSocket::request(Message message) {
  return dump(std::move(message), [](const nlmsghdr&, std::string_view) {});
}

// A dump ends with NLMSG_DONE, everything else with an NLMSG_ERROR that acknowledges or refuses.
Result<void> RouteSocket::dump(Message message, const std::function<void(const nlmsghdr&, std::string_view)>& each) {
  const std::string_view bytes = message.finish(++sequence_);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) return fail_errno("netlink");
  while (true) {
    auto datagram = receive();
    if (!datagram) return unexpected(datagram.error());
    nlmsghdr header;
    std::string_view body;
    while (take_message(*datagram, header, body)) {
      if (header.nlmsg_seq != sequence_) continue;
      if (header.nlmsg_type != NLMSG_ERROR && header.nlmsg_type != NLMSG_DONE) {
        each(header, body);
        continue;
      }
      const int code = error_code(body);
      if (code == 0) return {};
      return unexpected(Error{code, "netlink"});
    }
  }
}

std::string_view find_attribute(std::string_view attributes, uint16_t type) {
  while (attributes.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, attributes.data(), sizeof(header));
    if (header.rta_len < sizeof(header) || header.rta_len > attributes.size()) return {};
    if ((header.rta_type & NLA_TYPE_MASK) == type)
      return attributes.substr(sizeof(header), header.rta_len - sizeof(header));
    attributes.remove_prefix(std::min(padded(header.rta_len), attributes.size()));
  }
  return {};
}

}  // namespace plimsoll::netlink
