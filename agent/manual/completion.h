// SPDX-License-Identifier: Apache-2.0
// Scripts that make a shell complete a program's words: commands, options, the values of those that have a few, names of
// containers, files. They need nothing but the shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/manual/text.h"

namespace plimsoll::agent {

// For bash 4 or newer: to be sourced.
std::string bash_completion(const ProgramText& program);
// A function file _NAME for zsh's $fpath; it may be sourced as well.
std::string zsh_completion(const ProgramText& program);
std::string fish_completion(const ProgramText& program);

// By the shell's name; nullopt for one that is not among these three.
std::optional<std::string> completion_for(std::string_view shell, const ProgramText& program);

}  // namespace plimsoll::agent
