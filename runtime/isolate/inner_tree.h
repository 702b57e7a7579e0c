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

// "c" of "a/b/c".
const char* last_component(const std::string& level);

struct Making {
  bool as_file = false;      // the last level becomes an empty file, not a directory
  bool parent_only = false;  // all levels but the last; the path has one at least
  bool follow = true;        // false: a link that is the last level is opened itself
  bool strict = false;       // any symbolic link on the way is ELOOP
  mode_t directory_mode = 0755;
};
// Opens `path`, making the missing levels, also those that a link leads to. -1 with errno.
int open_or_make(int root_fd, const InnerPath& path, const Making& making);

}  // namespace plimsoll::isolate
