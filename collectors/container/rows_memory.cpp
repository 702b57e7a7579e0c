// SPDX-License-Identifier: Apache-2.0
// Memory, huge pages and NUMA.
#include <array>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::Counters;
using cgroup::Gauges;
using cgroup::HugePages;
using cgroup::NumaKind;
using cgroup::NumaPages;

// Both scopes carry the figures of the group with its descendants, as in all other memory families.
void memory_failures(PageContext& page, const Subject& subject) {
  for (const bool hierarchy : {false, true}) {
    for (const bool major : {false, true}) {
      const Count& value = major ? subject.counters->major_page_faults : subject.counters->page_faults;
      if (value) page.writer.sample(subject.labels, page.extra.page_faults(page.writer, major, hierarchy), *value);
    }
  }
}

template <Count HugePages::*kMember>
void huge_pages(PageContext& page, const Subject& subject) {
  if (!subject.live()) return;
  for (const HugePages& pages : subject.gauges->huge_pages) {
    const Count& value = pages.*kMember;
    if (value) page.writer.sample(subject.labels, page.extra.pair(page.writer, "pagesize", pages.size), *value);
  }
}

std::string_view to_string(NumaKind kind) {
  switch (kind) {
    case NumaKind::kAnon:
      return "anon";
    case NumaKind::kFile:
      return "file";
    case NumaKind::kUnevictable:
      return "unevictable";
  }
  return "";
}

void numa_pages(PageContext& page, const Subject& subject) {
  for (const NumaPages& pages : subject.gauges->numa) {
    const LabelRef labels = page.extra.numa(page.writer, to_string(pages.kind), pages.hierarchy, pages.node);
    page.writer.sample(subject.labels, labels, pages.pages);
  }
}

