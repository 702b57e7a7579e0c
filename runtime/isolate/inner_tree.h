// SPDX-License-Identifier: Apache-2.0
// Opening and making paths inside the container's root by descriptor: whatever symbolic links the image
// contains, and whoever changes them meanwhile, no step leaves the root. Safe between clone and exec.
// openat2(2): RESOLVE_IN_ROOT treats the given directory as "/" for absolute links and "..".
#pragma once

#include <sys/types.h>

#include "runtime/isolate/inner_path.h"

namespace plimsoll::isolate {

// An O_PATH descriptor, -1 with errno. Links are followed inside the root.
int open_inside(int root_fd, const char* path);
// The same; any symbolic link on the way is ELOOP.
int open_strictly(int root_fd, const char* path);

// Opens `path`, making the missing levels as directories and, with `as_file`, the last one as an empty
// file. -1 with errno.
int open_or_make(int root_fd, const InnerPath& path, bool as_file, mode_t directory_mode);
// The same for the first `count` levels of it; 0: the root itself.
int open_or_make(int root_fd, const InnerPath& path, size_t count, bool as_file, mode_t directory_mode);

}  // namespace plimsoll::isolate
