// SPDX-License-Identifier: Apache-2.0
// Tables below /proc/net: connection tracking, virtual servers, network caches, IPsec, UDP sockets.
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/host/parts/net_text.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::collect_file;
using test::collect_with;
using test::Collected;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::flag_of;
using test::FlagValues;
using test::roots_of;
using test::TempTree;
using test::type_of;

std::string bytes_of(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

TEST(NetText, AddressesAreInTheShortestNotation) {
  EXPECT_EQ(ip_text(bytes_of({192, 168, 0, 1})), "192.168.0.1");
  EXPECT_EQ(ip_text(bytes_of({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})), "2001:db8::1");
  EXPECT_EQ(ip_text(bytes_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})), "::");
  EXPECT_EQ(ip_text(bytes_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})), "::1");
  EXPECT_EQ(ip_text(bytes_of({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})), "fe80::");
  // A single group of zeros stays; of two equal runs the first is left out.
  EXPECT_EQ(ip_text(bytes_of({0, 1, 0, 0, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8})), "1:0:3:4:5:6:7:8");
  EXPECT_EQ(ip_text(bytes_of({0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 7, 0, 8})), "1::4:0:0:7:8");
  // The mapped and the compatible form, which inet_ntop shows otherwise.
  EXPECT_EQ(ip_text(bytes_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1})), "10.0.0.1");
  EXPECT_EQ(ip_text(bytes_of({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1})), "::a00:1");
  EXPECT_EQ(ip_text("abc"), "");
  EXPECT_EQ(ip_text(""), "");
}

TEST(NetText, HexadecimalNumbers) {
  EXPECT_EQ(parse_hex("00fF"), 255u);
  EXPECT_EQ(parse_hex("ffffffffffffffff"), UINT64_MAX);
  for (const char* wrong : {"", "0x1", "-1", "+1", " 1", "1 ", "g", "10000000000000000"})
    EXPECT_FALSE(parse_hex(wrong)) << wrong;
}

const std::string kConntrackHeading =
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  "
    "expect_new expect_create expect_delete search_restart\n";
const std::string kConntrackStat =
    kConntrackHeading +
    "00000021  00000000 00000001 00000000 00000003 0000588a 00000000 00000000 00000004 00000005 00000006 00000007 "
    "00000000  00000000 00000000 00000000 00000008\n"
    "00000021  00000000 00000010 00000000 00000002 000056a4 00000000 00000000 00000010 00000010 00000010 00000010 "
    "00000000  00000000 00000000 00000000 00000002\n";

const char* const kCount = "proc/sys/net/netfilter/nf_conntrack_count";
const char* const kMax = "proc/sys/net/netfilter/nf_conntrack_max";
const char* const kStat = "proc/net/stat/nf_conntrack";

TEST(Conntrack, SumsOverCpus) {
  const TempTree tree({{kCount, "123\n"}, {kMax, "65536\n"}, {kStat, kConntrackStat}});
  const auto collected = collect(*kConntrackCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_nf_conntrack_entries 123\n"
            "node_nf_conntrack_entries_limit 65536\n"
            "node_nf_conntrack_stat_found 17\n"
            "node_nf_conntrack_stat_invalid 5\n"
            "node_nf_conntrack_stat_ignore 44846\n"
            "node_nf_conntrack_stat_insert 20\n"
            "node_nf_conntrack_stat_insert_failed 21\n"
            "node_nf_conntrack_stat_drop 22\n"
            "node_nf_conntrack_stat_early_drop 23\n"
            "node_nf_conntrack_stat_search_restart 10\n");
  expect_golden_families("conntrack", collected.page);
}

