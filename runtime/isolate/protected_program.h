// SPDX-License-Identifier: Apache-2.0
// Executing our own static program so that a container can never write to it. A process that enters a container
// can be reached there as /proc/PID/exe, and root in the container may then try to open the host's executable for
// writing once it no longer runs. A program that was started from a read-only mount stays read-only by that
// way; other than a sealed copy in memory, all processes go on sharing its pages. Who may not mount gets such a copy.
// open_tree(2), mount_setattr(2), memfd_create(2), fcntl(2) "File Sealing", execveat(2)
#pragma once

#include <string>

#include "base/os.h"
#include "base/result.h"

namespace plimsoll::isolate {

// The file at `path` in a read-only mount of its own that is nowhere attached; for
// execveat(fd, "", argv, envp, AT_EMPTY_PATH). Close-on-exec; the mount lives as long as the descriptor or a process
// that was started from it. Needs CAP_SYS_ADMIN and Linux 5.12.
Result<UniqueFd> open_protected(const std::string& path);

// The same as a copy in memory that nobody can change any more. Needs no capability.
Result<UniqueFd> copy_protected(const std::string& path);

// Starts the calling program again, with its arguments and environment, from such a mount, or else from such a copy;
// does nothing when it was started from one already, or from a file system that is read-only. Call it first thing, with
// one thread: on success it returns only then. `proc` is where procfs is mounted.
Result<void> protect_self(const std::string& proc);

}  // namespace plimsoll::isolate
