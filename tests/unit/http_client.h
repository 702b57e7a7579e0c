// SPDX-License-Identifier: Apache-2.0
// The smallest HTTP client: sends bytes as they stand, returns all that comes back.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdlib>
#include <string>

#include "base/os.h"

namespace plimsoll::test {

// "" when nothing listens at `address` ("127.0.0.1:PORT" or "[::1]:PORT") or nothing came in 5 s.
inline UniqueFd connect_to(const std::string& address) {
  const size_t colon = address.rfind(':');
  const auto port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  const bool v6 = address[0] == '[';
  UniqueFd fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience = {5, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in in4 = {};
  in4.sin_family = AF_INET;
  in4.sin_port = port;
  in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 in6 = {};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = port;
  in6.sin6_addr = in6addr_loopback;
  const auto* where = v6 ? reinterpret_cast<const sockaddr*>(&in6) : reinterpret_cast<const sockaddr*>(&in4);
  if (::connect(fd.get(), where, v6 ? sizeof in6 : sizeof in4) != 0) fd.reset();
  return fd;
}

inline std::string receive_all(int fd) {
  std::string answer;
  char piece[4096];
  for (ssize_t n; (n = ::recv(fd, piece, sizeof piece, 0)) > 0;) answer.append(piece, static_cast<size_t>(n));
  return answer;
}

inline std::string http_exchange(const std::string& address, const std::string& request) {
  const UniqueFd fd = connect_to(address);
  if (!fd || ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  return receive_all(fd.get());
}

inline std::string get(const std::string& address, const std::string& path) {
  return http_exchange(address, "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
}

}  // namespace plimsoll::test
