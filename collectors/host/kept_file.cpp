// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/kept_file.h"

#include <fcntl.h>

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

Result<void> check_whole(std::string_view text) {
  if (text.empty()) return fail("empty");
  if (text.back() != '\n') return fail("cut off in its last line");
  return {};
}

}  // namespace plimsoll::collectors::host
