// SPDX-License-Identifier: Apache-2.0
// The default system call policy, as tables: what Docker's default profile comes to for the default
// capability set (launch.h). Everything not named fails with EPERM; clone3 fails with ENOSYS, so that C libraries
// fall back to clone, whose flags can be looked at; numbers newer than kNewestSystemCall fail
// with ENOSYS, so that programs take their fallback for an older kernel.
//
// Names that an architecture does not have are skipped there. seccomp(2), syscalls(2)
#pragma once

#include <array>
#include <cstdint>

namespace plimsoll::seccomp::profile {

inline constexpr const char* kFiles[] = {
    "_llseek",
    "close",
    "close_range",
    "copy_file_range",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "fadvise64",
    "fadvise64_64",
    "fallocate",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "flock",
    "fsync",
    "ftruncate",
    "ftruncate64",
    "ioctl",
    "lseek",
    "memfd_create",
    "memfd_secret",
    "name_to_handle_at",
    "open",
    "openat",
    "openat2",
    "pipe",
    "pipe2",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readv",
    "sendfile",
    "sendfile64",
    "splice",
    "sync",
    "sync_file_range",
    "syncfs",
    "tee",
    "truncate",
    "truncate64",
    "vmsplice",
    "write",
    "writev",
};

inline constexpr const char* kDirectoriesAndAttributes[] = {
    "access",    "cachestat",   "chdir",       "chmod",         "chown",      "chown32",
    "faccessat", "faccessat2",  "fchdir",      "fchmod",        "fchmodat",   "fchmodat2",
    "fchown",    "fchown32",    "fchownat",    "fgetxattr",     "flistxattr", "fremovexattr",
    "fsetxattr", "fstat",       "fstat64",     "fstatat64",     "fstatfs",    "fstatfs64",
    "futimesat", "getcwd",      "getdents",    "getdents64",    "getxattr",   "getxattrat",
    "lchown",    "lchown32",    "lgetxattr",   "link",          "linkat",     "listmount",
    "listxattr", "listxattrat", "llistxattr",  "lremovexattr",  "lsetxattr",  "lstat",
    "lstat64",   "mkdir",       "mkdirat",     "mknod",         "mknodat",    "newfstatat",
    "readlink",  "readlinkat",  "removexattr", "removexattrat", "rename",     "renameat",
    "renameat2", "rmdir",       "setxattr",    "setxattrat",    "stat",       "stat64",
    "statfs",    "statfs64",    "statmount",   "statx",         "symlink",    "symlinkat",
    "umask",     "unlink",      "unlinkat",    "utime",         "utimensat",  "utimensat_time64",
    "utimes",
};

inline constexpr const char* kMemory[] = {
    "brk",        "madvise",       "map_shadow_stack",
    "membarrier", "mincore",       "mlock",
    "mlock2",     "mlockall",      "mmap",
    "mmap2",      "mprotect",      "mremap",
    "mseal",      "msync",         "munlock",
    "munlockall", "munmap",        "pkey_alloc",
    "pkey_free",  "pkey_mprotect", "remap_file_pages",
};

inline constexpr const char* kProcesses[] = {
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "fork",
    "get_robust_list",
    "get_thread_area",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrlimit",
    "getrusage",
    "getsid",
    "gettid",
    "ioprio_get",
    "ioprio_set",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "pidfd_open",
    "prctl",
    "prlimit64",
    "process_mrelease",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "rseq",
    "seccomp",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setpgid",
    "setpriority",
    "setrlimit",
    "setsid",
    "ugetrlimit",
    "uretprobe",
    "vfork",
    "wait4",
    "waitid",
    "waitpid",
};

inline constexpr const char* kScheduling[] = {
    "getcpu",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_rr_get_interval_time64",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
};

inline constexpr const char* kSignals[] = {
    "alarm",
    "kill",
    "pause",
    "pidfd_send_signal",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "signalfd",
    "signalfd4",
    "sigprocmask",
    "sigreturn",
    "tgkill",
    "tkill",
};

// Setting the clock is left to the capability check: adjtimex reads without one.
inline constexpr const char* kTime[] = {
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_getres",
    "clock_getres_time64",
    "clock_gettime",
    "clock_gettime64",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "getitimer",
    "gettimeofday",
    "nanosleep",
    "setitimer",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_gettime64",
    "timer_settime",
    "timer_settime64",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_gettime64",
    "timerfd_settime",
    "timerfd_settime64",
    "times",
};

inline constexpr const char* kIdentity[] = {
    "capget",    "capset",      "getegid",     "getegid32",  "geteuid",     "geteuid32",  "getgid",
    "getgid32",  "getgroups",   "getgroups32", "getresgid",  "getresgid32", "getresuid",  "getresuid32",
    "getuid",    "getuid32",    "setfsgid",    "setfsgid32", "setfsuid",    "setfsuid32", "setgid",
    "setgid32",  "setgroups",   "setgroups32", "setregid",   "setregid32",  "setresgid",  "setresgid32",
    "setresuid", "setresuid32", "setreuid",    "setreuid32", "setuid",      "setuid32",
};

inline constexpr const char* kInterProcess[] = {
    "futex",
    "futex_requeue",
    "futex_time64",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "ipc",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedreceive_time64",
    "mq_timedsend",
    "mq_timedsend_time64",
    "mq_unlink",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "semtimedop_time64",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
};

inline constexpr const char* kSockets[] = {
    "accept",   "accept4", "bind",     "connect",    "getpeername",     "getsockname", "getsockopt",
    "listen",   "recv",    "recvfrom", "recvmmsg",   "recvmmsg_time64", "recvmsg",     "send",
    "sendmmsg", "sendmsg", "sendto",   "setsockopt", "shutdown",        "socketcall",  "socketpair",
};

inline constexpr const char* kEvents[] = {
    "_newselect",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "fanotify_mark",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
    "poll",
    "ppoll",
    "ppoll_time64",
    "pselect6",
    "pselect6_time64",
    "select",
};

inline constexpr const char* kSystem[] = {"chroot", "getrandom", "sysinfo", "uname"};

// Only of some architectures.
inline constexpr const char* kX86[] = {"arch_prctl", "modify_ldt"};
inline constexpr const char* kArm[] = {"arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush",
                                       "set_tls",          "sync_file_range2"};
inline constexpr const char* kPowerPc[] = {"swapcontext", "sync_file_range2"};
inline constexpr const char* kS390[] = {"s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"};
inline constexpr const char* kRiscv[] = {"riscv_flush_icache", "riscv_hwprobe"};

// Address families that socket(2) may be asked for, as ranges: left out are those nobody has needed
// for decades (DECnet, Econet, ATM SVC, IrDA, WAN pipe, ISDN, CAIF) and those that reach past the network
// namespace or into kernel code (ALG, VSOCK, and all that will be numbered after SMC and XDP).
struct Range {
  uint32_t first, last;
};
inline constexpr Range kSocketFamilies[] = {{0, 11},  {13, 18}, {21, 22}, {24, 24},
                                            {26, 33}, {35, 36}, {39, 39}, {41, 45}};

// personality(2): Linux, Linux 32 bit, each also with UNAME26, and the question for the present one.
inline constexpr uint32_t kPersonalities[] = {0, 0x8, 0x20000, 0x20008, 0xffffffff};

// clone(2): every CLONE_NEW* flag that clone can carry.
inline constexpr uint32_t kNamespaceFlags = 0x7e020000;

inline constexpr uint32_t kNewestSystemCall = 466;

}  // namespace plimsoll::seccomp::profile
