// SPDX-License-Identifier: Apache-2.0
// The rules of one system call as instructions: which of its alternatives holds for the arguments.
// seccomp_rule_add(3), db.c of libseccomp
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/seccomp/decisions.h"
#include "runtime/spec/spec.h"

namespace plimsoll::seccomp {

// All conditions must hold; there are at most one for each argument, in their order. None: always.
struct Alternative {
  uint32_t action = 0;  // SECCOMP_RET_*
  std::vector<spec::SeccompArgument> conditions;
};

// Leaves out conditions that hold for every argument. Where arguments are of 32 bits (`wide` is false), only the lower
// halves of arguments and values count, as in libseccomp.
void simplify(Alternative& alternative, bool wide);

// The first alternative that has no condition stands for all of them. Otherwise the one that comes first in
// libseccomp's order: this matters only where alternatives with different actions overlap.
Label decide_alternatives(Program& program, std::vector<Alternative> alternatives, Label otherwise, bool wide);

}  // namespace plimsoll::seccomp
