// SPDX-License-Identifier: Apache-2.0
// Starts a program in its own pid, mount, uts, ipc, network and cgroup namespaces.
//
// The set-up is an ordered table of named steps (launch.cpp); between clone and exec nothing
// allocates, logs or throws: the failing step and its errno come back over a pipe, so an error
// reads "mount /proc: Operation not permitted".
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/os.h"
#include "base/result.h"
#include "runtime/isolate/cgroup.h"

namespace plimsoll::isolate {

struct Bind {
  std::string source, target;
  bool read_only = false;
};

struct LaunchSpec {
  std::string rootfs;  // becomes "/" by pivot_root
  std::vector<std::string> argv, env;
  std::string cwd = "/";
  std::string hostname;
  std::vector<Bind> binds;
  bool host_network = false;
  int stdin_fd = -1, stdout_fd = -1, stderr_fd = -1;  // -1: /dev/null of the container
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

// `configure_network(pid)` is called in the parent when the namespaces exist and before anything
// else happens in the child; its failure ends the launch. Returns once exec has succeeded.
// On error every process and mount made here is gone again; the cgroup is the caller's.
std::variant<Launched, LaunchError> launch(const LaunchSpec& spec, const OwnCgroup& group,
                                           const std::function<Result<void>(pid_t)>& configure_network);

// Runs a further program inside the namespaces and the cgroup of `pid`, with the same capabilities
// and filter. Returns its pid (a child of the caller) once exec has succeeded.
struct JoinSpec {
  std::vector<std::string> argv, env;
  std::string cwd = "/";
  int stdin_fd = 0, stdout_fd = 1, stderr_fd = 2;
};
std::variant<pid_t, LaunchError> join(const JoinSpec& spec, pid_t pid, const OwnCgroup& group);

}  // namespace plimsoll::isolate
