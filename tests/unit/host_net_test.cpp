// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::expect_error_without_file;
using test::expect_golden_families;
using test::expect_refused;
using test::roots_of;
using test::setup_of;
using test::TempTree;
using test::type_of;

const std::string kHeadings =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n";

TEST(Netdev, ExportsEveryColumn) {
  const TempTree tree({{"proc/net/dev", kHeadings + "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"},
                       {"sys/class/net/lo/statistics/rx_nohandler", "17\n"}});
  const auto collected = collect(*kNetdevCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_network_receive_bytes_total{device=\"lo\"} 1\n"
            "node_network_receive_packets_total{device=\"lo\"} 2\n"
            "node_network_receive_errs_total{device=\"lo\"} 3\n"
            "node_network_receive_drop_total{device=\"lo\"} 4\n"
            "node_network_receive_fifo_total{device=\"lo\"} 5\n"
            "node_network_receive_frame_total{device=\"lo\"} 6\n"
            "node_network_receive_compressed_total{device=\"lo\"} 7\n"
            "node_network_receive_multicast_total{device=\"lo\"} 8\n"
            "node_network_transmit_bytes_total{device=\"lo\"} 9\n"
            "node_network_transmit_packets_total{device=\"lo\"} 10\n"
            "node_network_transmit_errs_total{device=\"lo\"} 11\n"
            "node_network_transmit_drop_total{device=\"lo\"} 12\n"
            "node_network_transmit_fifo_total{device=\"lo\"} 13\n"
            "node_network_transmit_colls_total{device=\"lo\"} 14\n"
            "node_network_transmit_carrier_total{device=\"lo\"} 15\n"
            "node_network_transmit_compressed_total{device=\"lo\"} 16\n"
            "node_network_receive_nohandler_total{device=\"lo\"} 17\n");
  EXPECT_EQ(type_of(collected.page, "node_network_receive_bytes_total"), "counter");
}

// Text of /proc/net/dev with idle interfaces of these names.
std::string interfaces(std::initializer_list<std::string> names) {
  std::string text = kHeadings;
  for (const std::string& name : names) text += name + ": 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
  return text;
}

TEST(Netdev, InterfacesComeAndGo) {
  const TempTree tree({{"proc/net/dev", interfaces({"a", "b"})},
                       {"sys/class/net/a/statistics/rx_nohandler", "1\n"},
                       {"sys/class/net/b/statistics/rx_nohandler", "2\n"}});
  const auto collector = kNetdevCollector.make(roots_of(tree));
  EXPECT_EQ(
      collect(*collector).text("node_network_receive_nohandler"),
      "node_network_receive_nohandler_total{device=\"a\"} 1\nnode_network_receive_nohandler_total{device=\"b\"} 2\n");
  tree.write("proc/net/dev", interfaces({"b"}));
  ASSERT_TRUE(remove_tree(tree.at("sys/class/net/a")));
  EXPECT_EQ(collect(*collector).text("node_network_receive_nohandler"),
            "node_network_receive_nohandler_total{device=\"b\"} 2\n");
  tree.write("proc/net/dev", interfaces({"a", "b"}));
  tree.write("sys/class/net/a/statistics/rx_nohandler", "3\n");
  EXPECT_EQ(
      collect(*collector).text("node_network_receive_nohandler"),
      "node_network_receive_nohandler_total{device=\"a\"} 3\nnode_network_receive_nohandler_total{device=\"b\"} 2\n");
}

TEST(Netdev, ManyInterfacesAreAllRead) {
  const TempTree tree;
  std::string dev = kHeadings;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "veth" + std::to_string(i);
    dev += name + ": 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    tree.write("sys/class/net/" + name + "/statistics/rx_nohandler", std::to_string(i) + "\n");
  }
  tree.write("proc/net/dev", dev);
  const auto collector = kNetdevCollector.make(roots_of(tree));
  for (int round = 0; round < 2; ++round) {
    const std::string text = collect(*collector).text("node_network_receive_nohandler");
    for (int i = 0; i < 100; ++i)
      EXPECT_NE(text.find("{device=\"veth" + std::to_string(i) + "\"} " + std::to_string(i) + "\n"), std::string::npos);
  }
}

TEST(Netdev, WithoutSysfsOnlyThatFamilyIsMissing) {
  const auto collected = collect_file(kNetdevCollector, "proc/net/dev", interfaces({"eth0"}));
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(type_of(collected.page, "node_network_receive_nohandler_total"), "");
  EXPECT_EQ(collected.text("node_network_receive_bytes"), "node_network_receive_bytes_total{device=\"eth0\"} 0\n");
}

