// SPDX-License-Identifier: Apache-2.0
// The last steps before the program: signals, standard streams, working directory, descriptors, execve(2).
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "runtime/isolate/child.h"
#include "runtime/isolate/inner_tree.h"
#include "runtime/isolate/procfs.h"
#include "runtime/system_calls.h"

namespace plimsoll::isolate {
namespace {

// Handlers are gone with CLONE_CLEAR_SIGHAND; what somebody above us ignores stays ignored. These are the ones that
// shells, nohup(1) and languages' libraries are known to ignore.
constexpr int kIgnored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGALRM, SIGTERM,  SIGUSR1, SIGUSR2,
                            SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ, SIGWINCH, SIGURG,  SIGIO};

// What is opened later cannot be one of the streams. With something harmless: the program may get it as one of its own.
int fill_low_descriptors() {
  for (int stream = 0; stream <= 2; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return errno;
  }
  return 0;
}

// In a running container /dev may have been changed: neither a link nor a pipe nor another device will do.
int open_null_device() {
  const int fd = ::open("/dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || (::fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(1, 3))) return fd;
  ::close(fd);
  errno = ENODEV;
  return -1;
}

bool means_absent(int error) { return error == ENOENT || error == ENOTDIR; }

void write_number(char (&text)[12], int number) {
  char digits[12];
  size_t count = 0;
  for (int rest = number; count == 0 || rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  for (size_t i = 0; i < count; ++i) text[i] = digits[count - 1 - i];
  text[count] = '\0';
}

// The stub itself makes what it was given close-on-exec.
int execute_stub(Child& child) {
  ProcessPlan& process = *child.process;
  write_number(process.stub_words[0], child.control_fd);
  std::strcpy(process.stub_words[1], "-");
  if (::fcntl(child.control_fd, F_SETFD, 0) != 0) return errno;
  if (child.procfs_fd >= 0) {
    write_number(process.stub_words[1], child.procfs_fd);
    if (::fcntl(child.procfs_fd, F_SETFD, 0) != 0) return errno;
  }
  ::syscall(SYS_execveat, process.exec_stub, "", process.stub_argv.data(), process.env.data(), AT_EMPTY_PATH);
  return errno;
}

// The caller's executable is protected in another way (exec_stub.h).
int execute_directly(Child& child) {
  int remembered = ENOENT;
  for (const std::string& candidate : child.process->candidates) {
    ::execve(candidate.c_str(), child.process->argv.data(), child.process->env.data());
    const int error = errno;
    if (means_absent(error)) continue;
    remembered = error;
    child.place = candidate.c_str();
    if (error != EACCES) return error;
  }
  return remembered;
}

// A program that opens /dev/stdout anew needs the stream to be its user's. Not that of /dev/null, which is everybody's;
// what cannot be given (another user namespace, a read-only file system) stays as it is. The group is who else may read
// a log or write to a terminal, and stays; a pipe has nobody else.
int give_stream(int fd, uid_t uid, gid_t gid) {
  struct stat st;
  if (::fstat(fd, &st) != 0) return errno;
  const gid_t group = S_ISFIFO(st.st_mode) ? gid : static_cast<gid_t>(-1);
  if (st.st_uid == uid && (st.st_gid == gid || !S_ISFIFO(st.st_mode))) return 0;
  if (S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(1, 3)) return 0;
  (void)!::fchown(fd, uid, group);
  return 0;
}

}  // namespace

// The parent has blocked all signals around clone, so that no handler of its ran in here. Its end of the
// socket is closed first: else its death would not show.
int reset_signals(Child& child) {
  if (child.parent_fd >= 0) ::close(child.parent_fd);
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  for (const int signal : kIgnored) ::sigaction(signal, &standard, nullptr);
  const uint64_t none = 0;
  if (::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof(none)) != 0) return errno;
  ::umask(022);
  // Hooks in the container are programs too.
  if (::syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) != 0) return errno;
  if (const int error = fill_low_descriptors()) return error;
  return die_with_parent(child);
}

int die_with_parent(Child& child) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
  return is_orphaned(child) ? ECANCELED : 0;
}

