// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/disk_usage.h"

namespace plimsoll::collectors::container {

struct DiskUsage::State {};
DiskUsage::DiskUsage(DiskUsageOptions) {}
DiskUsage::~DiskUsage() = default;
std::optional<LayerUsage> DiskUsage::usage(uint64_t, pid_t) { return std::nullopt; }
void DiskUsage::end_scrape() {}

}  // namespace plimsoll::collectors::container
