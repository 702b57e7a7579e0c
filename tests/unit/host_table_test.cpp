// SPDX-License-Identifier: Apache-2.0
// The table of host collectors, and the families of those whose source is one well-known file.
#include "collectors/host/table.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::roots_of;
using test::TempTree;

// /proc/meminfo with the golden's lines, and so on: everything that a machine can have.
std::string meminfo() {
  std::string text;
  for (const auto& [name, family] : test::golden_families("meminfo")) {
    std::string field = name.substr(std::string("node_memory_").size());
    const bool bytes = field.ends_with("_bytes");
    if (bytes) field.resize(field.size() - 6);
    for (const char* kind : {"_anon", "_file"})
      if (field == std::string("Active") + kind || field == std::string("Inactive") + kind)
        field = field.substr(0, field.find('_')) + "(" + (kind + 1) + ")";
    text += field + ": 1" + (bytes ? " kB\n" : "\n");
  }
  return text;
}

// Lines "TcpExt: a b" and their values for each protocol of the golden list.
std::string protocol_pairs(bool ipv6) {
  std::map<std::string, std::string> names;
  std::string single;
  for (const auto& [name, family] : test::golden_families("netstat")) {
    const std::string rest = name.substr(std::string("node_netstat_").size());
    const std::string protocol = rest.substr(0, rest.find('_'));
    const std::string field = rest.substr(rest.find('_') + 1);
    if (protocol.find('6') != std::string::npos) single += protocol + field + " 1\n";
    if (protocol.find('6') == std::string::npos) names[protocol] += " " + field;
  }
  std::string pairs;
  for (const auto& [protocol, fields] : names) {
    pairs += protocol + ":" + fields + "\n" + protocol + ":";
    for (auto i = std::count(fields.begin(), fields.end(), ' '); i > 0; --i) pairs += " 1";
    pairs += "\n";
  }
  return ipv6 ? single : pairs;
}

void write_network(const TempTree& tree) {
  tree.write("proc/net/dev",
             "Inter-|   Receive  |  Transmit\n face |bytes packets |bytes packets\n"
             "lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n");
  tree.write("sys/class/net/lo/statistics/rx_nohandler", "0\n");
  tree.write("proc/net/snmp", protocol_pairs(false));
  tree.write("proc/net/netstat", "IpExt: InNoRoutes\nIpExt: 0\n");
  tree.write("proc/net/snmp6", protocol_pairs(true));
  tree.write("proc/net/sockstat",
             "sockets: used 1\nTCP: inuse 1 orphan 1 tw 1 alloc 1 mem 1\nUDP: inuse 1 mem 1\nUDPLITE: inuse 1\n"
             "RAW: inuse 1\nFRAG: inuse 1 memory 1\n");
  tree.write("proc/net/sockstat6",
             "TCP6: inuse 1\nUDP6: inuse 1\nUDPLITE6: inuse 1\nRAW6: inuse 1\nFRAG6: inuse 1 memory 1\n");
}

void write_system(const TempTree& tree) {
  const std::string cpu = "sys/devices/system/cpu/";
  tree.write(cpu + "isolated", "1\n");
  tree.write(cpu + "cpu0/topology/physical_package_id", "0\n");
  tree.write(cpu + "cpu0/topology/core_id", "0\n");
  tree.write(cpu + "cpu0/thermal_throttle/core_throttle_count", "0\n");
  tree.write(cpu + "cpu0/thermal_throttle/package_throttle_count", "0\n");
  tree.write("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc\n");
  tree.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
  tree.write("root/run/udev/data/b8:0",
             "E:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=1\nE:ID_ATA_WRITE_CACHE_ENABLED=1\nE:ID_ATA_ROTATION_RATE_RPM=0\n"
             "E:ID_FS_TYPE=ext4\nE:DM_NAME=a\n");
}

void write_proc(const TempTree& tree) {
  tree.write("proc/stat",
             "cpu0 1 1 1 1 1 1 1 1 1 1\nintr 1 0\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n");
  tree.write("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n");
  tree.write("proc/sys/fs/file-nr", "1\t0\t2\n");
  tree.write("proc/1/mountinfo", "1 1 8:0 / / rw - ext4 /dev/sda rw\n");
  tree.write("proc/loadavg", "0 0 0 1/1 1\n");
  tree.write("proc/meminfo", meminfo());
  tree.write("proc/vmstat", "oom_kill 0\npgfault 1\npgmajfault 1\npgpgin 1\npgpgout 1\npswpin 0\npswpout 0\n");
  for (const char* resource : {"cpu", "io", "memory"})
    tree.write(std::string("proc/pressure/") + resource, "some total=1\nfull total=1\n");
  tree.write("proc/pressure/irq", "full total=1\n");
}

TEST(HostTable, IsSortedAndNamesItsCollectors) {
  const TempTree tree;
  std::vector<std::string> names;
  for (const Entry* entry : table()) {
    names.emplace_back(entry->name);
    EXPECT_EQ(entry->make(roots_of(tree))->name(), entry->name);
    EXPECT_NE(entry->summary, "");
  }
  EXPECT_EQ(names.back(), "textfile");
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end() - 1));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(HostTable, EveryFamilyIsNodeExporters) {
  const TempTree tree;
  write_proc(tree);
  write_network(tree);
  write_system(tree);
  for (const Entry* entry :
       {&kCpuCollector, &kDiskstatsCollector, &kFilefdCollector, &kFilesystemCollector, &kLoadavgCollector,
        &kMeminfoCollector, &kNetdevCollector, &kNetstatCollector, &kPressureCollector, &kSockstatCollector,
        &kStatCollector, &kTimeCollector, &kUnameCollector, &kVmstatCollector}) {
    const auto collected = test::collect(*entry->make(roots_of(tree)));
    EXPECT_TRUE(collected.result) << entry->name << ": " << collected.error();
    test::expect_golden_families(entry->name, collected.page);
  }
}

TEST(HostTable, OnAnEmptyMachineOnlySystemCallsAnswer) {
  const TempTree tree;
  std::string succeeded;
  for (const Entry* entry : table()) {
    const auto collected = test::collect(*entry->make(roots_of(tree)));
    if (collected.result) succeeded += std::string(entry->name) + " ";
    EXPECT_EQ(collected.text().empty(), !collected.result) << entry->name;
  }
  EXPECT_EQ(succeeded, "selinux time timex uname textfile ");
}

}  // namespace
}  // namespace plimsoll::collectors::host
