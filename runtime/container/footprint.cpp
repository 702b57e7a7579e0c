// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/footprint.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>

namespace plimsoll::container {
namespace {

// Called for each loaded object: lets go of its read-only and executable segments. Written pages
// (data, relocated tables) are left alone, as dropping them would lose what is in them.
int drop_segments(dl_phdr_info* info, size_t, void*) {
  constexpr uintptr_t kPage = 4096;
  for (int at = 0; at < info->dlpi_phnum; ++at) {
    const auto& segment = info->dlpi_phdr[at];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t start = (info->dlpi_addr + segment.p_vaddr) / kPage * kPage;
    const uintptr_t end = (info->dlpi_addr + segment.p_vaddr + segment.p_memsz + kPage - 1) / kPage * kPage;
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void shrink_footprint() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(drop_segments, nullptr);
}

}  // namespace plimsoll::container