int new_session(Child&) { return result_of(::setsid()); }

int connect_stdio(Child& child) {
  int sources[3];
  for (int stream = 0; stream < 3; ++stream) {
    const int given = child.console_fd >= 0 ? child.console_fd : child.process->stdio[stream];
    sources[stream] = given == stream ? stream : given >= 0 ? ::fcntl(given, F_DUPFD_CLOEXEC, 3) : open_null_device();
    if (given < 0) child.place = "/dev/null";
    if (sources[stream] < 0) return errno;
  }
  for (int stream = 0; stream < 3; ++stream) {
    const bool there = sources[stream] == stream;
    if ((there ? ::fcntl(stream, F_SETFD, 0) : ::dup2(sources[stream], stream)) < 0) return errno;
    if (const int error = give_stream(stream, child.process->uid, child.process->gid)) return error;
  }
  return 0;
}

int make_working_directory(Child& child) {
  child.place = child.process->cwd.shown.c_str();
  const int fd = open_or_make(child.root_fd, child.process->cwd, {});
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

// The kernel's own answer is looked at: one that does not begin with "/" lies outside the root. A directory that only
// the program's user may enter is entered once we are that user.
int enter_working_directory(Child& child) {
  if (child.in_working_directory) return 0;
  child.place = child.process->cwd.shown.c_str();
  if (::chdir(child.place) != 0) return errno;
  char path[PATH_MAX];
  if (::syscall(SYS_getcwd, path, sizeof(path)) < 0) return errno;
  child.in_working_directory = true;
  return path[0] == '/' ? 0 : EXDEV;
}

int try_working_directory(Child& child) {
  const int error = enter_working_directory(child);
  return error == EACCES ? 0 : error;
}

// So that `create` says already what `start` would stumble over.
int find_program(Child& child) {
  if (child.process->argv[0] == nullptr) return 0;
  int remembered = ENOENT;
  child.place = child.process->argv[0];
  for (const std::string& candidate : child.process->candidates) {
    if (::faccessat(AT_FDCWD, candidate.c_str(), X_OK, AT_EACCESS) == 0) return 0;
    if (means_absent(errno)) continue;
    if (errno != EACCES || !child.in_working_directory) return 0;  // whatever it is, execve(2) knows better
    remembered = EACCES;
    child.place = candidate.c_str();
  }
  return remembered;
}

int open_label_files(Child& child) {
  if (child.process->label.empty()) return 0;
  child.procfs_fd = open_procfs_of_processes();
  return child.procfs_fd < 0 ? errno : 0;
}

// All but those that the program shall have, and what the last steps need. What lies between the program's is closed
// too: its number may have been free when the caller looked, and been given to something of ours since.
int close_descriptors(Child& child) {
  const std::vector<int>& preserved = child.process->preserved_fds;
  for (const int fd : preserved) {
    if (::fcntl(fd, F_SETFD, 0) != 0) return errno;
  }
  const int start_socket = child.plan == nullptr ? -1 : child.plan->start_socket;
  int ours[] = {child.control_fd, child.procfs_fd, child.process->exec_stub, start_socket};
  std::sort(std::begin(ours), std::end(ours));
  int next = 3;
  const int* mine = ours;
  auto theirs = preserved.begin();
  while (mine != std::end(ours) || theirs != preserved.end()) {
    const bool own = theirs == preserved.end() || (mine != std::end(ours) && *mine < *theirs);
    const int fd = own ? *mine++ : *theirs++;
    if (fd > next && ::syscall(SYS_close_range, next, fd - 1, 0) != 0) return errno;
    if (fd >= next) next = fd + 1;
  }
  return result_of(::syscall(SYS_close_range, next, ~0u, 0));
}

int execute(Child& child) {
  if (!child.detached && ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) != 0) return errno;
  if (!child.detached && is_orphaned(child)) return ECANCELED;
  if (child.process->argv[0] == nullptr) return ENOENT;
  child.place = child.process->argv[0];
  return child.process->exec_stub >= 0 ? execute_stub(child) : execute_directly(child);
}

}  // namespace plimsoll::isolate
