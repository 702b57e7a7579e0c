// SPDX-License-Identifier: Apache-2.0
// The container's terminal: made in its own devpts, its outer side sent to whoever listens on the console socket.
// Everything goes by descriptors, and what was opened is looked at: /dev may be the container's work. pty(7), unix(7)
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/isolate/new_mount.h"
#include "runtime/pass_descriptor.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

constexpr char kTerminalName[] = "/dev/ptmx";

// Device 5:2 in a devpts, not a link or another device that stands there.
bool is_multiplexer(int fd) {
  struct stat st;
  struct statfs fs;
  return ::fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(5, 2) && ::fstatfs(fd, &fs) == 0 &&
         fs.f_type == DEVPTS_SUPER_MAGIC;
}

int open_multiplexer() {
  const int fd = ::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  if (is_multiplexer(fd) && ::fcntl(fd, F_SETFL, O_RDWR) == 0) return fd;
  ::close(fd);
  errno = ENODEV;
  return -1;
}

int set_size(int fd, const spec::ConsoleSize& size) {
  if (size.height == 0 && size.width == 0) return 0;
  const winsize window{size.height, size.width, 0, 0};
  return result_of(::ioctl(fd, TIOCSWINSZ, &window));
}

// Before the program can write anything.
int keep_line_ends(int fd) {
  termios settings;
  if (::tcgetattr(fd, &settings) != 0) return errno;
  settings.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  return result_of(::tcsetattr(fd, TCSANOW, &settings));
}

// /dev/console, where programs that write to the console find it.
int show_as_console(const Child& child) {
  const int directory = open_strictly(child.root_fd, "dev");
  if (directory < 0) return errno;
  const int made = ::openat(directory, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
  if (made >= 0) ::close(made);
  ::close(directory);
  const int target = open_strictly(child.root_fd, "dev/console");
  if (target < 0) return errno;
  return attach_and_close(clone_tree(child.console_fd, "", AT_EMPTY_PATH), target);
}

}  // namespace

int open_console(Child& child) {
  if (!child.process->terminal) return 0;
  child.place = kTerminalName;
  const int outer = open_multiplexer();
  if (outer < 0) return errno;
  int locked = 0;
  if (::ioctl(outer, TIOCSPTLCK, &locked) != 0) return errno;
  child.console_fd = ::ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (child.console_fd < 0) return errno;
  if (const int error = set_size(outer, child.process->console_size)) return error;
  if (child.process->plain_line_ends) {
    if (const int error = keep_line_ends(outer)) return error;
  }
  if (child.plan != nullptr) {
    child.place = "/dev/console";
    if (const int error = show_as_console(child)) return error;
  }
  child.place = "console socket";
  if (pass_descriptor(child.process->console_socket, outer, kTerminalName) < 0) return errno;
  ::close(outer);
  child.place = "controlling terminal";
  return result_of(::ioctl(child.console_fd, TIOCSCTTY, 0));
}

}  // namespace plimsoll::isolate