TEST(Conntrack, ComesAndGoesWithItsModule) {
  const TempTree tree;
  const auto collector = kConntrackCollector.make(roots_of(tree));
  EXPECT_TRUE(is_not_present(collect(*collector).result.error()));
  tree.write(kCount, "1\n");
  tree.write(kMax, "2\n");
  tree.write(kStat, kConntrackStat);
  EXPECT_TRUE(collect(*collector).result);
  const TempTree without({{kCount, "1\n"}, {kMax, "2\n"}});
  const auto collected = collect(*kConntrackCollector.make(roots_of(without)));
  EXPECT_TRUE(is_not_present(collected.result.error()));
  EXPECT_EQ(collected.text(), "node_nf_conntrack_entries 1\nnode_nf_conntrack_entries_limit 2\n");
}

TEST(Conntrack, AnOldKernelHasNoRestarts) {
  const TempTree tree({{kCount, "1\n"}, {kMax, "2\n"}, {kStat, "entries found\n00000001 0000000a\n"}});
  const auto collected = collect(*kConntrackCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_nf_conntrack_stat"), "node_nf_conntrack_stat_found 10\n");
}

TEST(Conntrack, RefusesWhatIsNone) {
  expect_refused(kConntrackCollector, kCount, {"", "x\n", "-1\n", "1", "1 2\n", "18446744073709551616\n"});
  for (const std::string& stat : {std::string(), kConntrackHeading, std::string("\n"), std::string("found\n0x1\n"),
                                  std::string("found\n1 2\n"), std::string("found drop\n1\n"), std::string("found\n\n"),
                                  kConntrackStat.substr(0, kConntrackStat.size() - 9)}) {
    const TempTree tree({{kCount, "1\n"}, {kMax, "2\n"}, {kStat, stat}});
    const auto collected = collect(*kConntrackCollector.make(roots_of(tree)));
    EXPECT_NE(collected.error().find(kStat), std::string::npos) << stat;
    EXPECT_EQ(collected.text("node_nf_conntrack_stat"), "") << stat;
  }
}

const std::string kIpvsStats =
    "   Total Incoming Outgoing         Incoming         Outgoing\n"
    "   Conns  Packets  Packets            Bytes            Bytes\n"
    " 16AA370 E33656E5        1     51D8C8883AB3                2\n"
    "\n"
    " Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n"
    "       4    1FB3C        0          1282A8F                0\n";
const std::string kIpvsHeading =
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";
const std::string kIpvsTable = kIpvsHeading +
                               "TCP  C0A80016:0CEA wlc  \n"
                               "  -> C0A85216:0CEA      Tunnel  100    248        2         \n"
                               "  -> C0A85318:0050      Tunnel  50     7          1         \n"
                               "UDP  [2620:0000:0000:0000:0000:0000:0000:0001]:0050 sh persistent 300 FFFFFFFF\n"
                               "  -> [2620:0000:0000:0000:0000:0000:0000:0002]:0050      Route   1      3          4\n"
                               "FWM  10001000 wlc   \n"
                               "  -> C0A8321A:0CEA      Route   20     64         1         \n";

Collected collect_ipvs(const std::string& table, FlagValues values = {}) {
  const TempTree tree({{"proc/net/ip_vs_stats", kIpvsStats}, {"proc/net/ip_vs", table}});
  return collect_with(kIpvsCollector, tree, values);
}

TEST(Ipvs, TotalsAndBackends) {
  const auto collected = collect_ipvs(kIpvsTable);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text("node_ipvs_connections_total") + collected.text("node_ipvs_incoming") +
                collected.text("node_ipvs_outgoing"),
            "node_ipvs_connections_total 23765872\n"
            "node_ipvs_incoming_packets_total 3811989221\n"
            "node_ipvs_incoming_bytes_total 89991519156915\n"
            "node_ipvs_outgoing_packets_total 1\n"
            "node_ipvs_outgoing_bytes_total 2\n");
  EXPECT_EQ(collected.text("node_ipvs_backend_connections_active"),
            "node_ipvs_backend_connections_active{local_address=\"\",local_port=\"0\",remote_address=\"192.168.50.26\","
            "remote_port=\"3306\",proto=\"FWM\",local_mark=\"10001000\"} 64\n"
            "node_ipvs_backend_connections_active{local_address=\"192.168.0.22\",local_port=\"3306\","
            "remote_address=\"192.168.82.22\",remote_port=\"3306\",proto=\"TCP\",local_mark=\"\"} 248\n"
            "node_ipvs_backend_connections_active{local_address=\"192.168.0.22\",local_port=\"3306\","
            "remote_address=\"192.168.83.24\",remote_port=\"80\",proto=\"TCP\",local_mark=\"\"} 7\n"
            "node_ipvs_backend_connections_active{local_address=\"2620::1\",local_port=\"80\","
            "remote_address=\"2620::2\",remote_port=\"80\",proto=\"UDP\",local_mark=\"\"} 3\n");
  EXPECT_EQ(type_of(collected.page, "node_ipvs_backend_weight"), "gauge");
  expect_golden_families("ipvs", collected.page);
}