TEST(Netdev, HostileNamesAreEscaped) {
  const auto collected = collect_file(kNetdevCollector, "proc/net/dev", interfaces({"q\"\\\xff"}));
  EXPECT_EQ(collected.text("node_network_receive_bytes"),
            "node_network_receive_bytes_total{device=\"q\\\"\\\\\xEF\xBF\xBD\"} 0\n");
}

TEST(Netdev, NamesThatBecomeOneAreShownOnce) {
  const auto collected = collect_file(kNetdevCollector, "proc/net/dev", interfaces({"x\xff", "a", "x\xfe", "a"}));
  EXPECT_EQ(collected.text("node_network_receive_bytes"),
            "node_network_receive_bytes_total{device=\"x\xEF\xBF\xBD\"} 0\n"
            "node_network_receive_bytes_total{device=\"a\"} 0\n");
}

TEST(Netdev, ShowsTheInterfacesAskedFor) {
  const TempTree tree({{"proc/net/dev", interfaces({"eth0", "veth1", "veth2"})}});
  EXPECT_EQ(
      collect_with(kNetdevCollector, tree, {{"netdev.device-include", "^eth"}}).text("node_network_receive_bytes"),
      "node_network_receive_bytes_total{device=\"eth0\"} 0\n");
  EXPECT_EQ(
      collect_with(kNetdevCollector, tree, {{"netdev.device-exclude", "eth[01]"}}).text("node_network_receive_bytes"),
      "node_network_receive_bytes_total{device=\"veth2\"} 0\n");
}

TEST(Netdev, WithoutNetlinkThereIsOnlyTheFile) {
  const TempTree tree({{"proc/net/dev", interfaces({"lo"})}, {"sys/class/net/lo/statistics/rx_nohandler", "17\n"}});
  const auto collected = collect_with(kNetdevCollector, tree, {{"netdev.netlink", "false"}});
  EXPECT_EQ(type_of(collected.page, "node_network_receive_nohandler_total"), "");
  EXPECT_EQ(type_of(collected.page, "node_network_transmit_compressed_total"), "counter");
}

TEST(Netdev, AliasesAreLabelsWhenAskedFor) {
  const TempTree tree({{"proc/net/dev", interfaces({"a", "b", "c"})},
                       {"sys/class/net/a/ifalias", "to the \"core\"\n"},
                       {"sys/class/net/b/ifalias", "\n"}});
  EXPECT_EQ(collect_with(kNetdevCollector, tree, {{"netdev.label-ifalias", "true"}}).text("node_network_receive_bytes"),
            "node_network_receive_bytes_total{device=\"a\",ifalias=\"to the \\\"core\\\"\"} 0\n"
            "node_network_receive_bytes_total{device=\"b\",ifalias=\"\"} 0\n"
            "node_network_receive_bytes_total{device=\"c\"} 0\n");
}

TEST(Netdev, DetailsOfTheFileAreItsColumnsUnderOtherNames) {
  const TempTree tree({{"proc/net/dev", kHeadings + "lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"}});
  const auto collected = collect_with(kNetdevCollector, tree, {{"netdev.enable-detailed-metrics", "true"}});
  EXPECT_EQ(collected.text(),
            "node_network_receive_bytes_total{device=\"lo\"} 1\n"
            "node_network_receive_packets_total{device=\"lo\"} 2\n"
            "node_network_receive_errors_total{device=\"lo\"} 3\n"
            "node_network_receive_dropped_total{device=\"lo\"} 4\n"
            "node_network_receive_fifo_total{device=\"lo\"} 5\n"
            "node_network_receive_frame_total{device=\"lo\"} 6\n"
            "node_network_receive_compressed_total{device=\"lo\"} 7\n"
            "node_network_receive_multicast_total{device=\"lo\"} 8\n"
            "node_network_transmit_bytes_total{device=\"lo\"} 9\n"
            "node_network_transmit_packets_total{device=\"lo\"} 10\n"
            "node_network_transmit_errors_total{device=\"lo\"} 11\n"
            "node_network_transmit_dropped_total{device=\"lo\"} 12\n"
            "node_network_transmit_fifo_total{device=\"lo\"} 13\n"
            "node_network_transmit_colls_total{device=\"lo\"} 14\n"
            "node_network_transmit_carrier_total{device=\"lo\"} 15\n"
            "node_network_transmit_compressed_total{device=\"lo\"} 16\n");
}

