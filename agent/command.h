// SPDX-License-Identifier: Apache-2.0
// The commands of plimsoll: one file each, one line in the table of program.cpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/manual/text.h"
#include "runtime/container/record.h"

namespace plimsoll::agent {

// Options before the command: plimsoll [--root DIR] [--runroot DIR] COMMAND ...
struct GlobalOptions {
  container::StateRoots roots;
  std::string cgroup_root = "/sys/fs/cgroup";
  // Not null: nothing is to be done but to say here what the command takes (name and summary are the table's).
  CommandText* describe = nullptr;
};

struct Command {
  const char* name;
  const char* summary;  // one line for `plimsoll --help`
  // `arguments` without the command's own name. Returns the process's exit code: 0, the
  // container's, 1 for a refusal, 125 for a failed `run`, 2 for wrong usage.
  int (*run)(const GlobalOptions& globals, const std::vector<std::string>& arguments);
};

int agent_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int run_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int ps_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int logs_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int exec_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int stop_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int kill_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int rm_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int inspect_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int stats_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int wait_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int healthcheck_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int version_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);
int completion_command(const GlobalOptions& globals, const std::vector<std::string>& arguments);

}  // namespace plimsoll::agent
