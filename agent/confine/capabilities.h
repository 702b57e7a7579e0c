// SPDX-License-Identifier: Apache-2.0
// What the process may do beyond its user's rights, and how it gives that up for good.
// capabilities(7), PR_SET_SECUREBITS(2const), PR_SET_NO_NEW_PRIVS(2const)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace plimsoll::agent {

// One bit for each capability, by its number.
using CapabilityMask = uint64_t;

constexpr CapabilityMask bit_of(int capability) { return CapabilityMask{1} << capability; }

// "CAP_SYS_PTRACE"; "capability 50" for one that this program has no name for.
std::string capability_name(int capability);
// Of the name in any case of letters, with or without "CAP_"; nullopt for one that is unknown.
std::optional<int> capability_named(std::string_view name);
bool kernel_has_capability(int capability);

// What the calling thread may use.
Result<CapabilityMask> permitted_capabilities();

// Makes all of them effective. A program whose file permits capabilities (setcap ...=p) starts with none in effect; it is not
// one that the kernel refuses to execute where not all of them can be had.
Result<void> use_permitted_capabilities();

// Leaves the calling thread, and the threads that it will make, with those of `kept` that it has: permitted and
// effective. Inheritable, ambient and bounding set are empty afterwards, root is a user like any other, and no
// program that is executed can gain anything. Without CAP_SETPCAP the bounding set stays as it is; there is no way
// back by it all the same. To be called before there is a second thread: each has sets of its own.
Result<void> keep_capabilities(CapabilityMask kept);

}  // namespace plimsoll::agent
