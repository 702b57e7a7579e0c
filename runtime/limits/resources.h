// SPDX-License-Identifier: Apache-2.0
// What a container may use: the members of linux.resources written to the group's files, at its creation and
// by `update`. Only what is present is written; the rest stays as it is. Devices are in device_filter.h.
//
// A controller is looked up by itself, so that on a hybrid machine some are v1's and some v2's. Read by
// config-linux.md ("Control groups") and as runc 1.5 does it: memory.kernel and useHierarchy are ignored, on v2
// also kernelTCP, swappiness, disableOOMKiller, realtime*, leaf weights and network; 0 of memory, CPU and
// block I/O weights means "not given", -1 "no limit". Other than runc: `unified` works on hybrid machines,
// kernelTCP is written where v1 has it, and a kernel that does not account swap is no error. Documentation/admin-guide/cgroup-v1/{memory,blkio-controller,
// cpusets,hugetlb,net_cls,net_prio,pids,rdma}.rst, scheduler/sched-bwc.rst, cgroup-v2.rst
#pragma once

#include <cstdint>

#include "base/result.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/spec/spec.h"

namespace plimsoll::limits {

// Errors name file and value: `write "1" to cpu.cfs_quota_us: Invalid argument`. What is wrong in itself is
// found before anything is written.
Result<void> apply(const OwnCgroup& group, const spec::Resources& resources);

// v1 cpu.shares (2..262144, usual 1024) as v2 cpu.weight (1..10000, usual 100): 10 to the power of
// (l^2 + 125 l) / 612 - 7 / 34 with l = log2(shares), rounded up. The formula of runc from 1.3.1, crun from 1.23.
uint64_t weight_of_shares(uint64_t shares);
// v1 blkio.weight (10..1000) as v2 io.weight (1..10000), in a straight line, as runc and crun do.
uint64_t io_weight_of(uint16_t blkio_weight);

}  // namespace plimsoll::limits
