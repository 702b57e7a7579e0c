// SPDX-License-Identifier: Apache-2.0
// procfs as the kernel gives it, not as a container's /proc may look: a mount of our own that is attached nowhere.
// What is written through it (labels, sysctls) cannot be caught by something that was mounted there.
// fsopen(2), openat2(2)
#pragma once

namespace plimsoll::isolate {

// Of the calling process's pid namespace. Where the kernel refuses a new one (a user namespace whose /proc is masked),
// the one at /proc, if it is one. -1 with errno. Safe between clone and exec.
int open_procfs();
// The same with the processes alone: whoever gets hold of the descriptor finds no settings of the kernel there, which
// the container's own /proc may have masked. For the time after an execve(2), when others may look at our descriptors.
int open_procfs_of_processes();
// "thread-self/attr/exec", "sys/net/ipv4/ip_forward": neither leaves it nor follows a magic link.
int open_in_procfs(int procfs_fd, const char* path, int flags);

}  // namespace plimsoll::isolate