TEST(Ipvs, BackendsAlikeAreAddedUp) {
  EXPECT_EQ(collect_ipvs(kIpvsTable, {{"ipvs.backend-labels", "proto,local_address"}}).text("node_ipvs_backend"),
            "node_ipvs_backend_connections_active{local_address=\"\",proto=\"FWM\"} 64\n"
            "node_ipvs_backend_connections_active{local_address=\"192.168.0.22\",proto=\"TCP\"} 255\n"
            "node_ipvs_backend_connections_active{local_address=\"2620::1\",proto=\"UDP\"} 3\n"
            "node_ipvs_backend_connections_inactive{local_address=\"\",proto=\"FWM\"} 1\n"
            "node_ipvs_backend_connections_inactive{local_address=\"192.168.0.22\",proto=\"TCP\"} 3\n"
            "node_ipvs_backend_connections_inactive{local_address=\"2620::1\",proto=\"UDP\"} 4\n"
            "node_ipvs_backend_weight{local_address=\"\",proto=\"FWM\"} 20\n"
            "node_ipvs_backend_weight{local_address=\"192.168.0.22\",proto=\"TCP\"} 150\n"
            "node_ipvs_backend_weight{local_address=\"2620::1\",proto=\"UDP\"} 1\n");
  EXPECT_EQ(collect_ipvs(kIpvsTable, {{"ipvs.backend-labels", ""}}).text("node_ipvs_backend_weight"),
            "node_ipvs_backend_weight 171\n");
  EXPECT_EQ(collect_ipvs(kIpvsHeading, {{"ipvs.backend-labels", ""}}).text("node_ipvs_backend"), "");
}

TEST(Ipvs, LabelsAreChecked) {
  const Flag& labels = flag_of(kIpvsCollector, "ipvs.backend-labels");
  for (const char* right : {"", "proto", "proto,local_mark", ",proto,,"}) EXPECT_TRUE(check_flag(labels, right));
  for (const char* wrong : {"port", "proto local_mark", "proto,Local_mark"}) EXPECT_FALSE(check_flag(labels, wrong));
}

TEST(Ipvs, WithoutItThereIsNothing) { expect_not_present(kIpvsCollector); }

