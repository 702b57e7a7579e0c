// SPDX-License-Identifier: Apache-2.0
// The system call filter, in child processes: what is forbidden ends in EPERM and not in death, and what the agent
// does goes on. Each forbidden call is also made without the filter, as root: it has another answer then.
#include "agent/confine/filter.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/quota.h>
#include <linux/sched.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

namespace plimsoll::agent {
namespace {

constexpr int kNoFilterHere = 254, kNotExpected = 253;

// Exit code of a child that does `work`; -1 when a signal ended it.
int exit_code_of(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

using Call = long (*)();

// errno of `call` behind the filter; 0 when it succeeded.
int answer_behind(Call call, const FilterNeeds& needs = {}) {
  return exit_code_of([&] {
    if (!install_filter(needs)) return kNoFilterHere;
    errno = 0;
    return call() < 0 ? errno : 0;
  });
}

int answer_without(Call call) {
  return exit_code_of([&] { return call() < 0 ? errno : 0; });
}

struct Forbidden {
  const char* name;
  Call call;
};

char* const kNoWords[] = {nullptr};

// None of them does harm where it is allowed: arguments are wrong, or what is asked for is already so.
constexpr Forbidden kForbidden[] = {
    {"execve", [] { return ::syscall(SYS_execve, "/nowhere", kNoWords, kNoWords); }},
    {"execveat", [] { return ::syscall(SYS_execveat, AT_FDCWD, "/nowhere", kNoWords, kNoWords, 0); }},
    {"clone_process", [] { return ::syscall(SYS_clone, CLONE_SIGHAND, nullptr, nullptr, nullptr, nullptr); }},
    {"clone_namespace",
     [] { return ::syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS, nullptr, nullptr, nullptr, nullptr); }},
    {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_PEEKDATA, 0, nullptr, nullptr); }},
    {"process_vm_readv", [] { return ::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
    {"process_vm_writev", [] { return ::syscall(SYS_process_vm_writev, ::getpid(), nullptr, 0, nullptr, 0, 0); }},
    {"pidfd_getfd", [] { return ::syscall(SYS_pidfd_getfd, -1, 0, 0); }},
    {"kill", [] { return ::syscall(SYS_kill, ::getpid(), 0); }},
    {"tgkill_other", [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }},
    {"pidfd_send_signal", [] { return ::syscall(SYS_pidfd_send_signal, -1, 0, nullptr, 0); }},
    {"setpriority_other", [] { return ::syscall(SYS_setpriority, PRIO_PROCESS, ::getppid(), 0); }},
    {"prlimit_set",
     [] {
       const rlimit limit = {1, 0};
       return ::syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, nullptr);
     }},
    {"prlimit_other", [] { return ::syscall(SYS_prlimit64, ::getppid(), RLIMIT_CORE, nullptr, nullptr); }},
    {"mount", [] { return ::syscall(SYS_mount, "none", "/nowhere", "nothing", 0, nullptr); }},
    {"umount", [] { return ::syscall(SYS_umount2, "/nowhere", 0); }},
    {"pivot_root", [] { return ::syscall(SYS_pivot_root, "/nowhere", "/nowhere"); }},
    {"chroot", [] { return ::syscall(SYS_chroot, "/nowhere"); }},
    {"open_tree", [] { return ::syscall(SYS_open_tree, AT_FDCWD, "/nowhere", 1); }},
    {"move_mount", [] { return ::syscall(SYS_move_mount, -1, "x", -1, "x", 0); }},
    {"fsopen", [] { return ::syscall(SYS_fsopen, "nothing", 0); }},
    {"setns", [] { return ::syscall(SYS_setns, -1, 0); }},
    {"unshare", [] { return ::syscall(SYS_unshare, 0); }},
    {"bpf", [] { return ::syscall(SYS_bpf, -1, nullptr, 0); }},
    {"io_uring_setup", [] { return ::syscall(SYS_io_uring_setup, 0, nullptr); }},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, -1); }},
    {"init_module", [] { return ::syscall(SYS_init_module, nullptr, 0, ""); }},
    {"finit_module", [] { return ::syscall(SYS_finit_module, -1, "", 0); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, -1, 0, 0, 0, 0); }},
    {"add_key", [] { return ::syscall(SYS_add_key, "nothing", "x", nullptr, 0, 0); }},
    {"swapon", [] { return ::syscall(SYS_swapon, "/nowhere", 0); }},
    {"settimeofday", [] { return ::syscall(SYS_settimeofday, nullptr, nullptr); }},
    {"mknod", [] { return ::syscall(SYS_mknodat, AT_FDCWD, "/nowhere/x", S_IFCHR, 0); }},
    {"chown", [] { return ::syscall(SYS_fchownat, AT_FDCWD, "/nowhere", 0, 0, 0); }},
    {"symlink", [] { return ::syscall(SYS_symlinkat, "x", AT_FDCWD, "/nowhere/x"); }},
    {"setxattr", [] { return ::syscall(SYS_setxattr, "/nowhere", "user.x", "", 0, 0); }},
    {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
    {"setgroups", [] { return ::syscall(SYS_setgroups, 65537, nullptr); }},
    {"capset", [] { return ::syscall(SYS_capset, nullptr, nullptr); }},
    {"personality", [] { return ::syscall(SYS_personality, 0xffffffff); }},
    {"seccomp", [] { return ::syscall(SYS_seccomp, -1, 0, nullptr); }},
    {"prctl_dumpable", [] { return ::syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"prctl_seccomp", [] { return ::syscall(SYS_prctl, PR_SET_SECCOMP, -1, 0, 0, 0); }},
    {"socket_packet", [] { return ::syscall(SYS_socket, AF_PACKET, 99, 0); }},
    {"socket_alg", [] { return ::syscall(SYS_socket, AF_ALG, 99, 0); }},
    {"socket_raw", [] { return ::syscall(SYS_socket, AF_INET, SOCK_RAW, 999); }},
    {"socket_audit", [] { return ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT); }},
    {"socket_generic", [] { return ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC); }},
    {"writable_code",
     [] { return ::syscall(SYS_mmap, nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
    {"data_made_code",
     [] {
       void* const page = ::mmap(nullptr, 4096, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
       return ::syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
     }},
    {"open_by_handle_at", [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); }},
    {"perf_event_open", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); }},
    {"quota_of_users", [] { return ::syscall(SYS_quotactl, QCMD(Q_GETQUOTA, USRQUOTA), "/nowhere", 0, nullptr); }},
    {"ioctl_typing", [] { return ::syscall(SYS_ioctl, -1, TIOCSTI, nullptr); }},
    {"sched_setaffinity", [] { return ::syscall(SYS_sched_setaffinity, 0, 0, nullptr); }},
    {"fanotify_init", [] { return ::syscall(SYS_fanotify_init, -1, 0); }},
};

