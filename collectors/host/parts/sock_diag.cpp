// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/sock_diag.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/netlink.h"
#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/net_text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr uint32_t kAllStates = 0xfff;
// The most that the kernel puts into one datagram; it goes by the reader's buffer.
constexpr size_t kReceiveSize = 32 * 1024;
constexpr size_t kFileBuffer = 64 * 1024;
constexpr size_t kFileLimit = 64 * 1024 * 1024;  // 400,000 sockets

// The older of the two requests: it has no family, and is answered for IPv4 and IPv6 together.
netlink::Message tcp_request() {
  inet_diag_req request = {};
  request.idiag_family = AF_INET;
  request.idiag_states = kAllStates;
  return {TCPDIAG_GETSOCK, NLM_F_DUMP, request};
}

netlink::Message udp_request(uint8_t family) {
  inet_diag_req_v2 request = {};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_UDP;
  request.idiag_states = kAllStates;
  return {SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request};
}

netlink::Message request_of(Sockets which) {
  if (which == Sockets::kTcp) return tcp_request();
  return udp_request(which == Sockets::kUdp4 ? AF_INET : AF_INET6);
}

Result<std::string_view> receive(int fd, char* buffer) {
  ssize_t size;
  do {
    size = ::recv(fd, buffer, kReceiveSize, MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno("sock_diag");
  if (size == 0 || static_cast<size_t>(size) > kReceiveSize) return unexpected(Error{EMSGSIZE, "sock_diag"});
  return std::string_view(buffer, static_cast<size_t>(size));
}

// What ends a dump carries 0 or an errno value below zero first.
Result<bool> end_of(std::string_view body) {
  int code = -EBADMSG;
  if (body.size() >= sizeof(code)) std::memcpy(&code, body.data(), sizeof(code));
  if (code != 0) return unexpected(Error{-code, "sock_diag"});
  return true;
}

// Behind "sl": local and remote address, state, queues "transmit:receive".
bool add_line(std::string_view line, SocketTotals& totals) {
  if (!take_field(line).ends_with(':')) return false;
  take_field(line);
  take_field(line);
  const auto state = parse_hex(take_field(line));
  std::string_view queues = take_field(line);
  const auto transmit = parse_hex(take(queues, ':'));
  const auto receive = parse_hex(queues);
  if (!state || !transmit || !receive) return false;
  totals.add(*state, *receive, *transmit);
  return true;
}

Result<SocketTotals> parse_socket_table(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::string_view heading = take(text, '\n');
  if (take_field(heading) != "sl") return fail("not the heading of a table of sockets");
  SocketTotals totals;
  while (!text.empty())
    if (!add_line(take(text, '\n'), totals)) return fail("not a line of a socket");
  return totals;
}

}  // namespace

void SocketTotals::add(uint64_t state, uint64_t receive, uint64_t transmit) {
  ++count[state < count.size() ? state : 0];
  receive_queued += receive;
  transmit_queued += transmit;
}

bool is_unsupported(const Error& error) {
  switch (error.code) {
    case ENOENT:           // no module for this kind of socket
    case EPROTONOSUPPORT:  // no sock_diag
    case EAFNOSUPPORT:     // no netlink
    case EOPNOTSUPP:
    case EPERM:  // a filter of system calls
    case EACCES:
      return true;
    default:
      return false;
  }
}

Result<bool> add_datagram(std::string_view datagram, uint32_t sequence, SocketTotals& totals) {
  nlmsghdr header;
  std::string_view body;
  while (netlink::take_message(datagram, header, body)) {
    if (header.nlmsg_seq != sequence) continue;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) return end_of(body);
    inet_diag_msg socket;
    if (body.size() < sizeof(socket)) return unexpected(Error{EBADMSG, "sock_diag"});
    std::memcpy(&socket, body.data(), sizeof(socket));
    totals.add(socket.idiag_state, socket.idiag_rqueue, socket.idiag_wqueue);
  }
  return false;
}

Result<SocketTotals> SockDiag::dump(Sockets which) {
  if (!fd_) fd_.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd_) return fail_errno("open a sock_diag socket");
  netlink::Message request = request_of(which);
  const std::string_view bytes = request.finish(++sequence_);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) return fail_errno("sock_diag");
  const std::unique_ptr<char[]> buffer(new char[kReceiveSize]);
  SocketTotals totals;
  while (true) {
    const auto datagram = receive(fd_.get(), buffer.get());
    if (!datagram) return unexpected(datagram.error());
    const auto done = add_datagram(*datagram, sequence_, totals);
    if (!done) return unexpected(done.error());
    if (*done) return totals;
  }
}

// After an error the rest of the dump may still be under way: the next one begins with a new socket.
Result<SocketTotals> SockDiag::count(Sockets which) {
  int& refused = refused_[static_cast<size_t>(which)];
  if (refused != 0) return unexpected(Error{refused, "sock_diag"});
  auto totals = dump(which);
  if (totals) return totals;
  fd_.reset();
  if (is_unsupported(totals.error())) refused = totals.error().code;
  return totals;
}

Result<SocketTotals> read_socket_table(const std::string& path) {
  ReadBuffer buffer(kFileBuffer, kFileLimit);
  const auto text = buffer.read_at(AT_FDCWD, path.c_str());
  if (!text) return unexpected(text.error());
  auto totals = parse_socket_table(*text);
  if (!totals) return unexpected(totals.error().within(path));
  return totals;
}

}  // namespace plimsoll::collectors::host
