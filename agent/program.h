// SPDX-License-Identifier: Apache-2.0
// plimsoll as a whole: what main() calls, and what manual pages and completions are made from.
#pragma once

#include <string>
#include <vector>

#include "agent/manual/text.h"

namespace plimsoll::agent {

// `words`: the command line without the program's name. The process's exit code.
int run_program(const std::vector<std::string>& words);

ProgramText program_text();

}  // namespace plimsoll::agent
