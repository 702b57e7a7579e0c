// SPDX-License-Identifier: Apache-2.0
// Where an encoder puts its bytes: a chunk whose room is made once per sample, so that text and digits go
// straight to their place without a detour over a temporary string.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace plimsoll::exporter {

inline char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

// Overwrites `chunk` from its start; it is as long as what was written once this has gone. It grows by
// doubling, so that its zero-filling is paid once per chunk and not once per sample.
class Output {
 public:
  Output(std::string& chunk, size_t target) : chunk_(chunk) {
    chunk_.reserve(target + 1024);
    chunk_.resize(chunk_.capacity());
  }
  ~Output() { chunk_.resize(used_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  size_t used() const { return used_; }

  // Room for at least `bytes`, behind what is written; used() grows by wrote(end of what was put there).
  char* room(size_t bytes) {
    if (chunk_.size() - used_ < bytes) chunk_.resize(chunk_.size() * 2 + bytes);
    return chunk_.data() + used_;
  }
  void wrote(const char* end) { used_ = static_cast<size_t>(end - chunk_.data()); }

  void append(std::string_view text) { wrote(put(room(text.size()), text)); }

 private:
  std::string& chunk_;
  size_t used_ = 0;
};

}  // namespace plimsoll::exporter
