// SPDX-License-Identifier: Apache-2.0
// Copies what is in a directory of the image into the tmpfs that is about to cover it ("tmpcopyup").
// Safe between clone and exec.
#pragma once

namespace plimsoll::isolate {

// Directories, files, links, devices and pipes with owner and mode; no links are followed and no file system borders
// are crossed. 0 or errno.
int copy_up(int from_fd, int to_fd);

}  // namespace plimsoll::isolate
