// SPDX-License-Identifier: Apache-2.0
// What a filter will say to a system call, found out without loading it. networking/filter.rst
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

namespace plimsoll::seccomp {

// SECCOMP_RET_* with its data. For programs made of what decisions.h writes; any other kills.
uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& call);

}  // namespace plimsoll::seccomp
