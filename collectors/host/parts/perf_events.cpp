// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/perf_events.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr uint64_t kCpuLimit = 1 << 16;

constexpr PerfEvent hardware(std::string_view name, std::string_view family, uint64_t config, std::string_view help) {
  return {name, {family, help, MetricType::kCounter}, PERF_TYPE_HARDWARE, config};
}
constexpr PerfEvent software(std::string_view name, std::string_view family, uint64_t config, std::string_view help) {
  return {name, {family, help, MetricType::kCounter}, PERF_TYPE_SOFTWARE, config};
}
constexpr PerfEvent cache(std::string_view name, std::string_view family, uint64_t cache, uint64_t operation,
                          uint64_t result, std::string_view help) {
  return {name, {family, help, MetricType::kCounter}, PERF_TYPE_HW_CACHE, cache | operation << 8 | result << 16};
}

// "Hits" are node_exporter's word for what the kernel counts as accesses.
constexpr uint64_t kRead = PERF_COUNT_HW_CACHE_OP_READ;
constexpr uint64_t kWrite = PERF_COUNT_HW_CACHE_OP_WRITE;
constexpr uint64_t kAccess = PERF_COUNT_HW_CACHE_RESULT_ACCESS;
constexpr uint64_t kMiss = PERF_COUNT_HW_CACHE_RESULT_MISS;

constexpr PerfEvent kHardware[] = {
    hardware("CpuCycles", "node_perf_cpucycles_total", PERF_COUNT_HW_CPU_CYCLES,
             "Cycles of the CPU, at whatever frequency it ran."),
    hardware("CpuInstr", "node_perf_instructions_total", PERF_COUNT_HW_INSTRUCTIONS,
             "Instructions that the CPU has finished."),
    hardware("BranchInstr", "node_perf_branch_instructions_total", PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
             "Branch instructions that the CPU has finished."),
    hardware("BranchMisses", "node_perf_branch_misses_total", PERF_COUNT_HW_BRANCH_MISSES,
             "Branches that the CPU predicted wrongly."),
    hardware("CacheRef", "node_perf_cache_refs_total", PERF_COUNT_HW_CACHE_REFERENCES,
             "Accesses to the CPU's caches, mostly the last level's."),
    hardware("CacheMisses", "node_perf_cache_misses_total", PERF_COUNT_HW_CACHE_MISSES,
             "Accesses that the CPU's caches could not serve, mostly the last level's."),
    hardware("RefCpuCycles", "node_perf_ref_cpucycles_total", PERF_COUNT_HW_REF_CPU_CYCLES,
             "Cycles of the CPU at its nominal frequency."),
    hardware("StalledCyclesBackend", "node_perf_stalled_cycles_backend_total", PERF_COUNT_HW_STALLED_CYCLES_BACKEND,
             "Cycles in which instructions waited to be retired."),
    hardware("StalledCyclesFrontend", "node_perf_stalled_cycles_frontend_total", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
             "Cycles in which instructions waited to be issued."),
};

constexpr PerfEvent kSoftware[] = {
    software("PageFault", "node_perf_page_faults_total", PERF_COUNT_SW_PAGE_FAULTS,
             "Page faults on the CPU, of both kinds."),
    software("ContextSwitch", "node_perf_context_switches_total", PERF_COUNT_SW_CONTEXT_SWITCHES,
             "Switches of the CPU from one thread to another."),
    software("CpuMigration", "node_perf_cpu_migrations_total", PERF_COUNT_SW_CPU_MIGRATIONS,
             "Threads that came to the CPU from another one."),
    software("MinorFault", "node_perf_minor_faults_total", PERF_COUNT_SW_PAGE_FAULTS_MIN,
             "Page faults that needed no reading from a disk."),
    software("MajorFault", "node_perf_major_faults_total", PERF_COUNT_SW_PAGE_FAULTS_MAJ,
             "Page faults that had to wait for a disk."),
};

