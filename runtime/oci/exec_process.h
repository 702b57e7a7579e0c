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

// `root`: a descriptor of the container's root directory, for the names of users.
Result<spec::Process> exec_process(const Container& container, const Words& words, int root, spec::Warnings& warnings);

}  // namespace plimsoll::oci