constexpr auto kRows = std::to_array<Row>({
    {{"container_hugetlb_failcnt", "Times that no huge page was to be had within the limit.", kCounter},
     Kind::kHugetlb,
     "pagesize",
     "hugetlb.SIZE[.rsvd].failcnt",
     "hugetlb.SIZE.events max",
     &huge_pages<&HugePages::failures>},
    {{"container_hugetlb_max_usage_bytes", "Highest use of huge pages so far, in bytes.", kGauge},
     Kind::kHugetlb,
     "pagesize",
     "hugetlb.SIZE[.rsvd].max_usage_in_bytes",
     "",
     &huge_pages<&HugePages::max_usage_bytes>},
    {{"container_hugetlb_usage_bytes", "Huge pages in use or reserved, in bytes.", kGauge},
     Kind::kHugetlb,
     "pagesize",
     "hugetlb.SIZE[.rsvd].usage_in_bytes",
     "hugetlb.SIZE[.rsvd].current",
     &huge_pages<&HugePages::usage_bytes>},
    {{"container_memory_cache", "Page cache, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_cache",
     "memory.stat file",
     &gauge<&Gauges::memory_cache_bytes>},
    {{"container_memory_events_high_total", "Times the group was slowed down for being above memory.high.", kCounter},
     Kind::kMemory,
     "",
     "",
     "memory.events high",
     &count<&Counters::memory_high_events>},
    {{"container_memory_events_max_total", "Times the group's use was about to exceed memory.max.", kCounter},
     Kind::kMemory,
     "",
     "",
     "memory.events max",
     &count<&Counters::memory_max_events>},
    {{"container_memory_failcnt", "Times the memory limit was hit.", kCounter},
     Kind::kMemory,
     "",
     "memory.failcnt",
     "",
     &count<&Counters::memory_failures>},
    {{"container_memory_failures_total", "Page faults.", kCounter},
     Kind::kMemory,
     "failure_type,scope",
     "memory.stat total_pgfault, total_pgmajfault",
     "memory.stat pgfault, pgmajfault",
     &memory_failures},
    {{"container_memory_file_dirty_bytes", "Page cache that waits to be written back, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_dirty",
     "memory.stat file_dirty",
     &gauge<&Gauges::memory_dirty_bytes>},
    {{"container_memory_file_writeback_bytes", "Page cache that is being written back, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_writeback",
     "memory.stat file_writeback",
     &gauge<&Gauges::memory_writeback_bytes>},
    {{"container_memory_kernel_usage", "Kernel memory, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.kmem.usage_in_bytes",
     "memory.stat kernel",
     &gauge<&Gauges::memory_kernel_bytes>},
    {{"container_memory_mapped_file", "Page cache mapped by processes, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_mapped_file",
     "memory.stat file_mapped",
     &gauge<&Gauges::memory_mapped_file_bytes>},
    {{"container_memory_max_usage_bytes", "Highest memory use so far, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.max_usage_in_bytes",
     "memory.peak",
     &gauge<&Gauges::memory_peak_bytes>},
    {{"container_memory_migrate", "Whether pages follow when the allowed NUMA nodes change.", kGauge},
     Kind::kCpuset,
     "",
     "cpuset.memory_migrate",
     "",
     &gauge<&Gauges::memory_migrate>},
    {{"container_memory_numa_pages", "Memory on each NUMA node, in pages.", kGauge},
     Kind::kMemoryNuma,
     "node,scope,type",
     "memory.numa_stat",
     "memory.numa_stat anon, file, unevictable",
     &numa_pages},
    {{"container_memory_pgscan_total", "Pages looked at by reclaim.", kCounter},
     Kind::kMemory,
     "",
     "",
     "memory.stat pgscan",
     &count<&Counters::pages_scanned>},
    {{"container_memory_pgsteal_total", "Pages taken back by reclaim.", kCounter},
     Kind::kMemory,
     "",
     "",
     "memory.stat pgsteal",
     &count<&Counters::pages_stolen>},
    {{"container_memory_rss", "Anonymous memory, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_rss",
     "memory.stat anon",
     &gauge<&Gauges::memory_rss_bytes>},
    {{"container_memory_swap", "Swap space in use, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_swap",
     "memory.swap.current",
     &gauge<&Gauges::memory_swap_bytes>},
    {{"container_memory_total_active_file_bytes", "Page cache on the active list, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_active_file",
     "memory.stat active_file",
     &gauge<&Gauges::memory_active_file_bytes>},
    {{"container_memory_total_inactive_file_bytes", "Page cache on the inactive list, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.stat total_inactive_file",
     "memory.stat inactive_file",
     &gauge<&Gauges::memory_inactive_file_bytes>},
    {{"container_memory_usage_bytes", "Memory in use, page cache included, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.usage_in_bytes",
     "memory.current; root: memory.stat anon + file",
     &gauge<&Gauges::memory_usage_bytes>},
    {{"container_memory_working_set_bytes", "Memory in use without inactive page cache, in bytes.", kGauge},
     Kind::kMemory,
     "",
     "memory.usage_in_bytes - memory.stat total_inactive_file",
     "memory.current - memory.stat inactive_file",
     &gauge<&Gauges::memory_working_set_bytes>},
    {{"container_memory_workingset_refault_anon_total", "Anonymous pages that came back soon after they were evicted.",
      kCounter},
     Kind::kMemory,
     "",
     "memory.stat total_workingset_refault_anon",
     "memory.stat workingset_refault_anon",
     &count<&Counters::refaults_anon>},
    {{"container_memory_workingset_refault_file_total", "Page cache pages that came back soon after they were evicted.",
      kCounter},
     Kind::kMemory,
     "",
     "memory.stat total_workingset_refault_file",
     "memory.stat workingset_refault_file",
     &count<&Counters::refaults_file>},
    {{"container_oom_events_total", "Processes killed for want of memory.", kCounter},
     Kind::kOomEvent,
     "",
     "memory.oom_control oom_kill",
     "memory.events oom_kill",
     &count<&Counters::oom_kills>},
});

}  // namespace

std::span<const Row> memory_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
