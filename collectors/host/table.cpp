// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

// A table rather than registration by static initialisers: those are dropped by the linker when a
// collector's object file sits in a static library and nothing else refers to it.
// A line each, so:
// clang-format off
constexpr const Entry* kTable[] = {
    &kArpCollector,
    &kBcacheCollector,
    &kBcachefsCollector,
    &kBondingCollector,
    &kBtrfsCollector,
    &kBuddyinfoCollector,
    &kCgroupsCollector,
    &kConntrackCollector,
    &kCpuCollector,
    &kCpuVulnerabilitiesCollector,
    &kCpufreqCollector,
    &kDiskstatsCollector,
    &kDmiCollector,
    &kDrbdCollector,
    &kEdacCollector,
    &kEntropyCollector,
    &kEthtoolCollector,
    &kFibrechannelCollector,
    &kFilefdCollector,
    &kFilesystemCollector,
    &kHwmonCollector,
    &kInfinibandCollector,
    &kInterruptsCollector,
    &kIpvsCollector,
    &kKernelHungCollector,
    &kKsmdCollector,
    &kLnstatCollector,
    &kLoadavgCollector,
    &kLogindCollector,
    &kMdadmCollector,
    &kMeminfoCollector,
    &kMeminfoNumaCollector,
    &kMountstatsCollector,
    &kNetclassCollector,
    &kNetdevCollector,
    &kNetstatCollector,
    &kNetworkRouteCollector,
    &kNfsCollector,
    &kNfsdCollector,
    &kNvmeCollector,
    &kOsCollector,
    &kPcideviceCollector,
    &kPerfCollector,
    &kPowersupplyclassCollector,
    &kPressureCollector,
    &kProcessesCollector,
    &kQdiscCollector,
    &kRaplCollector,
    &kSchedstatCollector,
    &kSelinuxCollector,
    &kSlabinfoCollector,
    &kSockstatCollector,
    &kSoftirqsCollector,
    &kSoftnetCollector,
    &kStatCollector,
    &kSysctlCollector,
    &kSystemdCollector,
    &kTapestatsCollector,
    &kTcpstatCollector,
    &kThermalZoneCollector,
    &kTimeCollector,
    &kTimexCollector,
    &kUdpQueuesCollector,
    &kUnameCollector,
    &kVmstatCollector,
    &kWatchdogCollector,
    &kXfrmCollector,
    &kXfsCollector,
    &kZfsCollector,
    &kZoneinfoCollector,
    &kTextfileCollector,
};
// clang-format on

}  // namespace

std::span<const Entry* const> table() { return kTable; }

}  // namespace plimsoll::collectors::host
