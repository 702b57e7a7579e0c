// SPDX-License-Identifier: Apache-2.0
// The command line of plimsoll-oci: runc's, so that whoever runs runc can run it. docs: runc(8)
#pragma once

#include <string>

namespace plimsoll::oci {

// The exit code. `words` are those after the program's name.
int run_command_line(char** words);

// What clients read of --version: a line "plimsoll-oci version X", a line "spec: Y".
std::string version_text();

// Runtime specification that is implemented.
inline constexpr char kSpecVersion[] = "1.3.0";

}  // namespace plimsoll::oci
