// SPDX-License-Identifier: Apache-2.0
// Interfaces told by files: a tree is never the agent's own network (tests/root/host_netlink_test.cpp is about that).
#include <linux/if_link.h>
#include <sys/stat.h>

#include "base/netlink.h"
#include "collectors/host/parts/links.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::roots_of;
using test::TempTree;

void write_interface(const TempTree& tree, const std::string& name) {
  const std::pair<const char*, const char*> files[] = {{"addr_assign_type", "3"},
                                                       {"address", "01:01:01:01:01:02"},
                                                       {"broadcast", "ff:ff:ff:ff:ff:ff"},
                                                       {"carrier", "1"},
                                                       {"carrier_changes", "9"},
                                                       {"carrier_down_count", "4"},
                                                       {"carrier_up_count", "5"},
                                                       {"dev_id", "0x20"},
                                                       {"dormant", "0"},
                                                       {"duplex", "full"},
                                                       {"flags", "0x1303"},
                                                       {"ifalias", "the uplink"},
                                                       {"ifindex", "7"},
                                                       {"iflink", "6"},
                                                       {"link_mode", "1"},
                                                       {"mtu", "1500"},
                                                       {"name_assign_type", "2"},
                                                       {"netdev_group", "0"},
                                                       {"operstate", "up"},
                                                       {"speed", "1000"},
                                                       {"tx_queue_len", "1001"},
                                                       {"type", "1"}};
  for (const auto& [file, text] : files) tree.write("sys/class/net/" + name + "/" + file, std::string(text) + "\n");
}

