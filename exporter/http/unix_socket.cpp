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

bool somebody_listens(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: its queue is full, so there is one.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
}

}  // namespace

Result<void> remove_stale_socket(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return {};
  if (!S_ISSOCK(st.st_mode)) return fail("cannot listen on unix:" + path + ": there is something else than a socket");
  if (somebody_listens(path)) return unexpected(Error{EADDRINUSE, "cannot listen on unix:" + path});
  if (::unlink(path.c_str()) != 0) return unexpected(errno_error("cannot remove the old socket " + path));
  return {};
}

Result<void> open_to_group(const std::string& path) {
  if (::chmod(path.c_str(), 0660) != 0) return unexpected(errno_error("chmod " + path));
  return {};
}

}  // namespace plimsoll::exporter
