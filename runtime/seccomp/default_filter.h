// SPDX-License-Identifier: Apache-2.0
// The default system call filter, ready to install: made at build time out of seccomp_profile.h, since building it at
// each start would take longer than the rest of a container's start. seccomp(2)
#pragma once

#include <linux/filter.h>

#include <span>

namespace plimsoll::seccomp {

// Valid for the life of the program.
std::span<const sock_filter> default_filter();

}  // namespace plimsoll::seccomp
