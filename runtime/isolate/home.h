// SPDX-License-Identifier: Apache-2.0
// The home directory of a program's user, as the container's own /etc/passwd has it: for HOME, when the configuration
// does not say. passwd(5)
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace plimsoll::isolate {

inline constexpr size_t kLongestHome = 4096;  // with the end of the text

// Neither allocates nor fails: `home` becomes "" when the file has no line of that user, or no directory in it, or one
// that is too long. At most a MiB is read.
void find_home(int passwd, uid_t uid, char (&home)[kLongestHome]);

}  // namespace plimsoll::isolate
