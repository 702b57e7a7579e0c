// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/os.h"

namespace plimsoll::seccomp {
namespace {

// An address has room for 107 bytes: a longer path goes through a descriptor of its directory, which is left in
// `directory` for as long as the address is used.
Result<sockaddr_un> address_of(const std::string& path, UniqueFd& directory) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string text = path;
  if (path.size() >= sizeof address.sun_path) {
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return unexpected({ENAMETOOLONG, path});
    directory = UniqueFd(::open(path.substr(0, slash + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0) return fail_errno(path);
    text = "/proc/self/fd/" + std::to_string(directory.get()) + path.substr(slash);
  }
  if (text.size() >= sizeof address.sun_path) return unexpected({ENAMETOOLONG, path});
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

Result<UniqueFd> connect_to(const std::string& path) {
  UniqueFd directory;
  const auto address = address_of(path, directory);
  if (!address) return unexpected(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return fail_errno("socket");
  const timeval limit = {kSendSeconds, 0};  // also of connect, when the agent's queue is full
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) return fail_errno(path);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fail_errno(path);
  return socket;
}

// The descriptor goes with the first bytes.
Result<size_t> send_first(int socket, std::string_view state, int listener) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec text = {const_cast<char*>(state.data()), state.size()};
  msghdr message = {};
  message.msg_iov = &text;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof listener);
  std::memcpy(CMSG_DATA(header), &listener, sizeof listener);
  const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  if (sent < 0) return fail_errno("sendmsg");
  return static_cast<size_t>(sent);
}

Result<void> send_all(int socket, std::string_view state, int listener) {
  const auto first = send_first(socket, state, listener);
  if (!first) return unexpected(first.error());
  for (state.remove_prefix(*first); !state.empty();) {
    const ssize_t sent = ::send(socket, state.data(), state.size(), MSG_NOSIGNAL);
    if (sent < 0) return fail_errno("send");
    state.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

}  // namespace

Result<void> send_listener(const std::string& path, std::string_view state, int listener) {
  const std::string where = "linux.seccomp.listenerPath";
  const auto socket = connect_to(path);
  if (!socket) return unexpected(socket.error().within(where + ": failed to connect with seccomp agent"));
  if (auto sent = send_all(socket->get(), state, listener); !sent)
    return unexpected(sent.error().within(where + ": " + path));
  return {};
}

}  // namespace plimsoll::seccomp
