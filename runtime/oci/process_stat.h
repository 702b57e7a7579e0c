// SPDX-License-Identifier: Apache-2.0
// One line of /proc/PID/stat: whether a process lives, whether it is still the same one, and what `ps` shows of it.
// proc_pid_stat(5)
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::oci {

struct ProcessStat {
  std::string name;  // at most 15 bytes, anything but NUL
  char state = 0;
  pid_t parent = 0;
  int terminal = 0;          // device number; 0: none
  uint64_t ticks_used = 0;   // user and system time, in clock ticks
  uint64_t start_ticks = 0;  // since boot
};

// The name, in parentheses, may hold blanks and parentheses itself. nullopt when malformed.
std::optional<ProcessStat> parse_process_stat(std::string_view text);
// nullopt when there is no such process.
std::optional<ProcessStat> read_process_stat(const std::string& proc, pid_t pid);

// Whether `pid` is still the process that began at `start_ticks`, and no zombie.
bool process_lives(const std::string& proc, pid_t pid, uint64_t start_ticks);

}  // namespace plimsoll::oci
