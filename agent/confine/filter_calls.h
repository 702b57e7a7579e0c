// SPDX-License-Identifier: Apache-2.0
// System calls that the filter allows whatever their arguments are; names that an architecture does not have are
// skipped there. The *time64 names are those of 32-bit architectures.
#pragma once

namespace plimsoll::agent::calls {

inline constexpr const char* kFiles[] = {
    "_llseek",   "access",     "close", "close_range", "dup",         "dup2",   "dup3",       "faccessat", "faccessat2",
    "fadvise64", "fallocate",  "fcntl", "fcntl64",     "fdatasync",   "flock",  "fstat",      "fstat64",   "fstatat64",
    "fstatfs",   "fstatfs64",  "fsync", "ftruncate",   "ftruncate64", "getcwd", "getdents64", "lseek",     "lstat",
    "lstat64",   "newfstatat", "open",  "openat",      "openat2",     "pipe",   "pipe2",      "pread64",   "preadv",
    "pwrite64",  "pwritev",    "read",  "readlink",    "readlinkat",  "readv",  "stat",       "stat64",    "statfs",
    "statfs64",  "statx",      "write", "writev",
};

// For the state of the agent itself: its spool, a queue of samples, sockets with a path.
inline constexpr const char* kChangesOfFiles[] = {
    "chmod",    "fchmod",    "fchmodat", "fchmodat2", "mkdir",  "mkdirat",  "rename",
    "renameat", "renameat2", "rmdir",    "umask",     "unlink", "unlinkat",
};

// mmap and mprotect are looked at.
inline constexpr const char* kMemory[] = {
    "brk", "madvise", "membarrier", "memfd_create", "mlock", "mremap", "msync", "munlock", "munmap",
};

// clone and clone3 are looked at.
inline constexpr const char* kThreads[] = {
    "exit",
    "exit_group",
    "futex",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "get_robust_list",
    "getcpu",
    "rseq",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_yield",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
};

// No kill: tgkill alone, and of ourselves.
inline constexpr const char* kSignals[] = {
    "restart_syscall", "rt_sigaction",           "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "rt_sigtimedwait_time64", "sigaltstack",   "sigreturn",
};

// adjtimex also tells; to set the clock takes a capability that is gone.
inline constexpr const char* kTime[] = {
    "adjtimex",        "clock_adjtime",       "clock_adjtime64",
    "clock_getres",    "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep",     "clock_nanosleep_time64",
    "gettimeofday",    "nanosleep",           "time",
    "timerfd_create",  "timerfd_gettime",     "timerfd_gettime64",
    "timerfd_settime", "timerfd_settime64",   "times",
};

inline constexpr const char* kAboutItself[] = {
    "capget",      "getegid",    "getegid32",   "geteuid",    "geteuid32", "getgid",      "getgid32",  "getgroups",
    "getgroups32", "getpgid",    "getpgrp",     "getpid",     "getppid",   "getpriority", "getrandom", "getresgid",
    "getresgid32", "getresuid",  "getresuid32", "getrlimit",  "getrusage", "getsid",      "gettid",    "getuid",
    "getuid32",    "pidfd_open", "sysinfo",     "ugetrlimit", "uname",
};

// socket and socketpair are looked at.
inline constexpr const char* kSockets[] = {
    "accept",   "accept4", "bind",     "connect",    "getpeername",     "getsockname", "getsockopt",
    "listen",   "recv",    "recvfrom", "recvmmsg",   "recvmmsg_time64", "recvmsg",     "send",
    "sendmmsg", "sendmsg", "sendto",   "setsockopt", "shutdown",
};

inline constexpr const char* kEvents[] = {
    "_newselect",   "epoll_create",  "epoll_create1",    "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait",    "eventfd",          "eventfd2",  "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "poll",      "ppoll",
    "ppoll_time64", "pselect6",      "pselect6_time64",  "select",    "signalfd4",
};

}  // namespace plimsoll::agent::calls
