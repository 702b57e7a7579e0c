// SPDX-License-Identifier: Apache-2.0
// The host collectors: one file, one flag (--collector.NAME), one line here and in the table each.
// Names, types and labels of their families are node_exporter's.
#pragma once

#include <span>

#include "collectors/host/entry.h"

namespace plimsoll::collectors::host {

// All host collectors in the order in which they run: by name, but textfile last, which must not repeat
// a family of another one.
std::span<const Entry* const> table();

extern const Entry kArpCollector;
extern const Entry kBcacheCollector;
extern const Entry kBcachefsCollector;
extern const Entry kBondingCollector;
extern const Entry kBtrfsCollector;
extern const Entry kBuddyinfoCollector;
extern const Entry kCgroupsCollector;
extern const Entry kConntrackCollector;
extern const Entry kCpuCollector;
extern const Entry kCpuVulnerabilitiesCollector;
extern const Entry kCpufreqCollector;
extern const Entry kDiskstatsCollector;
extern const Entry kDmiCollector;
extern const Entry kDrbdCollector;
extern const Entry kEdacCollector;
extern const Entry kEntropyCollector;
extern const Entry kEthtoolCollector;
extern const Entry kFibrechannelCollector;
extern const Entry kFilefdCollector;
extern const Entry kFilesystemCollector;
extern const Entry kHwmonCollector;
extern const Entry kInfinibandCollector;
extern const Entry kInterruptsCollector;
extern const Entry kIpvsCollector;
extern const Entry kKernelHungCollector;
extern const Entry kKsmdCollector;
extern const Entry kLnstatCollector;
extern const Entry kLoadavgCollector;
extern const Entry kLogindCollector;
extern const Entry kMdadmCollector;
extern const Entry kMeminfoCollector;
extern const Entry kMeminfoNumaCollector;
extern const Entry kMountstatsCollector;
extern const Entry kNetclassCollector;
extern const Entry kNetdevCollector;
extern const Entry kNetstatCollector;
extern const Entry kNetworkRouteCollector;
extern const Entry kNfsCollector;
extern const Entry kNfsdCollector;
extern const Entry kNvmeCollector;
extern const Entry kOsCollector;
extern const Entry kPcideviceCollector;
extern const Entry kPerfCollector;
extern const Entry kPowersupplyclassCollector;
extern const Entry kPressureCollector;
extern const Entry kProcessesCollector;
extern const Entry kQdiscCollector;
extern const Entry kRaplCollector;
extern const Entry kSchedstatCollector;
extern const Entry kSelinuxCollector;
extern const Entry kSlabinfoCollector;
extern const Entry kSockstatCollector;
extern const Entry kSoftirqsCollector;
extern const Entry kSoftnetCollector;
extern const Entry kStatCollector;
extern const Entry kSysctlCollector;
extern const Entry kSystemdCollector;
extern const Entry kTapestatsCollector;
extern const Entry kTcpstatCollector;
extern const Entry kTextfileCollector;
extern const Entry kThermalZoneCollector;
extern const Entry kTimeCollector;
extern const Entry kTimexCollector;
extern const Entry kUdpQueuesCollector;
extern const Entry kUnameCollector;
extern const Entry kVmstatCollector;
extern const Entry kWatchdogCollector;
extern const Entry kXfrmCollector;
extern const Entry kXfsCollector;
extern const Entry kZfsCollector;
extern const Entry kZoneinfoCollector;

}  // namespace plimsoll::collectors::host
