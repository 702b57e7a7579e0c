// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/start_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "runtime/pass_descriptor.h"

namespace plimsoll::oci {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return unexpected(Error{ENAMETOOLONG, path});
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

std::string through(const std::string& proc, int directory, const std::string& name) {
  return proc + "/self/fd/" + std::to_string(directory) + "/" + name;
}

Result<UniqueFd> connect_short(const std::string& path, const std::string& shown) {
  auto address = address_of(path);
  if (!address) return unexpected(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail_errno("connect to " + shown);
  }
  return socket;
}

}  // namespace

Result<UniqueFd> listen_at(const std::string& proc, int directory, const std::string& name) {
  auto address = address_of(through(proc, directory, name));
  if (!address) return unexpected(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail_errno("bind " + name);
  }
  if (::listen(socket.get(), 1) != 0) return fail_errno("listen on " + name);
  return socket;
}

Result<UniqueFd> connect_at(const std::string& proc, int directory, const std::string& name) {
  return connect_short(through(proc, directory, name), name);
}

Result<UniqueFd> connect_path(const std::string& proc, const std::string& path) {
  if (path.size() < sizeof(sockaddr_un::sun_path)) return connect_short(path, path);
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return unexpected(Error{ENAMETOOLONG, path});
  const UniqueFd directory(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fail_errno("connect to " + path);
  return connect_short(through(proc, directory.get(), path.substr(slash + 1)), path);
}

Result<void> send_descriptor(int socket, int fd) {
  if (pass_descriptor(socket, fd, std::string_view("", 1)) < 0) return fail_errno("send a descriptor");
  return {};
}

Result<UniqueFd> receive_descriptor(int socket) {
  char bytes[4096];  // senders put a name beside it
  iovec data{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t length;
  do {
    length = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return fail_errno("receive a descriptor");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return fail("no descriptor was sent");
  int fd;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace plimsoll::oci