TEST(Netdev, InAHostsTreeTheFileOfTheFirstProcessCounts) {
  const TempTree tree({{"proc/net/dev", interfaces({"agents"})}, {"proc/1/net/dev", interfaces({"hosts"})}});
  EXPECT_EQ(collect_with(kNetdevCollector, tree).text("node_network_receive_bytes"),
            "node_network_receive_bytes_total{device=\"hosts\"} 0\n");
}

// The addresses to be had would be the agent's, not those of the tree.
TEST(Netdev, AddressesAreOfTheOwnNetworkOnly) {
  const TempTree tree({{"proc/net/dev", interfaces({"lo"})}});
  const auto collected = collect_with(kNetdevCollector, tree, {{"netdev.address-info", "true"}});
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(type_of(collected.page, "node_network_address_info"), "");
}

TEST(Netdev, RefusesWhatIsNone) {
  expect_error_without_file(kNetdevCollector, "proc/net/dev");
  expect_refused(kNetdevCollector, "proc/net/dev", {"", "garbage\n", kHeadings + "eth0: 1 2\n", kHeadings + "eth0\n"});
}

const char* const kSnmp =
    "Ip: Forwarding DefaultTTL InReceives\nIp: 2 64 100\n"
    "Icmp: InMsgs InErrors OutMsgs OutErrors\nIcmp: 1 0 5 0\n"
    "IcmpMsg: InType3\nIcmpMsg: 7\n"
    "Tcp: RtoAlgorithm MaxConn ActiveOpens InErrs CurrEstab\nTcp: 1 -1 110 0 2\n"
    "UdpLite: InDatagrams InErrors\nUdpLite: 4 3\n";
const char* const kNetstat =
    "TcpExt: SyncookiesSent EmbryonicRsts ListenOverflows ListenDrops TCPTimeouts TCPOFOQueue TCPAbortOnData\n"
    "TcpExt: 1 2 3 4 5 6 7\n"
    "IpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 354798498 18446744073709551615\n";
const char* const kSnmp6 =
    "Ip6InReceives                   \t1\nIp6InOctets                     \t128\nIcmp6InMsgs\t2\nIcmp6InType135\t9\n"
    "Udp6NoPorts\t3\nUdpLite6InErrors\t4\n";

TEST(Netstat, ExportsItsSelectionOnly) {
  const TempTree tree({{"proc/net/snmp", kSnmp}, {"proc/net/netstat", kNetstat}, {"proc/net/snmp6", kSnmp6}});
  const auto collected = collect(*kNetstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_netstat_TcpExt_SyncookiesSent 1\n"
            "node_netstat_TcpExt_ListenOverflows 3\n"
            "node_netstat_TcpExt_ListenDrops 4\n"
            "node_netstat_TcpExt_TCPTimeouts 5\n"
            "node_netstat_TcpExt_TCPOFOQueue 6\n"
            "node_netstat_IpExt_InOctets 354798498\n"
            "node_netstat_IpExt_OutOctets 18446744073709551615\n"
            "node_netstat_Ip_Forwarding 2\n"
            "node_netstat_Icmp_InMsgs 1\n"
            "node_netstat_Icmp_InErrors 0\n"
            "node_netstat_Icmp_OutMsgs 5\n"
            "node_netstat_Tcp_ActiveOpens 110\n"
            "node_netstat_Tcp_InErrs 0\n"
            "node_netstat_Tcp_CurrEstab 2\n"
            "node_netstat_UdpLite_InErrors 3\n"
            "node_netstat_Ip6_InOctets 128\n"
            "node_netstat_Icmp6_InMsgs 2\n"
            "node_netstat_Udp6_NoPorts 3\n"
            "node_netstat_UdpLite6_InErrors 4\n");
  EXPECT_EQ(type_of(collected.page, "node_netstat_Tcp_CurrEstab"), "untyped");
}

