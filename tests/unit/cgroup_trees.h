// SPDX-License-Identifier: Apache-2.0
// Recorded cgroup trees for tests: the files' shapes are those of Linux 6.18 (v1 and the v2 tree of a
// hybrid machine) and 6.1 (v2); the numbers are made from a seed, so that each group's are its own.
// A directory of any file system has 2 + (number of its directories) links, as one of cgroupfs has.
#pragma once

#include <string>

#include "tests/unit/temp_tree.h"

namespace plimsoll::test {

inline std::string num(uint64_t value) { return std::to_string(value); }

// {cpu,memory,io}.pressure, totals in microseconds.
inline std::string pressure_text(uint64_t some_us, uint64_t full_us) {
  return "some avg10=0.00 avg60=0.12 avg300=99.99 total=" + num(some_us) +
         "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=" + num(full_us) + "\n";
}

inline void write_pressure(const TempTree& tree, const std::string& dir, uint64_t seed) {
  tree.write(dir + "/cpu.pressure", pressure_text(seed * 1'000'000, seed * 500'000));
  tree.write(dir + "/memory.pressure", pressure_text(seed * 2000, seed * 1000));
  tree.write(dir + "/io.pressure", pressure_text(seed * 300, 0));
}

inline void write_v1_memory(const TempTree& tree, const std::string& dir, uint64_t seed) {
  tree.write(dir + "/cgroup.procs", num(1000 + seed) + "\n" + num(2000 + seed) + "\n");
  tree.write(dir + "/memory.usage_in_bytes", num(seed * 4096 + 300) + "\n");
  tree.write(dir + "/memory.max_usage_in_bytes", num(seed * 8192) + "\n");
  tree.write(dir + "/memory.kmem.usage_in_bytes", num(seed * 512) + "\n");
  tree.write(dir + "/memory.failcnt", num(seed) + "\n");
  tree.write(dir + "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill " + num(seed % 2) + "\n");
  tree.write(dir + "/memory.numa_stat",
             "total=9 N0=4 N1=5\nfile=1 N0=1 N1=0\nanon=8 N0=3 N1=5\nunevictable=0 N0=0 N1=0\nhierarchical_total=" +
                 num(seed * 10) + " N0=" + num(seed * 10) + " N1=0\nhierarchical_file=" + num(seed) +
                 " N0=" + num(seed) + " N1=0\nhierarchical_anon=" + num(seed * 9) + " N0=" + num(seed * 9) +
                 " N1=0\nhierarchical_unevictable=0 N0=0 N1=0\n");
  tree.write(dir + "/memory.limit_in_bytes", "9223372036854771712\n");
  tree.write(dir + "/memory.memsw.limit_in_bytes", "9223372036854771712\n");
  tree.write(dir + "/memory.soft_limit_in_bytes", "9223372036854771712\n");
  tree.write(dir + "/memory.stat",
             "cache 1\nrss 2\nrss_huge 0\nshmem 0\nmapped_file 3\ndirty 0\nwriteback 0\nworkingset_refault_anon 0\n"
             "workingset_refault_file 0\nswap 0\nswapcached 0\npgpgin 1\npgpgout 1\npgfault 4\npgmajfault 5\n"
             "inactive_anon 0\nactive_anon 0\ninactive_file 0\nactive_file 0\nunevictable 0\n"
             "hierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n"
             "total_cache " +
                 num(seed * 100 + 1) + "\ntotal_rss " + num(seed * 100 + 2) +
                 "\ntotal_rss_huge 0\ntotal_shmem 0\ntotal_mapped_file " + num(seed * 100 + 3) + "\ntotal_dirty " +
                 num(seed * 100 + 4) + "\ntotal_writeback " + num(seed * 100 + 5) + "\ntotal_workingset_refault_anon " +
                 num(seed * 100 + 6) + "\ntotal_workingset_refault_file " + num(seed * 100 + 7) + "\ntotal_swap " +
                 num(seed * 100 + 8) + "\ntotal_swapcached 0\ntotal_pgpgin 9\ntotal_pgpgout 9\ntotal_pgfault " +
                 num(seed * 100 + 10) + "\ntotal_pgmajfault " + num(seed * 100 + 11) +
                 "\ntotal_inactive_anon 0\ntotal_active_anon 0\n" + "total_inactive_file " + num(seed * 100 + 12) +
                 "\ntotal_active_file " + num(seed * 100 + 13) + "\ntotal_unevictable 0\n");
}

// `path` is "" for the root group, else "/a/b". `root` is the directory that stands for /sys/fs/cgroup.
inline void write_v1_group(const TempTree& tree, const std::string& root, const std::string& path, uint64_t seed) {
  const std::string cpu = root + "/cpu" + path, cpuacct = root + "/cpuacct" + path, pids = root + "/pids" + path;
  write_v1_memory(tree, root + "/memory" + path, seed);
  for (const auto& dir : {cpu, cpuacct, pids, root + "/blkio" + path}) tree.write(dir + "/cgroup.procs", "");
  tree.write(cpu + "/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\nnr_bursts 0\nburst_time 0\n");
  tree.write(cpu + "/cpu.shares", "1024\n");
  tree.write(cpu + "/cpu.cfs_quota_us", "-1\n");
  tree.write(cpu + "/cpu.cfs_period_us", "100000\n");
  tree.write(cpuacct + "/cpuacct.usage", num(seed * 3'000'000'000) + "\n");
  tree.write(cpuacct + "/cpuacct.usage_percpu",
             num(seed * 1'000'000'000) + " " + num(seed * 2'000'000'000) + " 0 0 \n");
  tree.write(cpuacct + "/cpuacct.stat", "user " + num(seed * 200) + "\nsystem " + num(seed * 90) + "\n");
  tree.write(root + "/blkio" + path + "/blkio.throttle.io_service_bytes_recursive", "Total 0\n");
  tree.write(root + "/blkio" + path + "/blkio.throttle.io_serviced_recursive", "Total 0\n");
  if (path.empty()) return;
  tree.write(pids + "/pids.current", num(seed + 1) + "\n");
  tree.write(pids + "/pids.max", "max\n");
}

// v1 hierarchies that only some kinds of metrics need.
inline void write_v1_extras(const TempTree& tree, const std::string& root, const std::string& path, uint64_t seed) {
  const std::string cpuset = root + "/cpuset" + path, hugetlb = root + "/hugetlb" + path;
  for (const auto& dir : {cpuset, hugetlb}) tree.write(dir + "/cgroup.procs", "");
  tree.write(cpuset + "/cpuset.memory_migrate", num(seed % 2) + "\n");
  for (const char* size : {"/hugetlb.2MB", "/hugetlb.1GB"}) {
    tree.write(hugetlb + size + ".usage_in_bytes", "1\n");
    tree.write(hugetlb + size + ".rsvd.usage_in_bytes", num(seed * 2097152) + "\n");
    tree.write(hugetlb + size + ".rsvd.max_usage_in_bytes", num(seed * 4194304) + "\n");
    tree.write(hugetlb + size + ".rsvd.failcnt", num(seed) + "\n");
  }
}

// The v2 tree of a hybrid machine, which has times and pressure only.
inline void write_hybrid_group(const TempTree& tree, const std::string& root, const std::string& path, uint64_t seed) {
  const std::string dir = root + "/unified" + path;
  tree.write(dir + "/cgroup.controllers", "");
  tree.write(dir + "/cgroup.procs", "");
  tree.write(dir + "/cpu.stat", "usage_usec " + num(seed * 2'999'999) + "\nuser_usec " + num(seed * 1'999'998) +
                                    "\nsystem_usec " + num(seed * 1'000'001) + "\nnice_usec 0\n");
  write_pressure(tree, dir, seed);
}

inline std::string v2_memory_stat(uint64_t seed) {
  return "anon " + num(seed * 100 + 1) + "\nfile " + num(seed * 100 + 2) + "\nkernel " + num(seed * 100 + 3) +
         "\nkernel_stack 16384\npagetables 4096\nsec_pagetables 0\npercpu 0\nsock 0\nvmalloc 0\nshmem 0\nzswap 0\n"
         "zswapped 0\nfile_mapped " +
         num(seed * 100 + 4) + "\nfile_dirty " + num(seed * 100 + 5) + "\nfile_writeback " + num(seed * 100 + 6) +
         "\nswapcached 0\nanon_thp 0\nfile_thp 0\nshmem_thp 0\ninactive_anon 0\nactive_anon 0\ninactive_file " +
         num(seed * 100 + 7) + "\nactive_file " + num(seed * 100 + 8) +
         "\nunevictable 0\nslab_reclaimable 0\nslab_unreclaimable 0\nslab 0\nworkingset_refault_anon " +
         num(seed * 100 + 9) + "\nworkingset_refault_file " + num(seed * 100 + 10) +
         "\nworkingset_activate_anon 0\nworkingset_activate_file 0\nworkingset_restore_anon 0\n"
         "workingset_restore_file 0\nworkingset_nodereclaim 0\npgscan " +
         num(seed * 100 + 11) + "\npgsteal " + num(seed * 100 + 12) +
         "\npgscan_kswapd 0\npgscan_direct 0\npgsteal_kswapd 0\npgsteal_direct 0\npgfault " + num(seed * 100 + 13) +
         "\npgmajfault " + num(seed * 100 + 14) +
         "\npgrefill 0\npgactivate 0\npgdeactivate 0\npglazyfree 0\npglazyfreed 0\nzswpin 0\nzswpout 0\n"
         "thp_fault_alloc 0\nthp_collapse_alloc 0\n";
}

inline void write_v2_group(const TempTree& tree, const std::string& root, const std::string& path, uint64_t seed) {
  const std::string dir = root + path;
  tree.write(dir + "/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
  tree.write(dir + "/cgroup.procs", num(1000 + seed) + "\n");
  tree.write(dir + "/cpu.stat", "usage_usec " + num(seed * 3'000'000) + "\nuser_usec " + num(seed * 2'000'000) +
                                    "\nsystem_usec " + num(seed * 1'000'000) +
                                    "\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n");
  tree.write(dir + "/memory.stat", v2_memory_stat(seed));
  tree.write(dir + "/io.stat", "");
  tree.write(dir + "/memory.numa_stat", "anon N0=" + num(seed * 4096) + " N1=8192\nfile N0=0 N1=" + num(seed * 8192) +
                                            "\nkernel_stack N0=16384 N1=0\nunevictable N0=0 N1=0\n");
  write_pressure(tree, dir, seed);
  tree.write(dir + "/irq.pressure", "full avg10=0.00 avg60=0.00 avg300=0.00 total=" + num(seed * 7) + "\n");
  if (path.empty()) return;
  tree.write(dir + "/memory.current", num(seed * 4096) + "\n");
  tree.write(dir + "/memory.peak", num(seed * 8192) + "\n");
  tree.write(dir + "/memory.swap.current", num(seed * 16) + "\n");
  tree.write(dir + "/memory.max", "max\n");
  tree.write(dir + "/memory.swap.max", "max\n");
  tree.write(dir + "/memory.min", "0\n");
  tree.write(dir + "/memory.events", "low 0\nhigh " + num(seed) + "\nmax " + num(seed * 2) + "\noom " + num(seed) +
                                         "\noom_kill " + num(seed % 2) + "\noom_group_kill 0\n");
  tree.write(dir + "/hugetlb.2MB.current", num(seed * 2097152) + "\n");
  tree.write(dir + "/hugetlb.2MB.events", "max " + num(seed) + "\n");
  tree.write(dir + "/cpu.weight", "100\n");
  tree.write(dir + "/cpu.max", "max 100000\n");
  tree.write(dir + "/pids.current", num(seed + 1) + "\n");
  tree.write(dir + "/pids.max", "max\n");
}

}  // namespace plimsoll::test
