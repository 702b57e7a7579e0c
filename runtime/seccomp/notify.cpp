// SPDX-License-Identifier: Apache-2.0
#include "runtime/seccomp/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/os.h"
#include "runtime/pass_descriptor.h"

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

Result<void> send_all(int socket, std::string_view state, int listener) {
  const ssize_t first = pass_descriptor(socket, listener, state);
  if (first < 0) return fail_errno("sendmsg");
  for (state.remove_prefix(static_cast<size_t>(first)); !state.empty();) {
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
