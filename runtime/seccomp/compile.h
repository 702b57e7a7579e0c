// SPDX-License-Identifier: Apache-2.0
// A container's seccomp configuration as a program for the kernel. config-linux.md "Seccomp", seccomp(2)
//
// libseccomp knows the names and numbers of system calls; the program is made by decisions.h, since libseccomp's own
// takes 77 ms for Docker's profile and three architectures, and a balanced tree of ranges a fraction of a millisecond.
#pragma once

#include <linux/filter.h>

#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/spec/spec.h"

namespace plimsoll::seccomp {

struct Filter {
  std::vector<sock_filter> program;
  unsigned flags = 0;           // SECCOMP_FILTER_FLAG_*
  bool wants_listener = false;  // a rule notifies: the filter is loaded with SECCOMP_FILTER_FLAG_NEW_LISTENER
};

// Errors name the member: an architecture, flag or action that is not known; a listener that is wanted without a path.
Result<Filter> compile(const spec::Seccomp& config);

// Error for a system call that no architecture has, which compile() leaves out.
Result<void> check_names(const spec::Seccomp& config);

// For `features`.
std::vector<std::string_view> known_actions();
std::vector<std::string_view> known_operators();
std::vector<std::string_view> known_architectures();
std::vector<std::string_view> known_flags();

}  // namespace plimsoll::seccomp
