// SPDX-License-Identifier: Apache-2.0
// File systems on block devices: their names, sizes, and which of them the machine has mounted.
// statvfs(3), proc_pid_mountinfo(5), Documentation/ABI/testing/sysfs-dev
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "collectors/container/disk_usage.h"

namespace plimsoll::collectors::container {

// "/dev/vda1" as process 1's mount table calls it, else after sysfs, else "254:1".
std::string device_name(const HostRoots& roots, dev_t device);

// What the whole file system of `fd` has and what is used of it; inodes are absent where it makes them as it needs
// them. False: it does not tell.
bool read_capacity(int fd, LayerUsage& usage);

// Each mounted file system of a block device once, without read-only images. Never touches a path that leads through a
// file system that might not answer (network, FUSE). In the order of the mount table; empty when there is none.
std::vector<LayerUsage> machine_file_systems(const HostRoots& roots);

}  // namespace plimsoll::collectors::container