TEST(Ipvs, RefusesWhatIsNone) {
  expect_refused(kIpvsCollector, "proc/net/ip_vs_stats",
                 {"", "1 2 3 4 5\n", "a\nb\n1 2 3 4\n", "a\nb\n1 2 3 4 x\n", "a\nb\n1 2 3 4 5",
                  "a\nb\n1 2 3 4 10000000000000000\n"});
  for (const char* lines : {"TCP  C0A80016:0CEA wlc", "TCP\n", "TCP  C0A80016 wlc\n", "TCP  C0A8001:0CEA wlc\n",
                            "TCP  C0A80016:0CEAF wlc\n", "TCP  [2620]:0050 sh\n", "TCP  []:0050 sh\n", "FWM\n", "\n",
                            "  -> C0A85216:0CEA Tunnel 100 248 2\n", "FWM 1 wlc\n  -> C0A85216:0CEA Tunnel 100 248\n",
                            "FWM 1 wlc\n  -> C0A85216:0CEA Tunnel 100 248 -2\n", "FWM 1 wlc\n  -> x Tunnel 100 248 2\n",
                            "FWM 1 wlc\n  ->\n"}) {
    const auto collected = collect_ipvs(kIpvsHeading + lines);
    EXPECT_NE(collected.error().find("proc/net/ip_vs"), std::string::npos) << lines;
    EXPECT_EQ(collected.text("node_ipvs_backend"), "") << lines;
  }
  EXPECT_FALSE(collect_ipvs("").result);
  EXPECT_FALSE(collect_ipvs("garbage\n").result);
  EXPECT_EQ(collect_ipvs(kIpvsHeading + "FWM q\"\\ wlc\n  -> C0A85216:0CEA Tunnel 1 2 3\n",
                         {{"ipvs.backend-labels", "local_mark"}})
                .text("node_ipvs_backend_weight"),
            "node_ipvs_backend_weight{local_mark=\"q\\\"\\\\\"} 1\n");
}

