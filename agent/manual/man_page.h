// SPDX-License-Identifier: Apache-2.0
// Manual pages in the macros of man(7). groff_man(7)
#pragma once

#include <string>

#include "agent/manual/text.h"

namespace plimsoll::agent {

struct PageHead {
  std::string name;     // "plimsoll-run"
  int section = 1;
  std::string date;     // 2026-11-28
  std::string version;  // "plimsoll 0.1.0"
  std::string summary;  // what it is, in a few words
};

// Each ends with `rest`: sections that are written by hand, in the same macros.
// A program with its commands; `each`: with the options of each, for a program that has no further pages.
std::string program_page(const PageHead& head, const ProgramText& program, bool each, const std::string& rest);
std::string command_page(const PageHead& head, const ProgramText& program, const CommandText& command,
                         const std::string& rest);
// A file whose keys are the options of `command` without their dashes. `rest` stands before them.
std::string settings_page(const PageHead& head, const CommandText& command, const std::string& rest);

}  // namespace plimsoll::agent
