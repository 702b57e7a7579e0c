// SPDX-License-Identifier: Apache-2.0
// A program for the inside of a container: makes one system call and prints what came of it, "ok" or the
// errno's number. Usage: probe NAME [ARGUMENT]
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

long call_clone3(const char*) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) ::_exit(0);
  return pid;
}

long call_clone(const char* flags) {
  const long pid = ::syscall(SYS_clone, std::strtoul(flags, nullptr, 0) | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return pid;
}

// Makes a node of a block device and opens it.
long open_block_device(const char* device) {
  unsigned major = 0, minor = 0;
  if (std::sscanf(device, "%u:%u", &major, &minor) != 2) return -1;
  if (::mknod("/tmp/disk", S_IFBLK | 0600, ::makedev(major, minor)) != 0) {
    std::puts("mknod failed");
    return -1;
  }
  return ::open("/tmp/disk", O_RDONLY);
}

// Touches every page of so many MiB.
long fill_memory(const char* mebibytes) {
  const size_t size = std::strtoul(mebibytes, nullptr, 0) << 20;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -1;
  std::memset(memory, 1, size);
  return 0;
}

// How many processes could be made beside this one.
long fork_until_refused(const char*) {
  int made = 0;
  while (made < 500) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    if (pid < 0) break;
    ++made;
  }
  std::printf("%d\n", made);
  return 0;
}

long disposition_of_pipe_signal(const char*) {
  struct sigaction action = {};
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  if (::sigaction(SIGPIPE, nullptr, &action) != 0) return -1;
  const mode_t mode = ::umask(0);
  std::printf("%s %s %03o\n", action.sa_handler == SIG_DFL ? "default" : "changed",
              ::sigismember(&mask, SIGTERM) ? "blocked" : "open", static_cast<unsigned>(mode));
  return 0;
}

volatile sig_atomic_t told_to_stop = 0;

// A file in memory that nobody can write to is what a process is before.
bool is_program_of_ours(int exe, const struct stat& ours) {
  struct stat st;
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  const int seals = ::fcntl(exe, F_GET_SEALS);
  if (seals >= 0 && (seals & kSeals) == kSeals) return true;
  return ::fstat(exe, &st) == 0 && st.st_size == ours.st_size;  // in another image it is a copy
}

// What can be had of a process that is not, or not yet, one of the image's busybox.
bool look_into(int pid, const struct stat& ours) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/exe", pid);
  const int exe = ::open(path, O_RDONLY | O_CLOEXEC);
  if (exe >= 0) {
    const bool harmless = is_program_of_ours(exe, ours);
    ::close(exe);
    return !harmless;
  }
  if (errno != EACCES && errno != EPERM) return false;
  std::snprintf(path, sizeof(path), "/proc/%d/mem", pid);
  const int mem = ::open(path, O_RDONLY | O_CLOEXEC);
  std::snprintf(path, sizeof(path), "/proc/%d/fd", pid);
  const int fds = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool listed = fds >= 0 && ::readlinkat(fds, "0", path, sizeof(path)) > 0;
  std::snprintf(path, sizeof(path), "/proc/%d/exe", pid);
  const int again = ::open(path, O_RDONLY | O_CLOEXEC);
  const bool still_closed = again < 0 && (errno == EACCES || errno == EPERM);
  for (int fd : {mem, fds, again}) {
    if (fd >= 0) ::close(fd);
  }
  return still_closed && (mem >= 0 || listed);
}

// Until SIGTERM: looks at each process that comes.
long spy(const char*) {
  struct sigaction stop = {};
  stop.sa_handler = [](int) { told_to_stop = 1; };
  struct stat ours = {};
  if (::sigaction(SIGTERM, &stop, nullptr) != 0 || ::stat("/bin/busybox", &ours) != 0) return -1;
  long seen = 0, found = 0;
  int last = 1;
  while (!told_to_stop) {
    for (int pid = last + 1; pid <= last + 200; ++pid) {
      if (::kill(pid, 0) != 0 && errno == ESRCH) continue;
      ++seen;
      bool open = false;
      for (int i = 0; i < 1000 && (::kill(pid, 0) == 0 || errno != ESRCH); ++i) open = look_into(pid, ours) || open;
      found += open ? 1 : 0;
      last = pid;
    }
  }
  std::printf("seen %ld, looked into %ld\n", seen, found);
  std::fflush(stdout);
  ::_exit(0);
}

struct Probe {
  const char* name;
  long (*run)(const char* argument);
};

constexpr std::array kProbes = {
    Probe{"mount", [](const char*) -> long { return ::mount("none", "/tmp", "tmpfs", 0, nullptr); }},
    Probe{"unshare", [](const char*) -> long { return ::unshare(CLONE_NEWNS); }},
    Probe{"setns", [](const char*) -> long { return ::setns(0, 0); }},
    Probe{"umount", [](const char*) -> long { return ::umount2("/proc", MNT_DETACH); }},
    Probe{"pivot_root", [](const char*) -> long { return ::syscall(SYS_pivot_root, ".", "."); }},
    Probe{"keyctl", [](const char*) -> long { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
    Probe{"bpf", [](const char*) -> long { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
    Probe{"io_uring_setup", [](const char*) -> long { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
    Probe{"open_by_handle_at", [](const char*) -> long { return ::syscall(SYS_open_by_handle_at, 0, nullptr, 0); }},
    Probe{"future", [](const char*) -> long { return ::syscall(999); }},
    Probe{"personality", [](const char* a) -> long { return ::syscall(SYS_personality, std::strtoul(a, nullptr, 0)); }},
    Probe{"socket", [](const char* a) -> long { return ::socket(std::atoi(a), SOCK_DGRAM, 0); }},
    Probe{"seqpacket", [](const char* a) -> long { return ::socket(std::atoi(a), SOCK_SEQPACKET, 0); }},
    Probe{"ptrace", [](const char*) -> long { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
    Probe{"sethostname", [](const char*) -> long { return ::sethostname("x", 1); }},
    Probe{"clone3", call_clone3},
    Probe{"clone", call_clone},
    Probe{"block_device", open_block_device},
    Probe{"memory", fill_memory},
    Probe{"forks", fork_until_refused},
    Probe{"spy", spy},
    Probe{"signals", disposition_of_pipe_signal},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Probe& probe : kProbes) {
    if (argc < 2 || std::strcmp(probe.name, argv[1]) != 0) continue;
    if (probe.run(argc > 2 ? argv[2] : "0") >= 0) {
      std::puts("ok");
    } else {
      std::printf("%d\n", errno);
    }
    return 0;
  }
  std::puts("usage: probe NAME [ARGUMENT]");
  return 2;
}
