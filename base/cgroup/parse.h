// SPDX-License-Identifier: Apache-2.0
// One pure function per kind of cgroup file: text in, fields out. What is missing, malformed or of
// another kernel stays absent; nothing allocates except the vectors that are given.
// Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller,pids}.rst, cgroup-v2.rst,
// Documentation/accounting/psi.rst
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "base/cgroup/stats.h"

namespace plimsoll::cgroup {

// A file of one number (memory.current, pids.current, cpuacct.usage); absent for anything else.
Count parse_count(std::string_view text);
// A limit: "max", "-1" and v1's page-rounded maximum become kUnlimited.
Count parse_limit(std::string_view text);
// cpu.weight (1..10000) on the scale of v1's cpu.shares (2..262144).
Count parse_weight_as_shares(std::string_view text);

// cpu.stat of both versions, in nanoseconds: v1 "throttled_time 0", v2 "throttled_usec 0".
struct CpuStat {
  Count usage_ns, user_ns, system_ns;
  Count periods, throttled_periods, throttled_ns, burst_periods, burst_ns;
};
CpuStat parse_cpu_stat(std::string_view text);

// cpuacct.stat: "user 12\nsystem 3\n" in clock ticks of which `ticks_per_second` make a second.
struct CpuTimes {
  Count user_ns, system_ns;
};
CpuTimes parse_cpuacct_stat(std::string_view text, long ticks_per_second);

// cpuacct.usage_percpu: "43725771114 69039011901 \n", nanoseconds, one per possible CPU. A malformed
// line gives false and an empty vector.
bool parse_percpu(std::string_view text, std::vector<uint64_t>& usage_ns);

// cpu.max: "max 100000\n" or "50000 100000\n", microseconds.
struct CpuMax {
  Count quota_us, period_us;
};
CpuMax parse_cpu_max(std::string_view text);

// memory.stat: the group with its descendants (v1 "total_*", v2 as it stands).
struct MemoryStat {
  Count cache, rss, mapped_file, swap, kernel, active_file, inactive_file, dirty, writeback;
  Count page_faults, major_page_faults;
  Count pages_scanned, pages_stolen, refaults_file, refaults_anon;
};
MemoryStat parse_memory_stat_v1(std::string_view text);
MemoryStat parse_memory_stat_v2(std::string_view text);

// memory.events and memory.oom_control: "high 0\nmax 3\noom_kill 1\n".
struct MemoryEvents {
  Count high, max, oom_kill;
};
MemoryEvents parse_memory_events(std::string_view text);

// blkio.throttle.io_service_bytes_recursive and io_serviced_recursive: "254:0 Read 4096\n" ... and a
// last line "Total 4096". Adds to `devices` what is not there yet. Of operations only reads and writes are kept.
enum class BlkioUnit { kBytes, kOperations };
void parse_blkio(std::string_view text, BlkioUnit unit, std::vector<IoDevice>& devices);

// io.stat: "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n", with blk-iocost also
// "cost.usage=17 cost.wait=0 cost.indebt=0 cost.indelay=0" (microseconds). Some kernels print devices
// without any figure, and without a line end: those are not listed.
void parse_io_stat(std::string_view text, std::vector<IoDevice>& devices);

// {cpu,memory,io,irq}.pressure: "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull avg10=...",
// totals in microseconds. The averages are left to whoever reads the totals.
Pressure parse_pressure(std::string_view text);

// memory.numa_stat. v1: "file=125 N0=125\n ... hierarchical_file=7944 N0=7944\n", in pages; v2:
// "anon N0=4096 N1=0\nfile N0=...", in bytes of which `page_bytes` make a page. Adds to `numa`; the kinds
// beyond NumaKind are left out.
void parse_numa_v1(std::string_view text, std::vector<NumaPages>& numa);
void parse_numa_v2(std::string_view text, uint64_t page_bytes, std::vector<NumaPages>& numa);

// cgroup.procs: one pid a line; 0 stands for a process outside of our pid namespace.
struct Procs {
  uint64_t count = 0;
  pid_t first = 0;  // the first that we can address, 0 when there is none
};
// `pids`, when given, becomes the list of those that we can address.
Procs parse_procs(std::string_view text, std::vector<pid_t>* pids = nullptr);

}  // namespace plimsoll::cgroup
