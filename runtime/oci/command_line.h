// SPDX-License-Identifier: Apache-2.0
// The command line of plimsoll-oci: runc's, so that whoever runs runc can run it. docs: runc(8)
#pragma once

#include <span>
#include <string>

namespace plimsoll::oci {

struct Command;
struct Option;

// The exit code. `words` are those after the program's name.
int run_command_line(char** words);

// What clients read of --version: a line "plimsoll-oci version X", a line "spec: Y".
std::string version_text();

// What --help is made from, for the manual.
std::span<const Option> global_options();
std::span<const Command* const> commands();

// Runtime specification that is implemented.
inline constexpr char kSpecVersion[] = "1.3.0";

}  // namespace plimsoll::oci