class ForbiddenCall : public testing::TestWithParam<Forbidden> {};

TEST_P(ForbiddenCall, EndsInEperm) {
  const int answer = answer_behind(GetParam().call);
  if (answer == kNoFilterHere) GTEST_SKIP() << "no filter can be installed here";
  EXPECT_EQ(answer, EPERM);
}

TEST_P(ForbiddenCall, IsNotForbiddenByAnybodyElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: others are refused by the kernel as well";
  EXPECT_NE(answer_without(GetParam().call), EPERM);
}

INSTANTIATE_TEST_SUITE_P(Filter, ForbiddenCall, testing::ValuesIn(kForbidden),
                         [](const auto& made) { return std::string(made.param.name); });

TEST(Filter, CallsThatDependOnNeeds) {
  const Call handles = [] { return ::syscall(SYS_open_by_handle_at, -1, nullptr, 0); };
  const Call counters = [] { return ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0); };
  const Call generic = [] { return ::syscall(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC); };
  if (answer_behind(generic) == kNoFilterHere) GTEST_SKIP() << "no filter can be installed here";
  EXPECT_EQ(answer_behind(generic, {.generic_netlink = true}), 0);
  EXPECT_EQ(answer_behind(counters, {.performance_counters = true}), EFAULT);
  if (::geteuid() == 0) {
    EXPECT_NE(answer_behind(handles, {.file_handles = true}), EPERM);
  }
}

// Numbers of another architecture are not a way around it, and numbers from the future are not refused but unknown.
TEST(Filter, OtherNumbers) {
  const Call unknown = [] { return ::syscall(511); };
  const Call clone3 = [] { return ::syscall(SYS_clone3, nullptr, 0); };
  if (answer_behind(unknown) == kNoFilterHere) GTEST_SKIP() << "no filter can be installed here";
  EXPECT_EQ(answer_behind(unknown), ENOSYS);
  EXPECT_EQ(answer_behind(clone3), ENOSYS);
#ifdef __x86_64__
  const Call x32_getpid = [] { return ::syscall(0x40000000 | SYS_getpid); };
  EXPECT_EQ(answer_behind(x32_getpid), EPERM);
#endif
}

// What the agent does, step by step; the number of the first step that fails.
int first_failure(std::initializer_list<std::function<bool()>> steps) {
  int number = 0;
  for (const auto& step : steps) {
    ++number;
    if (!step()) return number;
  }
  return 0;
}

int work_of_the_agent() {
  return first_failure({
      [] {
        std::atomic<int> made = 0;
        std::thread thread([&] { made = 1; });
        thread.join();
        return made == 1;
      },
      [] { return ::pthread_setname_np(::pthread_self(), "named") == 0; },
      [] { return ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0)) == 0; },
      [] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0; },
      [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; },
      [] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG) >= 0; },
      [] { return ::epoll_create1(0) >= 0 && ::eventfd(0, 0) >= 0 && ::inotify_init1(0) >= 0; },
      [] { return ::timerfd_create(CLOCK_MONOTONIC, 0) >= 0; },
      [] { return ::syscall(SYS_pidfd_open, ::getpid(), 0) >= 0 || errno == ENOSYS; },
      [] {
        rlimit limit;
        return ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
      },
      [] { return ::dlopen("libresolv.so.2", RTLD_NOW) != nullptr; },
      [] {
        addrinfo* found = nullptr;
        const bool known = ::getaddrinfo("localhost", "80", nullptr, &found) == 0;
        if (known) ::freeaddrinfo(found);
        return known;
      },
      [] { return ::raise(0) == 0; },
  });
}

TEST(Filter, TheAgentsOwnWorkGoesOn) {
  const int failed = exit_code_of([] { return install_filter({}) ? work_of_the_agent() : kNoFilterHere; });
  if (failed == kNoFilterHere) GTEST_SKIP() << "no filter can be installed here";
  EXPECT_EQ(failed, 0) << "the number of the step";
}

// Threads that were there before have it too.
TEST(Filter, HoldsForAllThreads) {
  const int code = exit_code_of([] {
    std::atomic<bool> end = false;
    std::thread earlier([&] {
      while (!end) std::this_thread::yield();
    });
    const bool installed = install_filter({}).has_value();
    int filtered = 0, threads = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream status(task.path() / "status");
      ++threads;
      for (std::string line; std::getline(status, line);) filtered += line == "Seccomp:\t2";
    }
    end = true;
    earlier.join();
    if (!installed) return kNoFilterHere;
    return threads >= 2 && filtered == threads ? 0 : kNotExpected;
  });
  if (code == kNoFilterHere) GTEST_SKIP() << "no filter can be installed here";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace plimsoll::agent
