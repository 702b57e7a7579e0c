// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/kept_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/statfs.h>

namespace plimsoll::collectors::host {

Result<void> KeptFile::open() {
  fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd_) return fail_errno(path_);
  return {};
}

Result<std::string_view> KeptFile::read() {
  if (fd_) {
    auto text = buffer_.read(fd_.get(), ReadBuffer::Until::kEnd);
    if (text) return text;
  }
  const auto opened = open();
  if (!opened) return unexpected(opened.error());
  auto text = buffer_.read(fd_.get(), ReadBuffer::Until::kEnd);
  if (text) return text;
  fd_.reset();
  return unexpected(Error{text.error().code, path_});
}

// A file that is none of proc's says nothing by poll, and would look as if it never changed.
bool KeptFile::may_have_changed() {
  struct statfs place = {};
  if (!fd_ || ::fstatfs(fd_.get(), &place) != 0 || place.f_type != PROC_SUPER_MAGIC) return true;
  pollfd asked = {fd_.get(), POLLPRI, 0};
  return ::poll(&asked, 1, 0) != 0;
}

Result<void> check_whole(std::string_view text) {
  if (text.empty()) return fail("empty");
  if (text.back() != '\n') return fail("cut off in its last line");
  return {};
}

}  // namespace plimsoll::collectors::host
