// SPDX-License-Identifier: Apache-2.0
#include "exporter/http/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/os.h"

namespace plimsoll::exporter {
namespace {

Result<bool> somebody_listens(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.valid() && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  if (errno == EAGAIN) return true;  // its queue is full, so there is one
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  return unexpected(errno_error("cannot see whether somebody listens on unix:" + path));
}

}  // namespace

Result<void> remove_stale_socket(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return {};
  if (!S_ISSOCK(st.st_mode)) return fail("cannot listen on unix:" + path + ": there is something else than a socket");
  const auto taken = somebody_listens(path);
  if (!taken) return unexpected(taken.error());
  if (*taken) return unexpected(Error{EADDRINUSE, "cannot listen on unix:" + path});
  if (::unlink(path.c_str()) != 0) return unexpected(errno_error("cannot remove the old socket " + path));
  return {};
}

ModeOfSockets::ModeOfSockets() : before_(::umask(0117)) {}

ModeOfSockets::~ModeOfSockets() { ::umask(before_); }

}  // namespace plimsoll::exporter