constexpr PerfEvent kCache[] = {
    cache("L1DataReadHit", "node_perf_cache_l1d_read_hits_total", PERF_COUNT_HW_CACHE_L1D, kRead, kAccess,
          "Reads from the first level's data cache."),
    cache("L1DataReadMiss", "node_perf_cache_l1d_read_misses_total", PERF_COUNT_HW_CACHE_L1D, kRead, kMiss,
          "Reads that the first level's data cache could not serve."),
    cache("L1DataWriteHit", "node_perf_cache_l1d_write_hits_total", PERF_COUNT_HW_CACHE_L1D, kWrite, kAccess,
          "Writes to the first level's data cache."),
    cache("L1InstrReadMiss", "node_perf_cache_l1_instr_read_misses_total", PERF_COUNT_HW_CACHE_L1I, kRead, kMiss,
          "Instruction fetches that the first level's cache could not serve."),
    cache("InstrTLBReadHit", "node_perf_cache_tlb_instr_read_hits_total", PERF_COUNT_HW_CACHE_ITLB, kRead, kAccess,
          "Look-ups of instruction addresses in the TLB."),
    cache("InstrTLBReadMiss", "node_perf_cache_tlb_instr_read_misses_total", PERF_COUNT_HW_CACHE_ITLB, kRead, kMiss,
          "Instruction addresses that the TLB did not have."),
    cache("DataTLBReadHit", "node_perf_cache_tlb_data_read_hits_total", PERF_COUNT_HW_CACHE_DTLB, kRead, kAccess,
          "Look-ups of read addresses in the data TLB."),
    cache("DataTLBReadMiss", "node_perf_cache_tlb_data_read_misses_total", PERF_COUNT_HW_CACHE_DTLB, kRead, kMiss,
          "Read addresses that the data TLB did not have."),
    cache("DataTLBWriteHit", "node_perf_cache_tlb_data_write_hits_total", PERF_COUNT_HW_CACHE_DTLB, kWrite, kAccess,
          "Look-ups of written addresses in the data TLB."),
    cache("DataTLBWriteMiss", "node_perf_cache_tlb_data_write_misses_total", PERF_COUNT_HW_CACHE_DTLB, kWrite, kMiss,
          "Written addresses that the data TLB did not have."),
    cache("LLReadHit", "node_perf_cache_ll_read_hits_total", PERF_COUNT_HW_CACHE_LL, kRead, kAccess,
          "Reads from the last level's cache."),
    cache("LLReadMiss", "node_perf_cache_ll_read_misses_total", PERF_COUNT_HW_CACHE_LL, kRead, kMiss,
          "Reads that the last level's cache could not serve."),
    cache("LLWriteHit", "node_perf_cache_ll_write_hits_total", PERF_COUNT_HW_CACHE_LL, kWrite, kAccess,
          "Writes to the last level's cache."),
    cache("LLWriteMiss", "node_perf_cache_ll_write_misses_total", PERF_COUNT_HW_CACHE_LL, kWrite, kMiss,
          "Writes that the last level's cache could not serve."),
    cache("BPUReadHit", "node_perf_cache_bpu_read_hits_total", PERF_COUNT_HW_CACHE_BPU, kRead, kAccess,
          "Look-ups of the branch predictor."),
    cache("BPUReadMiss", "node_perf_cache_bpu_read_misses_total", PERF_COUNT_HW_CACHE_BPU, kRead, kMiss,
          "Look-ups that the branch predictor had no answer to."),
};

// "4" or "1-10" or "1-10:3".
Result<void> add_range(std::string_view text, std::vector<uint32_t>& cpus) {
  std::string_view rest = text;
  const bool is_range = text.find('-') != std::string_view::npos;
  const auto first = parse_u64(is_range ? take(rest, '-') : rest);
  std::string_view last_text = take(rest, ':');
  const auto last = is_range ? parse_u64(last_text) : first;
  const auto step = rest.empty() ? std::optional<uint64_t>(1) : parse_u64(rest);
  if (!first || !last || !step || *last >= kCpuLimit || *first > *last || *step == 0 || text.ends_with(':'))
    return fail("'" + std::string(text) + "' is no CPU; write 3, 0-7 or 0-15:4");
  for (uint64_t cpu = *first; cpu <= *last; cpu += *step) cpus.push_back(static_cast<uint32_t>(cpu));
  return {};
}

}  // namespace

std::span<const PerfEvent> hardware_events() { return kHardware; }
std::span<const PerfEvent> software_events() { return kSoftware; }
std::span<const PerfEvent> cache_events() { return kCache; }

Result<std::vector<uint32_t>> parse_cpus(std::string_view text) {
  std::vector<uint32_t> cpus;
  while (!text.empty()) {
    const auto added = add_range(take(text, ','), cpus);
    if (!added) return unexpected(added.error());
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

Result<UniqueFd> open_counter(uint32_t type, uint64_t config, uint32_t cpu) {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = config;
  attributes.exclude_hv = 1;
  const long fd = ::syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return fail_errno("perf_event_open");
  return UniqueFd(static_cast<int>(fd));
}

Result<uint64_t> read_counter(int fd) {
  uint64_t value = 0;
  const ssize_t size = ::read(fd, &value, sizeof value);
  if (size < 0) return fail_errno("read");
  if (size != sizeof value) return fail("the counter has no value");  // its group could not be scheduled
  return value;
}

}  // namespace plimsoll::collectors::host
