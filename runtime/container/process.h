// SPDX-License-Identifier: Apache-2.0
// A process known by pid and start time: a pid alone may belong to somebody else by now.
// pidfd_open(2), pidfd_send_signal(2), proc_pid_stat(5)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::container {

// Field 22 (starttime, clock ticks since boot) of the text of /proc/PID/stat. The second field, the
// program's name in parentheses, may hold blanks and parentheses itself. Error when malformed.
Result<uint64_t> parse_start_ticks(std::string_view stat);
// Of a living (or zombie) process; error ESRCH or ENOENT when there is none.
Result<uint64_t> start_ticks(const std::string& proc, pid_t pid);

// A descriptor of the process that has this pid and this start time. Error ESRCH when it is gone or
// the pid is somebody else's.
Result<UniqueFd> open_process(const std::string& proc, pid_t pid, uint64_t start_ticks);
Result<void> send_signal(const UniqueFd& process, int signal);
// Whether it has ended, after waiting for that at most `timeout_ms` (-1 = for ever).
Result<bool> wait_end(const UniqueFd& process, int timeout_ms);

// 1-64 or a name with or without SIG: "9", "KILL", "sigkill". Error when it is neither.
Result<int> parse_signal(std::string_view text);
// What shells make of a status of waitpid(2): the exit code, or 128 + the signal.
int exit_code_of(int status);

}  // namespace plimsoll::container
