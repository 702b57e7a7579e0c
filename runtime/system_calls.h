// SPDX-License-Identifier: Apache-2.0
// System calls that glibc 2.36 has no function for, and close relatives. All of them are safe between
// clone and exec: they allocate nothing and touch nothing but errno.
// clone(2), openat2(2), pidfd_open(2), pidfd_send_signal(2), capget(2), keyctl(2), seccomp(2)
#pragma once

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

namespace plimsoll {

// 0 in the child, its pid in the parent, -1 with errno. Without CLONE_VM the child goes on with a
// copy of the caller's memory, as after fork(2), but none of the libraries' fork handlers has run.
inline pid_t clone3(clone_args& args) { return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args))); }

// `resolve` is a set of RESOLVE_* flags; O_CLOEXEC is added.
inline int openat2(int dirfd, const char* path, uint64_t flags, uint64_t resolve, uint64_t mode = 0) {
  open_how how{flags | 02000000 /* O_CLOEXEC */, mode, resolve};
  return static_cast<int>(::syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
}

inline int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

inline int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

// The three sets as two 32-bit halves each, the low one first (_LINUX_CAPABILITY_VERSION_3).
inline int capability_get(__user_cap_data_struct (&sets)[2]) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return static_cast<int>(::syscall(SYS_capget, &header, sets));
}

inline int capability_set(const __user_cap_data_struct (&sets)[2]) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return static_cast<int>(::syscall(SYS_capset, &header, sets));
}

// `flags`: SECCOMP_FILTER_FLAG_*; with NEW_LISTENER the result is a descriptor.
inline int install_filter(const sock_fprog& program, unsigned flags = 0) {
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

// A new, empty session keyring: keys of the launcher's session are out of reach.
inline int join_new_session_keyring() {
  return static_cast<int>(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr));
}

}  // namespace plimsoll
