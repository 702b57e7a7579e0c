// SPDX-License-Identifier: Apache-2.0
// What every command of the executable is: a syntax and a function. One file each, one line in command_line.cpp.
#pragma once

#include <optional>
#include <string>

#include "base/os.h"
#include "base/result.h"
#include "runtime/oci/container.h"
#include "runtime/oci/log.h"
#include "runtime/oci/options.h"
#include "runtime/oci/record.h"

namespace plimsoll::oci {

struct Context {
  std::string root;         // where the containers' directories are
  bool root_given = false;  // by --root
  CgroupManager manager = CgroupManager::kCgroupfs;
  bool rootless = false;
  Log log;
  HostRoots host;
};

struct Command {
  Syntax syntax;
  // The exit code.
  Result<int> (*run)(Context& context, const Words& words);
  int failure = 1;  // the exit code of an error
};

extern const Command checkpoint_command, create_command, delete_command, events_command, exec_command, features_command,
    kill_command, list_command, pause_command, ps_command, restore_command, resume_command, run_command, spec_command,
    start_command, state_command, update_command;

}  // namespace plimsoll::oci
