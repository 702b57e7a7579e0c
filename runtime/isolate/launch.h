// SPDX-License-Identifier: Apache-2.0
// Starts a program in its own pid, mount, uts, ipc, network and cgroup namespaces.
//
// The set-up is an ordered table of named steps (child.cpp); between clone and exec nothing
// allocates, logs or throws: the failing step and its errno come back over a pipe, so an error
// reads "mount /proc: Operation not permitted". Needs root and Linux 5.12.
// namespaces(7), capabilities(7), seccomp(2), cgroups(7)
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::isolate {

struct Bind {
  std::string source;  // absolute, on the host; a directory (with what is mounted below it) or a file
  std::string target;  // absolute, in the container; made when missing; not below /proc
  bool read_only = false;
};

struct LaunchSpec {
  std::string rootfs;  // absolute; becomes "/" by pivot_root
  // argv[0] without a slash is looked up in the container, in PATH of `env`, else in the usual one.
  std::vector<std::string> argv, env;
  std::string cwd = "/";  // absolute; made when missing
  std::string hostname;   // empty: the host's
  std::vector<Bind> binds;
  bool host_network = false;
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;  // -1: /dev/null of the container
  std::string proc = HostRoots{}.proc;                // where net_dev is opened
};

struct Launched {
  pid_t pid = 0;  // in the caller's pid namespace; the caller is the parent and must reap it
  UniqueFd pidfd;
  UniqueFd net_dev;  // /proc/PID/net/dev, open since before the program ran: keeps the network
                     // namespace and stays readable after the process is gone
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

// `configure_network(pid)` (may be empty) is called in the parent once the namespaces exist, while the
// child builds its mounts, and returns before the program runs; its failure ends the launch.
// Returns once exec has succeeded. On error every process and mount made here is gone again; the
// cgroup, whose devices are restricted here, is the caller's. Until exec the child dies with the
// calling thread; after it, it lives on. Directories and files that are missing in `rootfs` as mount points are
// made and stay. Threads may launch at the same time.
std::variant<Launched, LaunchError> launch(const LaunchSpec& spec, const limits::OwnCgroup& group,
                                           const std::function<Result<void>(pid_t)>& configure_network);

struct JoinSpec {
  std::vector<std::string> argv, env;
  std::string cwd = "/";  // absolute; must exist
  int stdin_fd = 0, stdout_fd = 1, stderr_fd = 2;
};

// Runs a further program inside the namespaces and the cgroup of `pid`, with the same capabilities
// and filter. Returns its pid once exec has succeeded: a child of the caller, to be reaped by it. Error when
// `pid` is not in `group`: the container has ended.
std::variant<pid_t, LaunchError> join(const JoinSpec& spec, pid_t pid, const limits::OwnCgroup& group);

}  // namespace plimsoll::isolate
