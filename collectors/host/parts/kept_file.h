// SPDX-License-Identifier: Apache-2.0
// A kernel file that is read at every scrape: its descriptor stays open, since pread of a kept
// descriptor costs a quarter of open, read and close, and its buffer keeps its size.
#pragma once

#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::collectors::host {

// Not thread-safe. Opened at the first read, so that a file that appears later is found later.
class KeptFile {
 public:
  // `initial` is the buffer's first size in bytes. Small for /proc/sys, where the kernel allocates
  // as much as the reader's buffer holds.
  explicit KeptFile(std::string path, size_t initial = 16 * 1024) : path_(std::move(path)), buffer_(initial) {}

  // Whole content, valid until the next read. A descriptor that no longer reads (its device went
  // away and came back) is opened again once. The error names the path.
  Result<std::string_view> read();

  // Whether it may have changed since this was last asked: false only where the kernel says that it has not, as of
  // /proc/PID/mountinfo by poll(2). To be asked before read().
  bool may_have_changed();

  const std::string& path() const { return path_; }

 private:
  Result<void> open();

  std::string path_;
  UniqueFd fd_;
  ReadBuffer buffer_;
};

// The way of most collectors: reads `file` and hands its text to `parse`, whose error gets the
// path as its context.
template <typename Parse>
auto read_and_parse(KeptFile& file, Parse parse) -> decltype(parse(std::string_view{})) {
  const auto text = file.read();
  if (!text) return unexpected(text.error());
  auto parsed = parse(*text);
  if (!parsed) return unexpected(parsed.error().within(file.path()));
  return parsed;
}

// Every file of /proc ends its last line. One that does not was cut off; an empty one says nothing.
Result<void> check_whole(std::string_view text);

}  // namespace plimsoll::collectors::host
