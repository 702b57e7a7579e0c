// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/notify_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "runtime/pass_descriptor.h"

namespace plimsoll::oci {
namespace {

constexpr char kDirectory[] = "notify", kName[] = "notify";
constexpr char kWithoutPath[] = "/run/notify";
constexpr int kBarrierMs = 5000;

struct Address {
  sockaddr_un value = {};
  socklen_t size = sizeof(sockaddr_un);
};

// "@name" is an abstract one.
Result<Address> address_of(const std::string& path) {
  Address address;
  address.value.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.value.sun_path) return unexpected(Error{ENAMETOOLONG, path});
  std::memcpy(address.value.sun_path, path.data(), path.size());
  if (!path.starts_with('@')) return address;
  address.value.sun_path[0] = '\0';
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return address;
}

bool says_ready(std::string_view text) {
  while (!text.empty()) {
    if (take(text, '\n') == "READY=1") return true;
  }
  return false;
}

bool send_text(int socket, std::string_view text) {
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// The manager closes the pipe when it has read all that came before: it asks the kernel who has sent a message, and
// that must still be there. sd_notify_barrier(3)
void await_reader(int socket) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (pass_descriptor(socket, ends[1], "BARRIER=1") < 0) return;
  writer.reset();
  pollfd closed{reader.get(), 0, 0};
  ::poll(&closed, 1, kBarrierMs);
}

Result<void> tell(const std::string& manager, pid_t pid) {
  const std::string place = "NOTIFY_SOCKET " + manager;
  auto address = address_of(manager);
  if (!address) return unexpected(address.error().within("NOTIFY_SOCKET"));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address->value), address->size) != 0)
    return fail_errno(place);
  if (!send_text(socket.get(), "READY=1") || !send_text(socket.get(), "MAINPID=" + std::to_string(pid)))
    return fail_errno(place);
  await_reader(socket.get());
  return {};
}

}  // namespace

std::string NotifySocket::manager() {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  return path != nullptr && (path[0] == '/' || path[0] == '@') ? path : "";
}

Result<void> NotifySocket::prepare(int directory, const std::string& path, const std::string& manager,
                                   spec::Spec& spec) {
  if (::mkdirat(directory, kDirectory, 0755) != 0 || ::fchmodat(directory, kDirectory, 0755, 0) != 0) {
    return fail_errno(path + "/" + kDirectory);
  }
  const std::string inside = manager.starts_with('/') ? manager : kWithoutPath;
  spec.mounts.push_back({inside, "bind", path + "/" + kDirectory, {"bind", "nosuid", "noexec", "nodev", "ro"}, {}, {}});
  std::vector<std::string>& env = spec.process->env;
  std::erase_if(env, [](const std::string& one) { return one.starts_with("NOTIFY_SOCKET="); });
  env.push_back("NOTIFY_SOCKET=" + inside + "/" + kName);
  return {};
}

Result<NotifySocket> NotifySocket::bind(const std::string& proc, int directory, const std::string& manager) {
  NotifySocket result;
  const UniqueFd place(::openat(directory, kDirectory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!place && errno == ENOENT) return result;
  if (!place) return fail_errno(kDirectory);
  const std::string path = proc + "/self/fd/" + std::to_string(place.get()) + "/" + kName;
  auto address = address_of(path);
  if (!address) return unexpected(address.error());
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("socket");
  // For any user in the container.
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address->value), address->size) != 0 ||
      ::fchmodat(place.get(), kName, 0777, 0) != 0) {
    return fail_errno("bind " + std::string(kName));
  }
  result.socket_ = std::move(socket);
  result.manager_ = manager;
  return result;
}

Result<bool> NotifySocket::serve(pid_t pid) {
  char text[4096];
  ssize_t size;
  while ((size = ::recv(socket_.get(), text, sizeof text, 0)) >= 0 || errno == EINTR) {
    if (size <= 0 || !says_ready({text, static_cast<size_t>(size)})) continue;
    auto told = tell(manager_, pid);
    if (!told) return unexpected(told.error());
    return true;
  }
  return false;
}

Result<void> NotifySocket::wait_ready(pid_t pid, int pidfd) {
  while (true) {
    pollfd polls[2] = {{socket_.get(), POLLIN, 0}, {pidfd, POLLIN, 0}};
    if (::poll(polls, 2, -1) < 0 && errno != EINTR) return fail_errno("poll");
    auto ready = serve(pid);
    if (!ready) return unexpected(ready.error());
    if (*ready || polls[1].revents != 0) return {};
  }
}

}  // namespace plimsoll::oci
