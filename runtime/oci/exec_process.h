// SPDX-License-Identifier: Apache-2.0
// The process that `exec` starts: read from --process, or the container's own with what the command line changes.
#pragma once

#include <string>

#include "base/os.h"
#include "runtime/oci/container.h"
#include "runtime/oci/options.h"
#include "runtime/spec/read.h"

namespace plimsoll::oci {

enum ExecKey {
  kExecConsoleSocket = 256,
  kExecCwd,
  kExecPidFile,
  kExecPidfdSocket,
  kExecLabel,
  kExecApparmor,
  kExecNoNewPrivileges,
  kExecPreserveFds,
  kExecIgnorePaused,
  kExecCgroup,
};

// `root`: a descriptor of the container's root directory, for the names of users and the home directory.
Result<spec::Process> exec_process(const Container& container, const Words& words, int root, spec::Warnings& warnings);

// Of a variable that is given several times only the last one counts.
void drop_repeated(std::vector<std::string>& env);
// HOME from the passwd file of the container, where the environment has none or an empty one; "/" for a user that is
// not in it.
void add_home(spec::Process& process, std::string_view passwd);
// Both; a passwd file that cannot be read is taken for an empty one. `root` as above.
void complete_environment(spec::Process& process, int root);

}  // namespace plimsoll::oci
