// SPDX-License-Identifier: Apache-2.0
// A descriptor on its way through a unix socket, with the text that goes beside it. Safe between clone and exec.
// unix(7) SCM_RIGHTS, cmsg(3)
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstring>
#include <string_view>

namespace plimsoll {

// The receiver gets a copy of `fd` with the first byte. At least one byte of text is needed, and perhaps not all of it
// is sent: as sendmsg(2), how much was, or -1 with errno. A peer that is gone is EPIPE, no signal.
inline ssize_t pass_descriptor(int socket, int fd, std::string_view text) {
  iovec data{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(fd));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace plimsoll
