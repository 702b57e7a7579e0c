// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolate/affinity.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

namespace plimsoll::isolate {
namespace {

constexpr size_t kMostCpus = 8192;
constexpr size_t kBits = 8 * sizeof(unsigned long);

}  // namespace

CpuMask cpu_mask(std::string_view list) {
  CpuMask mask;
  while (!list.empty()) {
    std::string_view range = trim(take(list, ','));
    const auto first = parse_u64(take(range, '-'));
    const auto last = range.empty() ? first : parse_u64(range);
    for (uint64_t cpu = first.value_or(kMostCpus); cpu <= last.value_or(0) && cpu < kMostCpus; ++cpu) {
      if (mask.size() <= cpu / kBits) mask.resize(cpu / kBits + 1);
      mask[cpu / kBits] |= 1UL << (cpu % kBits);
    }
  }
  return mask;
}

CpuMask every_cpu() { return CpuMask(kMostCpus / kBits, ~0UL); }

int set_affinity(pid_t pid, const CpuMask& mask) {
  return ::syscall(SYS_sched_setaffinity, pid, mask.size() * sizeof(mask[0]), mask.data()) < 0 ? errno : 0;
}

}  // namespace plimsoll::isolate
