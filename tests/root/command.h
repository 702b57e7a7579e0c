// SPDX-License-Identifier: Apache-2.0
// Programs that a root test needs to have run, such as ip.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/os.h"

namespace plimsoll::test {

// Becomes the program, which PATH may find: for a process that a test has forked.
[[noreturn]] inline void become(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

// Whether a child ended with exit code 0.
inline bool succeeded(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

// Runs a program to its end. Whether its exit code is 0.
inline bool run(const std::vector<std::string>& words) {
  const pid_t child = ::fork();
  if (child == 0) become(words);
  return succeeded(child);
}

// The same in the network namespace of a process; leaves the caller's alone.
inline bool run_in(pid_t pid, const std::vector<std::string>& words) {
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd space(::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(space.get(), CLONE_NEWNET) != 0) ::_exit(126);
    become(words);
  }
  return succeeded(child);
}

}  // namespace plimsoll::test