TEST(Netstat, WithoutIpv6TheRestStands) {
  const TempTree tree({{"proc/net/snmp", kSnmp}, {"proc/net/netstat", kNetstat}});
  const auto collected = collect(*kNetstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_netstat_Icmp6"), "");
  EXPECT_EQ(collected.text("node_netstat_Tcp_CurrEstab"), "node_netstat_Tcp_CurrEstab 2\n");
}

TEST(Netstat, RefusesPairsThatDoNotMatch) {
  expect_error_without_file(kNetstatCollector, "proc/net/netstat");
  expect_refused(
      kNetstatCollector, "proc/net/netstat",
      {"", "garbage\n", "IpExt: InOctets\n", "IpExt: InOctets OutOctets\nIpExt: 1\n", "IpExt: InOctets\nTcpExt: 1\n",
       "IpExt: InOctets\nIpExt: x\n", "IpExt: InOctets\nIpExt: 1", "IpExt: InOctets\nIpExt: -1\n", "\n\n"});
}

TEST(Netstat, RefusesAMalformedIpv6File) {
  for (const char* content : {"", "Ip6InOctets\n", "Ip6InOctets x\n", "Ip6InOctets 12"}) {
    const TempTree tree({{"proc/net/snmp", kSnmp}, {"proc/net/netstat", kNetstat}, {"proc/net/snmp6", content}});
    const auto collected = collect(*kNetstatCollector.make(roots_of(tree)));
    EXPECT_FALSE(collected.result) << content;
    EXPECT_NE(collected.error().find("proc/net/snmp6"), std::string::npos);
    EXPECT_NE(collected.text("node_netstat_Tcp_CurrEstab"), "");
  }
}

TEST(Netstat, FieldsAreChosen) {
  const TempTree tree({{"proc/net/snmp", kSnmp}, {"proc/net/netstat", kNetstat}, {"proc/net/snmp6", kSnmp6}});
  const auto collector = kNetstatCollector.make(
      setup_of(kNetstatCollector, tree, {{"netstat.fields", "^(Tcp_MaxConn|IcmpMsg_InType3|Icmp6_.*|IpExt_InNo.*)$"}}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(collect(*collector).text(),
              "node_netstat_IpExt_InNoRoutes 0\n"
              "node_netstat_IcmpMsg_InType3 7\n"
              "node_netstat_Tcp_MaxConn -1\n"
              "node_netstat_Icmp6_InMsgs 2\n"
              "node_netstat_Icmp6_InType135 9\n");
  }
}

// The decision is kept by the field's place: another field in its place is decided anew.
TEST(Netstat, FieldsMayMove) {
  const TempTree tree({{"proc/net/netstat", "IpExt: InOctets Other\nIpExt: 1 2\n"}, {"proc/net/snmp", kSnmp}});
  const auto collector = kNetstatCollector.make(roots_of(tree));
  EXPECT_EQ(collect(*collector).text("node_netstat_IpExt"), "node_netstat_IpExt_InOctets 1\n");
  const std::string before = collect(*collector).text("node_netstat_Tcp");
  tree.write("proc/net/netstat", "IpExt: Other OutOctets InOctets More\nIpExt: 3 4 5 6\n");
  EXPECT_EQ(collect(*collector).text("node_netstat_IpExt"),
            "node_netstat_IpExt_OutOctets 4\nnode_netstat_IpExt_InOctets 5\n");
  EXPECT_EQ(collect(*collector).text("node_netstat_Tcp"), before);
  tree.write("proc/net/netstat", "IpEx: t_InOctets\nIpEx: 3\n");
  EXPECT_EQ(collect(*collector).text("node_netstat_IpE"), "");
}

TEST(Netstat, ARepeatedFieldIsExportedOnce) {
  const TempTree tree({{"proc/net/netstat", "IpExt: InOctets InOctets\nIpExt: 1 2\nIpExt: InOctets\nIpExt: 3\n"},
                       {"proc/net/snmp", "Tcp: InErrs\nTcp: 4\nTcp: InErrs\nTcp: 5\n"}});
  const auto collector = kNetstatCollector.make(roots_of(tree));
  for (int round = 0; round < 2; ++round)
    EXPECT_EQ(collect(*collector).text(), "node_netstat_IpExt_InOctets 1\nnode_netstat_Tcp_InErrs 4\n");
}

TEST(Netstat, TooManyFieldsAreRefused) {
  std::string names = "IpExt:", values = "IpExt:";
  for (int i = 0; i < 5000; ++i) names += " f" + std::to_string(i), values += " 1";
  expect_refused(kNetstatCollector, "proc/net/netstat", {names + "\n" + values + "\n"});
}

TEST(Netstat, FamiliesAreNodeExporters) {
  const TempTree tree(
      {{"proc/net/netstat",
        "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPTimeouts TCPSynRetrans "
        "TCPOFOQueue TCPRcvQDrop\nTcpExt: 1 2 3 4 5 6 7 8 9\nIpExt: InOctets OutOctets\nIpExt: 1 2\n"},
       {"proc/net/snmp",
        "Ip: Forwarding\nIp: 1\nIcmp: InMsgs InErrors OutMsgs\nIcmp: 1 2 3\n"
        "Tcp: ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts\nTcp: 1 2 3 4 5 6 7 8\n"
        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 2 3 4 5 6\n"
        "UdpLite: InErrors\nUdpLite: 1\n"},
       {"proc/net/snmp6",
        "Ip6InOctets 1\nIp6OutOctets 2\nIcmp6InMsgs 3\nIcmp6InErrors 4\nIcmp6OutMsgs 5\nUdp6InDatagrams 6\n"
        "Udp6NoPorts 7\nUdp6InErrors 8\nUdp6OutDatagrams 9\nUdp6RcvbufErrors 10\nUdp6SndbufErrors 11\n"
        "UdpLite6InErrors 12\n"}});
  const auto collected = collect(*kNetstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  expect_golden_families("netstat", collected.page);
}

const char* const kSockstat =
    "sockets: used 42\nTCP: inuse 5 orphan 0 tw 22 alloc 35 mem 25\nUDP: inuse 1 mem 0\nRAW: inuse 0\n"
    "FRAG: inuse 0 memory 7\n";

TEST(Sockstat, ReadsBothFiles) {
  const TempTree tree(
      {{"proc/net/sockstat", kSockstat}, {"proc/net/sockstat6", "TCP6: inuse 3\nFRAG6: inuse 0 memory 0\n"}});
  const auto collected = collect(*kSockstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_sockstat_sockets_used 42\n"
            "node_sockstat_TCP_inuse 5\n"
            "node_sockstat_TCP_orphan 0\n"
            "node_sockstat_TCP_tw 22\n"
            "node_sockstat_TCP_alloc 35\n"
            "node_sockstat_TCP_mem 25\n"
            "node_sockstat_TCP_mem_bytes " +
                std::to_string(25 * ::sysconf(_SC_PAGESIZE)) +
                "\n"
                "node_sockstat_UDP_inuse 1\n"
                "node_sockstat_UDP_mem 0\n"
                "node_sockstat_UDP_mem_bytes 0\n"
                "node_sockstat_RAW_inuse 0\n"
                "node_sockstat_FRAG_inuse 0\n"
                "node_sockstat_FRAG_memory 7\n"
                "node_sockstat_TCP6_inuse 3\n"
                "node_sockstat_FRAG6_inuse 0\n"
                "node_sockstat_FRAG6_memory 0\n");
  EXPECT_EQ(type_of(collected.page, "node_sockstat_TCP_mem_bytes"), "gauge");
}

TEST(Sockstat, OtherAndRepeatedFieldsAreLeftOut) {
  const auto collected = collect_file(kSockstatCollector, "proc/net/sockstat",
                                      "sockets: used 1 inuse 2\nRAW: inuse 3 new 4 inuse 5\nRAW: inuse 6\n");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_sockstat_sockets_used 1\nnode_sockstat_RAW_inuse 3\n");
}

TEST(Sockstat, FamiliesAreNodeExporters) {
  const TempTree tree({{"proc/net/sockstat", std::string(kSockstat) + "UDPLITE: inuse 0\n"},
                       {"proc/net/sockstat6",
                        "TCP6: inuse 3\nUDP6: inuse 0\nUDPLITE6: inuse 0\nRAW6: inuse 1\nFRAG6: inuse 0 memory 0\n"}});
  expect_golden_families("sockstat", collect(*kSockstatCollector.make(roots_of(tree))).page);
}

TEST(Sockstat, WithoutIpv6TheRestStands) {
  const auto collected = collect_file(kSockstatCollector, "proc/net/sockstat", kSockstat);
  EXPECT_TRUE(collected.result);
  EXPECT_EQ(collected.text("node_sockstat_sockets"), "node_sockstat_sockets_used 42\n");
}

TEST(Sockstat, RefusesWhatIsNone) {
  expect_error_without_file(kSockstatCollector, "proc/net/sockstat");
  expect_refused(kSockstatCollector, "proc/net/sockstat",
                 {"", "garbage\n", "TCP: inuse\n", "TCP: inuse x\n", "TCP: inuse 5 orphan\n", "TCP: inuse -1\n",
                  "TCP: inuse 5", "\n"});
}

TEST(Sockstat, AMalformedIpv6FileIsAnError) {
  const TempTree tree({{"proc/net/sockstat", kSockstat}, {"proc/net/sockstat6", "TCP6: inuse\n"}});
  const auto collected = collect(*kSockstatCollector.make(roots_of(tree)));
  EXPECT_FALSE(collected.result);
  EXPECT_NE(collected.error().find("sockstat6"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::collectors::host
