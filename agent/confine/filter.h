// SPDX-License-Identifier: Apache-2.0
// The agent's own system call filter: a list of what the agent and its libraries (civetweb, OpenSSL, libcurl,
// libsystemd, spdlog, RE2, the C library's threads and resolver) call once everything has been opened.
// Whatever is not on it fails with EPERM and costs whoever asked an error, not the process. Above all: no
// program is started, no process made, no other one touched, no file system mounted, no namespace entered, no
// memory is both writable and executable, and sockets are local, IP or three kinds of netlink.
//
// The calls are in filter_calls.h. seccomp(2), seccomp_rule_add(3)
#pragma once

#include <string_view>

#include "base/result.h"

namespace plimsoll::agent {

// What is allowed only to those who use it.
struct FilterNeeds {
  bool file_handles = false;          // open_by_handle_at: who reads events of fanotify
  bool performance_counters = false;  // perf_event_open
  bool generic_netlink = false;       // taskstats
};

// Installs the filter for all threads of the process. It stays until the process ends; libraries may be loaded
// afterwards. The calling thread has no_new_privs from then on. Error: the kernel has no filters
// (CONFIG_SECCOMP_FILTER), or one that is in force forbids it.
Result<void> install_filter(const FilterNeeds& needs);

// Why this build of the program installs none; empty when it does. A leak check, which sanitizers make as the
// process ends, traces it by a process of its own.
std::string_view why_no_filter();

}  // namespace plimsoll::agent
