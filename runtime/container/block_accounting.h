// SPDX-License-Identifier: Apache-2.0
// Switches on the block I/O counters of cgroup v1.
//
// Since the throttle layer is set up lazily (Linux 6.10 and later), blkio.throttle.io_service_bytes
// stays "Total 0" for a device until any group's throttle file was written once for it. Writing
// "MAJOR:MINOR 0", the removal of a rule that does not exist, is enough: it limits nothing, and from
// then on the kernel counts for every group. The first time takes some 25 ms (the queue is frozen),
// later writes nothing measurable. Older kernels count anyway; v2's io.stat always does.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/container/record.h"
#include "runtime/limits/own_cgroup.h"

namespace plimsoll::container {

// "254:0" of the whole disk that holds a file whose st_dev is `device`, also when it is on a
// partition; "" when that is no block device (tmpfs, overlay, network).
std::string whole_disk(const std::string& sys, dev_t device);

// Does the above in the container's own group for the disks behind its rootfs and binds. What cannot
// be switched on stays uncounted, which the reader sees; so there is no error.
void enable_block_accounting(const limits::OwnCgroup& group, const std::string& sys, const Config& config);

}  // namespace plimsoll::container