TEST(Netclass, TellsAllOfAnInterface) {
  const TempTree tree;
  write_interface(tree, "eth0");
  tree.write("sys/class/net/bonding_masters", "eth0\n");
  const auto collected = collect(*kNetclassCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_network_up{device=\"eth0\"} 1\n"
            "node_network_info{address=\"01:01:01:01:01:02\",adminstate=\"up\",broadcast=\"ff:ff:ff:ff:ff:ff\","
            "device=\"eth0\",duplex=\"full\",ifalias=\"the uplink\",operstate=\"up\"} 1\n"
            "node_network_address_assign_type{device=\"eth0\"} 3\n"
            "node_network_carrier{device=\"eth0\"} 1\n"
            "node_network_carrier_changes_total{device=\"eth0\"} 9\n"
            "node_network_carrier_up_changes_total{device=\"eth0\"} 5\n"
            "node_network_carrier_down_changes_total{device=\"eth0\"} 4\n"
            "node_network_device_id{device=\"eth0\"} 32\n"
            "node_network_dormant{device=\"eth0\"} 0\n"
            "node_network_flags{device=\"eth0\"} 4867\n"
            "node_network_iface_id{device=\"eth0\"} 7\n"
            "node_network_iface_link{device=\"eth0\"} 6\n"
            "node_network_iface_link_mode{device=\"eth0\"} 1\n"
            "node_network_mtu_bytes{device=\"eth0\"} 1500\n"
            "node_network_name_assign_type{device=\"eth0\"} 2\n"
            "node_network_net_dev_group{device=\"eth0\"} 0\n"
            "node_network_speed_bytes{device=\"eth0\"} 1.25e+08\n"
            "node_network_transmit_queue_length{device=\"eth0\"} 1001\n"
            "node_network_protocol_type{device=\"eth0\"} 1\n");
  expect_golden_families("netclass", collected.page);
}

TEST(Netclass, WithoutTheDirectoryThereIsNothing) { expect_not_present(kNetclassCollector); }

TEST(Netclass, WhatADriverDoesNotSayIsLeftOut) {
  const TempTree tree({{"sys/class/net/lo/operstate", "unknown\n"}, {"sys/class/net/lo/flags", "0x8\n"}});
  auto collected = collect(*kNetclassCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_network_up{device=\"lo\"} 0\n"
            "node_network_info{address=\"\",adminstate=\"down\",broadcast=\"\",device=\"lo\",duplex=\"\",ifalias=\"\","
            "operstate=\"unknown\"} 1\n"
            "node_network_flags{device=\"lo\"} 8\n");
  ASSERT_EQ(::unlink(tree.at("sys/class/net/lo/flags").c_str()), 0);
  collected = collect(*kNetclassCollector.make(roots_of(tree)));
  EXPECT_NE(collected.text("node_network_info").find("adminstate=\"unknown\""), std::string::npos);
}

TEST(Netclass, AnUnknownSpeedIsNegativeOrLeftOut) {
  const TempTree tree({{"sys/class/net/a/speed", "-1\n"}, {"sys/class/net/b/speed", "10\n"}});
  EXPECT_EQ(collect(*kNetclassCollector.make(roots_of(tree))).text("node_network_speed"),
            "node_network_speed_bytes{device=\"a\"} -125000\nnode_network_speed_bytes{device=\"b\"} 1250000\n");
  EXPECT_EQ(
      collect_with(kNetclassCollector, tree, {{"netclass.ignore-invalid-speed", "true"}}).text("node_network_speed"),
      "node_network_speed_bytes{device=\"b\"} 1250000\n");
}

TEST(Netclass, IgnoresDevices) {
  const TempTree tree({{"sys/class/net/docker0/mtu", "1\n"}, {"sys/class/net/eth0/mtu", "2\n"}});
  EXPECT_EQ(collect_with(kNetclassCollector, tree, {{"netclass.ignored-devices", "^dock"}}).text("node_network_mtu"),
            "node_network_mtu_bytes{device=\"eth0\"} 2\n");
}

TEST(Netclass, TheNetlinkFormNeedsNetlink) {
  const TempTree tree;
  write_interface(tree, "eth0");
  const auto collected =
      collect_with(kNetclassCollector, tree, {{"netclass.netlink", "true"}, {"netclass_rtnl.with-stats", "true"}});
  EXPECT_EQ(collected.text(), collect(*kNetclassCollector.make(roots_of(tree))).text());
}

TEST(Netclass, OneBrokenFileCostsItsOwnSample) {
  for (const char* content :
       {"", "\n", "x\n", "12x\n", "0x\n", "0x-1\n", "99999999999999999999\n", "0xffffffffffffffff\n"}) {
    const TempTree tree(
        {{"sys/class/net/a/mtu", content}, {"sys/class/net/a/type", "1\n"}, {"sys/class/net/b/mtu", "9\n"}});
    const auto collected = collect(*kNetclassCollector.make(roots_of(tree)));
    EXPECT_FALSE(collected.result) << content;
    EXPECT_NE(collected.error().find("sys/class/net: a/mtu"), std::string::npos) << collected.error();
    EXPECT_EQ(collected.text("node_network_mtu"), "node_network_mtu_bytes{device=\"b\"} 9\n") << content;
    EXPECT_EQ(collected.text("node_network_protocol"), "node_network_protocol_type{device=\"a\"} 1\n");
  }
}

TEST(Netclass, SomethingElseThanAFileDoesNotStopIt) {
  const TempTree tree({{"sys/class/net/a/mtu", "1\n"}});
  tree.make_dir("sys/class/net/a/type");
  ASSERT_EQ(::mkfifo(tree.at("sys/class/net/a/carrier").c_str(), 0600), 0);
  const auto collected = collect(*kNetclassCollector.make(roots_of(tree)));
  EXPECT_FALSE(collected.result);
  EXPECT_EQ(collected.text("node_network_mtu"), "node_network_mtu_bytes{device=\"a\"} 1\n");
  EXPECT_EQ(collected.text("node_network_carrier"), "");
}

TEST(Netclass, NamesThatBecomeOneAreShownOnce) {
  const TempTree tree(
      {{"sys/class/net/q\"\\/mtu", "1\n"}, {"sys/class/net/x\xfe/mtu", "2\n"}, {"sys/class/net/x\xff/mtu", "3\n"}});
  EXPECT_EQ(collect(*kNetclassCollector.make(roots_of(tree))).text("node_network_mtu"),
            "node_network_mtu_bytes{device=\"q\\\"\\\\\"} 1\nnode_network_mtu_bytes{device=\"x\xEF\xBF\xBD\"} 2\n");
}

TEST(Netclass, InterfacesComeAndGo) {
  const TempTree tree({{"sys/class/net/a/mtu", "1\n"}, {"sys/class/net/b/mtu", "2\n"}});
  const auto collector = kNetclassCollector.make(roots_of(tree));
  collect(*collector);
  ASSERT_TRUE(remove_tree(tree.at("sys/class/net/a")));
  tree.write("sys/class/net/c/mtu", "3\n");
  tree.write("sys/class/net/b/mtu", "4\n");
  EXPECT_EQ(collect(*collector).text("node_network_mtu"),
            "node_network_mtu_bytes{device=\"b\"} 4\nnode_network_mtu_bytes{device=\"c\"} 3\n");
}

// --- Bonds ---

void write_bonds(const TempTree& tree) {
  tree.write("sys/class/net/bonding_masters", "bond0 dmz int\n");
  tree.write("sys/class/net/bond0/bonding/slaves", "\n");
  tree.write("sys/class/net/dmz/bonding/slaves", "eth0 eth4\n");
  tree.write("sys/class/net/dmz/lower_eth0/bonding_slave/mii_status", "up\n");
  tree.write("sys/class/net/dmz/lower_eth4/bonding_slave/mii_status", "up\n");
  tree.write("sys/class/net/int/bonding/slaves", "eth5 eth1\n");
  tree.write("sys/class/net/int/slave_eth5/bonding_slave/mii_status", "going down\n");
  tree.write("sys/class/net/int/slave_eth1/bonding_slave/mii_status", "up\n");
}

TEST(Bonding, CountsInterfacesAndThoseThatAreUp) {
  const TempTree tree;
  write_bonds(tree);
  const auto collected = collect(*kBondingCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_bonding_slaves{master=\"bond0\"} 0\n"
            "node_bonding_slaves{master=\"dmz\"} 2\n"
            "node_bonding_slaves{master=\"int\"} 2\n"
            "node_bonding_active{master=\"bond0\"} 0\n"
            "node_bonding_active{master=\"dmz\"} 2\n"
            "node_bonding_active{master=\"int\"} 1\n");
  expect_golden_families("bonding", collected.page);
}

TEST(Bonding, WithoutTheDriverThereIsNothing) {
  const TempTree tree({{"sys/class/net/eth0/mtu", "1500\n"}});
  expect_not_present(kBondingCollector, tree);
}

TEST(Bonding, WithTheDriverAndNoBondAllIsWell) {
  const auto collected = collect_file(kBondingCollector, "sys/class/net/bonding_masters", "\n");
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text(), "");
}

TEST(Bonding, OneBrokenBondDoesNotCostTheOthers) {
  const TempTree tree;
  write_bonds(tree);
  const std::string status = "sys/class/net/dmz/lower_eth4/bonding_slave/mii_status";
  ASSERT_EQ(::unlink(tree.at(status).c_str()), 0);
  const auto missing = collect(*kBondingCollector.make(roots_of(tree)));
  EXPECT_NE(missing.error().find("eth4"), std::string::npos) << missing.error();
  EXPECT_EQ(missing.text("node_bonding_active"),
            "node_bonding_active{master=\"bond0\"} 0\nnode_bonding_active{master=\"int\"} 1\n");
  tree.write(status, "");
  const auto empty = collect(*kBondingCollector.make(roots_of(tree)));
  EXPECT_NE(empty.error().find("eth4: mii_status"), std::string::npos) << empty.error();
  EXPECT_EQ(empty.text("node_bonding_active"), missing.text("node_bonding_active"));
}

TEST(Bonding, NamesDoNotLeadElsewhere) {
  expect_refused(kBondingCollector, "sys/class/net/bonding_masters",
                 {"../net\n", "..\n", "a/b\n", std::string("a\0b\n", 4)});
}

// A bond that is named twice (or two names that become one) gives one sample of each family.
TEST(Bonding, NamesThatBecomeOneAreShownOnce) {
  const TempTree tree({{"sys/class/net/bonding_masters", "x\xfe x\xff x\xff\n"},
                       {"sys/class/net/x\xfe/bonding/slaves", "\n"},
                       {"sys/class/net/x\xff/bonding/slaves", "\n"}});
  EXPECT_EQ(collect(*kBondingCollector.make(roots_of(tree))).text(),
            "node_bonding_slaves{master=\"x\xEF\xBF\xBD\"} 0\nnode_bonding_active{master=\"x\xEF\xBF\xBD\"} 0\n");
}

// --- Neighbours ---

const std::string kArpHeadings = "IP address       HW type     Flags       HW address            Mask     Device\n";

std::string neighbour(const std::string& interface) {
  return "192.168.1.1      0x1         0x2         cc:aa:dd:ee:aa:bb     *        " + interface + "\n";
}

TEST(Arp, CountsByInterface) {
  const auto collected =
      collect_file(kArpCollector, "proc/net/arp",
                   kArpHeadings + neighbour("eth1") + neighbour("eth0") +
                       "10.0.0.1         0x1         0x0         00:00:00:00:00:00     *        eth1\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_arp_entries{device=\"eth0\"} 1\nnode_arp_entries{device=\"eth1\"} 2\n");
  expect_golden_families("arp", collected.page);
}

TEST(Arp, NoNeighbourIsNoSample) {
  const auto collected = collect_file(kArpCollector, "proc/net/arp", kArpHeadings);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

TEST(Arp, WithoutTheFileThereIsNothing) { expect_not_present(kArpCollector); }

TEST(Arp, ShowsTheInterfacesAskedFor) {
  const TempTree tree({{"proc/net/arp", kArpHeadings + neighbour("eth0") + neighbour("veth1") + neighbour("veth2")}});
  EXPECT_EQ(collect_with(kArpCollector, tree, {{"arp.device-include", "^eth"}}).text(),
            "node_arp_entries{device=\"eth0\"} 1\n");
  EXPECT_EQ(collect_with(kArpCollector, tree, {{"arp.device-exclude", "eth[01]"}}).text(),
            "node_arp_entries{device=\"veth2\"} 1\n");
}

TEST(Arp, InAHostsTreeTheFileOfTheFirstProcessCounts) {
  const TempTree tree(
      {{"proc/net/arp", kArpHeadings + neighbour("agents")}, {"proc/1/net/arp", kArpHeadings + neighbour("hosts")}});
  EXPECT_EQ(collect(*kArpCollector.make(roots_of(tree))).text(), "node_arp_entries{device=\"hosts\"} 1\n");
}

TEST(Arp, OddNamesAreEscapedAndShownOnce) {
  const auto collected = collect_file(kArpCollector, "proc/net/arp",
                                      kArpHeadings + neighbour("q\"\\") + neighbour("x\xfe") + neighbour("x\xff"));
  EXPECT_EQ(collected.text(),
            "node_arp_entries{device=\"q\\\"\\\\\"} 1\nnode_arp_entries{device=\"x\xEF\xBF\xBD\"} 1\n");
}

TEST(Arp, RefusesWhatIsNone) {
  expect_refused(kArpCollector, "proc/net/arp",
                 {"", "garbage\n", kArpHeadings + "192.168.1.1 0x1 0x2 cc:aa\n", kArpHeadings + "\n",
                  kArpHeadings + "a b c d e f\n", kArpHeadings + "1.1.1.1 0x1 0x2 aa:bb * eth0 more\n",
                  kArpHeadings + "1.1.1.1 0x1 0x2 aa:bb * eth0"});
}

// --- Drivers ---

TEST(Ethtool, WithoutTheDirectoryThereIsNothing) { expect_not_present(kEthtoolCollector); }

// Number and name must be those of a link of our own.
TEST(Ethtool, LeavesInterfacesOfOtherNamespacesOut) {
  const TempTree tree({{"sys/class/net/lo/ifindex", "4294967295\n"},
                       {"sys/class/net/plimsollnone/ifindex", "1\n"},
                       {"sys/class/net/longer-than-any-name-may-be/ifindex", "1\n"},
                       {"sys/class/net/eth0/ifindex", "x\n"}});
  const auto collected = collect(*kEthtoolCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "");
}

// --- Messages ---

std::string body_of(netlink::Message message) { return std::string(message.finish(1).substr(sizeof(nlmsghdr))); }

TEST(Link, ReadsItsAttributes) {
  ifinfomsg head = {};
  head.ifi_index = 7;
  netlink::Message message(RTM_NEWLINK, 0, head);
  rtnl_link_stats64 stats = {};
  stats.rx_bytes = 18446744073709551615u;
  stats.rx_nohandler = 3;
  message.text_attribute(IFLA_IFNAME, "eth0");
  message.attribute(IFLA_MTU, 1500);
  message.attribute(IFLA_CARRIER, std::string_view("\1", 1));
  message.attribute(IFLA_STATS64, {reinterpret_cast<const char*>(&stats), sizeof(stats)});
  const std::string body = body_of(std::move(message));
  const auto link = parse_link(body);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->head.ifi_index, 7);
  EXPECT_EQ(link->name, "eth0");
  EXPECT_EQ(link->mtu, 1500u);
  EXPECT_EQ(link->carrier, 1);
  ASSERT_TRUE(link->stats);
  EXPECT_EQ(link->stats->rx_bytes, 18446744073709551615u);
  EXPECT_EQ(link->stats->rx_nohandler, 3u);
  EXPECT_TRUE(link->counts_nohandler);
  EXPECT_FALSE(link->operstate);
}

TEST(Link, OlderKernelsHaveShorterStatistics) {
  netlink::Message message(RTM_NEWLINK, 0, ifinfomsg{});
  message.text_attribute(IFLA_IFNAME, "eth0");
  message.attribute(IFLA_STATS64, std::string(offsetof(rtnl_link_stats64, rx_nohandler), '\1'));
  const std::string body = body_of(std::move(message));
  const auto link = parse_link(body);
  ASSERT_TRUE(link && link->stats);
  EXPECT_EQ(link->stats->tx_compressed, 0x0101010101010101u);
  EXPECT_EQ(link->stats->rx_nohandler, 0u);
  EXPECT_FALSE(link->counts_nohandler);
}

TEST(Link, IsNoneWithoutAName) {
  EXPECT_FALSE(parse_link(""));
  EXPECT_FALSE(parse_link("short"));
  EXPECT_FALSE(parse_link(body_of(netlink::Message(RTM_NEWLINK, 0, ifinfomsg{}))));
}

// Each cut gives what stands before it, or nothing; never more.
TEST(Link, SurvivesCutMessages) {
  netlink::Message message(RTM_NEWLINK, 0, ifinfomsg{});
  message.text_attribute(IFLA_IFNAME, "eth0");
  message.attribute(IFLA_MTU, 1500);
  message.attribute(IFLA_TXQLEN, std::string_view("\1\2", 2));  // too short for a number
  const std::string body = body_of(std::move(message));
  for (size_t size = 0; size <= body.size(); ++size) {
    const std::string cut = body.substr(0, size);
    const auto link = parse_link(cut);
    if (!link) continue;
    EXPECT_EQ(link->name, "eth0");
    EXPECT_FALSE(link->queue_length);
    EXPECT_EQ(link->mtu.value_or(1500), 1500u);
  }
  ASSERT_TRUE(parse_link(body));
  EXPECT_EQ(parse_link(body)->mtu, 1500u);
}

}  // namespace
}  // namespace plimsoll::collectors::host