TEST(Lnstat, EveryFileAndCpu) {
  const TempTree tree({{"proc/net/stat/arp_cache", "entries  allocs\n00000014  00000001\n00000014  0000000d\n"},
                       {"proc/net/stat/nf_conntrack", "entries  searched\n00000021  000000ff\n"}});
  const auto collected = collect(*kLnstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_lnstat_allocs_total{subsystem=\"arp_cache\",cpu=\"0\"} 1\n"
            "node_lnstat_allocs_total{subsystem=\"arp_cache\",cpu=\"1\"} 13\n"
            "node_lnstat_entries_total{subsystem=\"arp_cache\",cpu=\"0\"} 20\n"
            "node_lnstat_entries_total{subsystem=\"arp_cache\",cpu=\"1\"} 20\n"
            "node_lnstat_entries_total{subsystem=\"nf_conntrack\",cpu=\"0\"} 33\n"
            "node_lnstat_searched_total{subsystem=\"nf_conntrack\",cpu=\"0\"} 255\n");
}

TEST(Lnstat, FamiliesAreNodeExporters) {
  const std::string neighbours =
      "entries  allocs destroys hash_grows  lookups hits  res_failed  rcv_probes_mcast rcv_probes_ucast  "
      "periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n1 2 3 4 5 6 7 8 9 a b c d\n";
  const std::string tracking =
      "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  "
      "expect_new expect_create expect_delete search_restart\n1 2 3 4 5 6 7 8 9 a b c d e f 10 11\n";
  const TempTree tree({{"proc/net/stat/ndisc_cache", neighbours}, {"proc/net/stat/nf_conntrack", tracking}});
  expect_golden_families("lnstat", collect(*kLnstatCollector.make(roots_of(tree))).page);
}

TEST(Lnstat, ABrokenFileLeavesTheOthers) {
  const TempTree tree({{"proc/net/stat/arp_cache", "entries\nx\n"}, {"proc/net/stat/z", "entries\n1\n"}});
  ASSERT_EQ(::mkfifo(tree.at("proc/net/stat/fifo").c_str(), 0600), 0);
  tree.make_dir("proc/net/stat/directory");
  const auto collected = collect(*kLnstatCollector.make(roots_of(tree)));
  EXPECT_NE(collected.error().find("net/stat/arp_cache"), std::string::npos) << collected.error();
  EXPECT_EQ(collected.text(), "node_lnstat_entries_total{subsystem=\"z\",cpu=\"0\"} 1\n");
}

TEST(Lnstat, NamesThatBecomeOneAreOneSeries) {
  const TempTree tree({{"proc/net/stat/q\"", "a-b a_b a-b c\n1 2 3 4\n"}});
  EXPECT_EQ(collect(*kLnstatCollector.make(roots_of(tree))).text(),
            "node_lnstat_a_b_total{subsystem=\"q\\\"\",cpu=\"0\"} 1\n"
            "node_lnstat_c_total{subsystem=\"q\\\"\",cpu=\"0\"} 4\n");
}

TEST(Lnstat, ModulesComeAndGo) {
  const TempTree tree;
  const auto collector = kLnstatCollector.make(roots_of(tree));
  EXPECT_TRUE(is_not_present(collect(*collector).result.error()));
  tree.write("proc/net/stat/a", "x\n1\n");
  EXPECT_EQ(collect(*collector).text(), "node_lnstat_x_total{subsystem=\"a\",cpu=\"0\"} 1\n");
  ASSERT_EQ(::unlink(tree.at("proc/net/stat/a").c_str()), 0);
  tree.write("proc/net/stat/b", "x\n2\n");
  EXPECT_EQ(collect(*collector).text(), "node_lnstat_x_total{subsystem=\"b\",cpu=\"0\"} 2\n");
}

TEST(Lnstat, RefusesWhatIsNone) {
  std::string wide;
  for (int i = 0; i < 300; ++i) wide += "c" + std::to_string(i) + " ";
  expect_refused(kLnstatCollector, "proc/net/stat/arp_cache",
                 {"", "\n", "entries\n", "entries\n1", "entries\n1 2\n", "entries hits\n1\n", "entries\n\n1\n",
                  "entries\n-1\n", "entries\n10000000000000000\n", wide + "\n"});
}

const std::pair<const char*, const char*> kXfrmNames[] = {
    {"XfrmInError", "in_error"},
    {"XfrmInBufferError", "in_buffer_error"},
    {"XfrmInHdrError", "in_hdr_error"},
    {"XfrmInNoStates", "in_no_states"},
    {"XfrmInStateProtoError", "in_state_proto_error"},
    {"XfrmInStateModeError", "in_state_mode_error"},
    {"XfrmInStateSeqError", "in_state_seq_error"},
    {"XfrmInStateExpired", "in_state_expired"},
    {"XfrmInStateMismatch", "in_state_mismatch"},
    {"XfrmInStateInvalid", "in_state_invalid"},
    {"XfrmInTmplMismatch", "in_tmpl_mismatch"},
    {"XfrmInNoPols", "in_no_pols"},
    {"XfrmInPolBlock", "in_pol_block"},
    {"XfrmInPolError", "in_pol_error"},
    {"XfrmOutError", "out_error"},
    {"XfrmOutBundleGenError", "out_bundle_gen_error"},
    {"XfrmOutBundleCheckError", "out_bundle_check_error"},
    {"XfrmOutNoStates", "out_no_states"},
    {"XfrmOutStateProtoError", "out_state_proto_error"},
    {"XfrmOutStateModeError", "out_state_mode_error"},
    {"XfrmOutStateSeqError", "out_state_seq_error"},
    {"XfrmOutStateExpired", "out_state_expired"},
    {"XfrmOutPolBlock", "out_pol_block"},
    {"XfrmOutPolDead", "out_pol_dead"},
    {"XfrmOutPolError", "out_pol_error"},
    {"XfrmFwdHdrError", "fwd_hdr_error"},
    {"XfrmOutStateInvalid", "out_state_invalid"},
    {"XfrmAcquireError", "acquire_error"},
};

TEST(Xfrm, EveryLine) {
  std::string file, expected;
  int value = 0;
  for (const auto& [line, family] : kXfrmNames) {
    file += std::string(line) + "    \t" + std::to_string(++value) + "\n";
    expected += "node_xfrm_" + std::string(family) + "_packets_total " + std::to_string(value) + "\n";
  }
  const auto collected = collect_file(kXfrmCollector, "proc/net/xfrm_stat", file);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), expected);
  expect_golden_families("xfrm", collected.page);
}

