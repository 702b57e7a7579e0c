// SPDX-License-Identifier: Apache-2.0
#include "agent/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <ctime>

#include "base/os.h"

namespace plimsoll::agent {
namespace {

constexpr char kAbstract = '@';

// Its length, as the name of an abstract socket may hold zeros; 0: no address that a socket can have.
socklen_t make_address(const std::string& text, sockaddr_un& address) {
  if (text.size() < 2 || text.size() >= sizeof address.sun_path || (text[0] != '/' && text[0] != kAbstract)) return 0;
  address = {};
  address.sun_family = AF_UNIX;
  std::copy(text.begin(), text.end(), address.sun_path);
  if (text[0] == kAbstract) address.sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size());
}

// systemd tells by it whether what it hears is older than what it has asked for.
std::string monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1'000);
}

// Each line is a statement of its own.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

Result<void> ServiceManager::ready(const std::string& status) const {
  return tell("READY=1\nSTATUS=" + one_line(status) + "\n");
}

Result<void> ServiceManager::reloading() const { return tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_us() + "\n"); }

Result<void> ServiceManager::stopping() const { return tell("STOPPING=1\n"); }

Result<void> ServiceManager::tell(const std::string& lines) const {
  if (address_.empty()) return {};
  sockaddr_un address;
  const socklen_t length = make_address(address_, address);
  if (length == 0) return fail("NOTIFY_SOCKET: '" + address_ + "' is no address of a unix socket");
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("NOTIFY_SOCKET: socket");
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (::sendto(socket.get(), lines.data(), lines.size(), MSG_NOSIGNAL, where, length) < 0)
    return fail_errno("NOTIFY_SOCKET: " + address_);
  return {};
}

}  // namespace plimsoll::agent
