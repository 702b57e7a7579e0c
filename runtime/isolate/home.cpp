// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "runtime/isolate/child.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

constexpr size_t kMostRead = 1024 * 1024;
constexpr int kUidField = 2, kHomeField = 5, kLastField = 6;

// name:password:uid:gid:comment:home:shell, a byte after the other.
class Line {
 public:
  Line(uid_t wanted, char (&home)[kLongestHome]) : wanted_(wanted), home_(home) {}

  void take(char c) {
    if (c == ':') {
      ++field_;
    } else if (field_ == kUidField) {
      is_number_ = c >= '0' && c <= '9' && uid_ <= UINT32_MAX && (digits_ == 0 || is_number_);
      uid_ = is_number_ ? uid_ * 10 + static_cast<uint64_t>(c - '0') : uid_;
      ++digits_;
    } else if (field_ == kHomeField) {
      if (length_ < kLongestHome) home_[length_] = c;
      ++length_;
    }
  }

  // At its end.
  bool matches() {
    const bool fits = length_ > 0 && length_ < kLongestHome;
    const bool good = field_ == kLastField && is_number_ && uid_ == wanted_ && fits;
    home_[good ? length_ : 0] = '\0';
    return good;
  }

 private:
  uid_t wanted_;
  char* home_;
  int field_ = 0;
  uint64_t uid_ = 0;
  bool is_number_ = false;
  size_t digits_ = 0, length_ = 0;
};

// Not of a FIFO or a device that somebody has put there, nor through /proc/self/fd: directories of the host are open.
int open_passwd() {
  const int fd = openat2(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, RESOLVE_NO_MAGICLINKS);
  struct stat st;
  if (fd < 0 || (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode))) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

void find_home(int passwd, uid_t uid, char (&home)[kLongestHome]) {
  char bytes[4096];
  Line line(uid, home);
  for (size_t read = 0; read < kMostRead;) {
    const ssize_t size = ::read(passwd, bytes, sizeof(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    read += static_cast<size_t>(size);
    for (ssize_t i = 0; i < size; ++i) {
      if (bytes[i] != '\n') {
        line.take(bytes[i]);
      } else if (line.matches()) {
        return;
      } else {
        line = Line(uid, home);
      }
    }
  }
  (void)line.matches();
}

// "/" where the container does not say it either.
int set_home(Child& child) {
  HomeVariable* const variable = child.process->home.get();
  if (variable == nullptr) return 0;
  const int passwd = open_passwd();
  if (passwd < 0) return 0;
  find_home(passwd, child.process->uid, variable->value);
  ::close(passwd);
  if (variable->value[0] == '\0') variable->value[0] = '/', variable->value[1] = '\0';
  return 0;
}

}  // namespace plimsoll::isolate