TEST(Xfrm, OtherLinesAndRepeatedOnesAreLeftOut) {
  const auto collected =
      collect_file(kXfrmCollector, "proc/net/xfrm_stat", "XfrmInStateDirError\t9\nXfrmInError\t1\nXfrmInError\t2");
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), "node_xfrm_in_error_packets_total 1\n");
}

TEST(Xfrm, WithoutItThereIsNothing) { expect_not_present(kXfrmCollector); }

TEST(Xfrm, RefusesWhatIsNone) {
  expect_refused(kXfrmCollector, "proc/net/xfrm_stat",
                 {"", "\n", "garbage\n", "XfrmInError 1\nXfrmInBuff", "XfrmInError -1\n", "XfrmInError x\n"});
}

const std::string kSockets =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
    "drops\n";
const std::string kUdp = kSockets +
                         "   0: 00000000:0016 00000000:0000 07 00000015:00000100 00:00000000 00000000     0        0 "
                         "2740 1 ffff88003d3af3c0 100\n"
                         " 171: 00000000:0044 00000000:0000 01 00000001:00000002 00:00000000 00000000     0        0 "
                         "2741 1 ffff88003d3af3c0 100          \n";

TEST(UdpQueues, AddsUpAllSockets) {
  const TempTree tree({{"proc/net/udp", kUdp}, {"proc/net/udp6", kSockets}});
  const auto collected = collect(*kUdpQueuesCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_udp_queues{queue=\"tx\",ip=\"v4\"} 22\n"
            "node_udp_queues{queue=\"rx\",ip=\"v4\"} 258\n"
            "node_udp_queues{queue=\"tx\",ip=\"v6\"} 0\n"
            "node_udp_queues{queue=\"rx\",ip=\"v6\"} 0\n");
  expect_golden_families("udp_queues", collected.page);
}

TEST(UdpQueues, OneProtocolIsEnough) {
  const auto ipv4 = collect_file(kUdpQueuesCollector, "proc/net/udp", kSockets);
  EXPECT_TRUE(ipv4.result) << ipv4.error();
  EXPECT_EQ(ipv4.text(), "node_udp_queues{queue=\"tx\",ip=\"v4\"} 0\nnode_udp_queues{queue=\"rx\",ip=\"v4\"} 0\n");
  const auto ipv6 = collect_file(kUdpQueuesCollector, "proc/net/udp6", kSockets);
  EXPECT_TRUE(ipv6.result) << ipv6.error();
  EXPECT_EQ(ipv6.text(), "node_udp_queues{queue=\"tx\",ip=\"v6\"} 0\nnode_udp_queues{queue=\"rx\",ip=\"v6\"} 0\n");
  expect_not_present(kUdpQueuesCollector);
}

TEST(UdpQueues, RefusesWhatIsNone) {
  for (const char* name : {"proc/net/udp", "proc/net/udp6"}) {
    expect_refused(kUdpQueuesCollector, name,
                   {"", "garbage\n", kUdp.substr(0, kUdp.size() - 1), kSockets + "\n", kSockets + "0: a b 07\n",
                    kSockets + "0: a b 07 00000001\n", kSockets + "0: a b 07 00000001:\n",
                    kSockets + "0: a b 07 -1:00000001\n", kSockets + "0 a b 07 1:1\n", kSockets + "0: a b zz 1:1\n"});
  }
  const TempTree half({{"proc/net/udp", "garbage\n"}, {"proc/net/udp6", kSockets}});
  const auto collected = collect(*kUdpQueuesCollector.make(roots_of(half)));
  EXPECT_NE(collected.error().find("proc/net/udp"), std::string::npos);
  EXPECT_EQ(collected.text(), "node_udp_queues{queue=\"tx\",ip=\"v6\"} 0\nnode_udp_queues{queue=\"rx\",ip=\"v6\"} 0\n");
}

}  // namespace
}  // namespace plimsoll::collectors::host
