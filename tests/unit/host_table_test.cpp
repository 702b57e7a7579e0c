// SPDX-License-Identifier: Apache-2.0
// The host half as a drop-in: every family that the collectors write over a complete tree has
// node_exporter's name, type and label names (tests/golden/host/families.tsv), and each of
// node_exporter's is written, but for those that the golden file marks with the reason.
#include "collectors/host/table.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::roots_of;
using test::TempTree;

struct Family {
  std::string type;
  std::string labels;  // sorted, joined by commas; "-" for none
  bool expected;
};

// Lines of "collector name type labels [why not written]", separated by tabs.
std::map<std::string, Family> golden(std::string_view collector) {
  std::map<std::string, Family> families;
  const auto text = read_file(PLIMSOLL_SOURCE_DIR "/tests/golden/host/families.tsv");
  if (!text) ADD_FAILURE() << text.error().message();
  std::string_view rest = text ? std::string_view(*text) : std::string_view{};
  while (!rest.empty()) {
    std::string_view line = take(rest, '\n');
    if (line.starts_with('#') || take(line, '\t') != collector) continue;
    const std::string name(take(line, '\t'));
    const std::string type(take(line, '\t'));
    const std::string labels(take(line, '\t'));
    families[name] = {type, labels, line.empty()};
  }
  return families;
}

// The label names of rendered labels without escaped quotes.
std::string label_names(std::string text) {
  std::set<std::string> names;
  for (size_t at = text.find("=\""); at != std::string::npos; at = text.find("=\"")) {
    names.insert(text.substr(0, at));
    text = text.substr(text.find('"', at + 2) + 1);
    if (text.starts_with(',')) text = text.substr(1);
  }
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  return joined.empty() ? "-" : joined;
}

std::map<std::string, Family> written(Collector& collector) {
  std::map<std::string, Family> families;
  const auto collected = test::collect(collector);
  EXPECT_TRUE(collected.result) << collector.name() << ": " << collected.error();
  const MetricPage& page = collected.page;
  for (size_t i = 0; i < page.families().size(); ++i) {
    const std::string name(page.families()[i].desc.name);
    const Sample& sample = *page.samples(i).first;
    const std::string labels = std::string(page.labels(sample.base)) + "," + std::string(page.labels(sample.extra));
    EXPECT_FALSE(families.contains(name)) << name << " is written twice";
    families[name] = {test::type_of(page, name), label_names(labels.starts_with(',') ? labels.substr(1) : labels),
                      true};
  }
  return families;
}

// /proc/meminfo with the golden's lines, and so on: everything that a machine can have.
std::string meminfo() {
  std::string text;
  for (const auto& [name, family] : golden("meminfo")) {
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
  for (const auto& [name, family] : golden("netstat")) {
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
  for (const Entry& entry : table()) {
    names.push_back(entry.name);
    EXPECT_EQ(entry.make(roots_of(tree))->name(), entry.name);
    EXPECT_NE(std::string(entry.summary), "");
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(HostTable, EveryFamilyIsNodeExporters) {
  const TempTree tree;
  write_proc(tree);
  write_network(tree);
  write_system(tree);
  for (const Entry& entry : table()) {
    const auto expected = golden(entry.name);
    const auto actual = written(*entry.make(roots_of(tree)));
    EXPECT_FALSE(expected.empty()) << entry.name;
    for (const auto& [name, family] : actual) {
      const auto found = expected.find(name);
      ASSERT_NE(found, expected.end()) << name << " is not node_exporter's";
      EXPECT_TRUE(found->second.expected) << name << " is marked as not written";
      EXPECT_EQ(family.type, found->second.type) << name;
      EXPECT_EQ(family.labels, found->second.labels) << name;
    }
    for (const auto& [name, family] : expected)
      EXPECT_EQ(actual.contains(name), family.expected) << entry.name << " does not write " << name;
  }
}

TEST(HostTable, OnAnEmptyMachineOnlySystemCallsAnswer) {
  const TempTree tree;
  std::string succeeded;
  for (const Entry& entry : table()) {
    const auto collected = test::collect(*entry.make(roots_of(tree)));
    if (collected.result) succeeded += std::string(entry.name) + " ";
    EXPECT_EQ(collected.text().empty(), !collected.result) << entry.name;
  }
  EXPECT_EQ(succeeded, "time uname ");
}

}  // namespace
}  // namespace plimsoll::collectors::host
