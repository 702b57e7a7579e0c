// SPDX-License-Identifier: Apache-2.0
// Makes a container out of its specification: namespaces, mounts, privileges, and the program in them.
//
// The set-up is an ordered table of named steps (child.cpp); between clone and exec nothing
// allocates, logs or throws: the failing step and its errno come back over a socket, so an error
// reads "mount /proc: Operation not permitted". Needs Linux 5.12.
// runtime-spec: runtime.md "Lifecycle"; namespaces(7), capabilities(7), seccomp(2), cgroups(7)
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/isolate/hook.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/spec/spec.h"

namespace plimsoll::isolate {

// A seccomp program to load; an empty one loads nothing.
struct LoadedFilter {
  std::span<const sock_filter> program;
  unsigned flags = 0;     // SECCOMP_FILTER_FLAG_*
  bool listener = false;  // hand the notification descriptor to the parent
};

// What the parent does while the container's first process waits. All may be empty.
struct LaunchHooks {
  // The namespaces are there, mounts are being made: network, systemd's scope. Called once.
  std::function<Result<void>(pid_t)> configure;
  // The mounts are there, the root is not entered yet: prestart and createRuntime hooks.
  std::function<Result<void>(pid_t)> before_pivot;
  // What hooks in the container read on their standard input; asked for only when there are such.
  std::function<std::string(pid_t, std::string_view status)> state_json;
  // The descriptor that answers the filter's notifications.
  std::function<Result<void>(pid_t, UniqueFd)> listener;
};

struct LaunchSpec {
  const spec::Spec* spec = nullptr;          // with a process; outlives the call
  std::string rootfs;                        // absolute, without symbolic links; becomes "/"
  const limits::OwnCgroup* group = nullptr;  // nullptr: stays in the caller's groups
  std::vector<limits::CgroupPlace> places;   // without `group`: what is shown at /sys/fs/cgroup
  bool enter_group = true;                   // false: somebody else (systemd) moves the process, in `configure`
  LoadedFilter filter;
  int exec_stub = -1;              // make_exec_stub(); -1: the caller's own executable is safe in another way
  int stdio[3] = {0, 1, 2};        // -1: /dev/null of the container. Unused with process.terminal
  int console_socket = -1;         // with process.terminal: a connected unix socket that gets the terminal
  bool plain_line_ends = false;    // the terminal does not make "\r\n" of "\n": who relays it does
  int start_socket = -1;           // listening unix socket: the program waits for start(). -1: runs at once
  bool with_program = true;        // false: process.args is empty, and start() will fail
  std::vector<int> preserved_fds;  // stay open in the program, beside 0 to 2; ascending, from 3 on
  bool pivot = true;               // false: MS_MOVE and chroot instead of pivot_root (initramfs)
  bool new_keyring = true;
  bool keep_groups = false;             // the caller's supplementary groups, in the place of process.user's
  bool keep_network_counters = false;   // open net_dev
  std::string proc = HostRoots{}.proc;  // where net_dev is opened, uid_map and others are written
  LaunchHooks hooks;
};

struct Launched {
  pid_t pid = 0;  // in the caller's pid namespace; the caller is the parent and must reap it
  UniqueFd pidfd;
  UniqueFd net_dev;                   // /proc/PID/net/dev, open since before the program ran: keeps the network
                                      // namespace and stays readable after the process is gone
  std::vector<std::string> warnings;  // "RLIMIT_NOFILE: ..."; for the log
};

// Exit codes of a program that could not be started, as shells and docker use them.
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitEngineFailed = 125;

// What went wrong before the program ran, and the exit code that `run` should end with.
struct LaunchError {
  Error error;
  int exit_code = kExitEngineFailed;
};

// Whether this kernel has the system calls that launch() needs, so that it can be told before anything is made.
Result<void> check_kernel();

// Returns once exec has succeeded or, with start_socket, once everything is ready for start(): then the caller may end.
// On error every process and mount made here is gone again; the cgroup is the caller's. Until then the child dies with
// the calling thread; afterwards it lives on. Directories and files that are missing in `rootfs` as mount points are
// made and stay. Threads may launch at the same time.
std::variant<Launched, LaunchError> launch(const LaunchSpec& spec);

// Takes back the mounts of a container without a mount namespace, whose processes have ended: all that launch() has put
// onto and below `rootfs`.
void unmount_root(const std::string& rootfs);

// Lets a container go on that waits: `connection` is connected to its start_socket, `pidfd` is its process, `listener`
// gets the descriptor that answers the filter's notifications (may be empty). Returns once exec has succeeded.
std::variant<std::monostate, LaunchError> start(int connection, int pidfd,
                                                const std::function<Result<void>(UniqueFd)>& listener);

struct JoinSpec {
  const spec::Process* process = nullptr;  // outlives the call
  pid_t pid = 0;                           // of the container, whose namespaces are entered
  int pidfd = -1;                          // of the same; the caller has made sure that it is the container
  uint64_t namespaces = 0;                 // CLONE_NEW*: those that are not the caller's
  const limits::OwnCgroup* group = nullptr;
  LoadedFilter filter;
  int exec_stub = -1;
  uint64_t personality = UINT64_MAX;  // UINT64_MAX: as it is
  int stdio[3] = {0, 1, 2};           // -1: /dev/null of the container. Unused with process.terminal
  int console_socket = -1;
  bool plain_line_ends = false;
  std::vector<int> preserved_fds;
  bool new_keyring = true;
  bool keep_groups = false;
  std::string proc = HostRoots{}.proc;
  std::function<Result<void>(pid_t, UniqueFd)> listener;
  // Puts the program into the group where the kernel does not let us (EACCES): between two v2 groups that were not
  // delegated to the same user. May be empty.
  std::function<Result<void>(pid_t)> place;
};

// Runs a further program inside the namespaces and the cgroup of a container. Returns its pid once exec has succeeded:
// a child of the caller, to be reaped by it.
std::variant<Launched, LaunchError> join(const JoinSpec& spec);

}  // namespace plimsoll::isolate
