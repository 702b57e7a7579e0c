// SPDX-License-Identifier: Apache-2.0
// The limits that `update` takes on the command line.
#pragma once

#include "runtime/oci/options.h"
#include "runtime/spec/spec.h"

namespace plimsoll::oci {

enum UpdateKey {
  kBlkioWeight = 256,
  kCpuPeriod,
  kCpuQuota,
  kCpuBurst,
  kCpuShare,
  kCpuRtPeriod,
  kCpuRtRuntime,
  kCpuIdle,
  kCpusetCpus,
  kCpusetMems,
  kKernelMemory,
  kKernelMemoryTcp,
  kMemory,
  kMemoryReservation,
  kMemorySwap,
  kPidsLimit,
  kL3CacheSchema,
  kMemBwSchema,
};

inline constexpr Option kUpdateOptions[] = {
    {'r', "resources", "FILE", "All limits from a JSON file, - for standard input"},
    {kBlkioWeight, "blkio-weight", "N", "Share of block I/O, 10 to 1000"},
    {kCpuPeriod, "cpu-period", "US", "Period of --cpu-quota"},
    {kCpuQuota, "cpu-quota", "US", "CPU time in each period"},
    {kCpuBurst, "cpu-burst", "US", "CPU time that may be saved up"},
    {kCpuShare, "cpu-share", "N", "Share of the CPUs, 2 to 262144"},
    {kCpuRtPeriod, "cpu-rt-period", "US", "Period of --cpu-rt-runtime"},
    {kCpuRtRuntime, "cpu-rt-runtime", "US", "Realtime CPU time in each period"},
    {kCpuIdle, "cpu-idle", "0|1", "Only what nobody else wants"},
    {kCpusetCpus, "cpuset-cpus", "LIST", "Which CPUs: 0-3,7"},
    {kCpusetMems, "cpuset-mems", "LIST", "Which memory nodes"},
    {kKernelMemory, "kernel-memory", "SIZE", ""},
    {kKernelMemoryTcp, "kernel-memory-tcp", "SIZE", ""},
    {kMemory, "memory", "SIZE", "Memory, -1 for no limit"},
    {kMemoryReservation, "memory-reservation", "SIZE", "Memory that is left when it gets scarce"},
    {kMemorySwap, "memory-swap", "SIZE", "Memory and swap together, -1 for no limit"},
    {kPidsLimit, "pids-limit", "N", "Processes and threads, -1 for no limit"},
    {kL3CacheSchema, "l3-cache-schema", "TEXT", ""},
    {kMemBwSchema, "mem-bw-schema", "TEXT", ""},
};

// What is not among the words is absent. Sizes take units ("512m"), -1 means no limit.
Result<spec::Resources> resources_of(const Words& words);

}  // namespace plimsoll::oci
