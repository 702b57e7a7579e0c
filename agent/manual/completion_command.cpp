// SPDX-License-Identifier: Apache-2.0
// plimsoll completion SHELL
#include <unistd.h>

#include <cstdio>

#include "agent/cli/options.h"
#include "agent/command.h"
#include "agent/manual/completion.h"
#include "agent/program.h"
#include "base/os.h"

namespace plimsoll::agent {
namespace {

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "plimsoll: completion: %s\n", what.c_str());
  return exit_code;
}

}  // namespace

int completion_command(const GlobalOptions& globals, const std::vector<std::string>& arguments) {
  std::vector<std::string> shells;
  Options options("completion", "bash|zsh|fish", "Prints a script that makes a shell complete plimsoll's words.");
  options.words(shells, 0);
  if (auto code = options.parse(arguments, globals.describe)) return *code;
  if (shells.size() != 1) return complain("say for which shell: bash, zsh or fish", 2);
  const auto script = completion_for(shells[0], program_text());
  if (!script) return complain("'" + shells[0] + "' is no shell that is known here: bash, zsh or fish", 2);
  const auto written = write_all(STDOUT_FILENO, *script);
  return written ? 0 : complain(written.error().message(), 1);
}

}  // namespace plimsoll::agent
