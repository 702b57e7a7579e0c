// SPDX-License-Identifier: Apache-2.0
// What comes by netlink: TCP connections by state, queueing disciplines, routes. Messages are made by hand here;
// tests/root/host_sockets_test.cpp asks the kernel.
#include <linux/gen_stats.h>
#include <linux/inet_diag.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <map>

#include "base/netlink.h"
#include "collectors/host/parts/network_route_info.h"
#include "collectors/host/parts/own_network.h"
#include "collectors/host/parts/qdisc_info.h"
#include "collectors/host/parts/sock_diag.h"
#include "collectors/host/table.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/host_golden.h"

namespace plimsoll::collectors::host {
namespace {

using netlink::Message;
using test::collect;
using test::collect_file;
using test::expect_golden_families;
using test::expect_not_present;
using test::expect_refused;
using test::flag_of;
using test::FlagValues;
using test::roots_of;
using test::setup_of;
using test::TempTree;

TEST(OwnNetwork, IsThatOfAProcFileSystemOnly) {
  EXPECT_TRUE(is_own_network(HostRoots{}));
  EXPECT_FALSE(is_own_network(HostRoots{.proc = "/proc/self"})) << "its process 1 cannot be seen";
  const TempTree tree({{"proc/net/tcp", ""}});
  EXPECT_FALSE(is_own_network(roots_of(tree)));
  EXPECT_FALSE(is_own_network(HostRoots{.sys = tree.path()}));
  EXPECT_EQ(net_file(HostRoots{}, "dev"), "/proc/net/dev");
  EXPECT_EQ(net_file(roots_of(tree), "tcp"), tree.at("proc/net/tcp"));
  tree.write("proc/1/net/dev", "");
  EXPECT_EQ(net_file(roots_of(tree), "tcp"), tree.at("proc/1/net/tcp"));
  EXPECT_FALSE(is_own_network(HostRoots{.proc = tree.at("missing")}));
}

const std::string kSockets =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

std::string socket_line(const char* state, const char* queues = "00000000:00000000") {
  return "   0: 0100007F:0016 00000000:0000 " + std::string(state) + " " + queues +
         " 00:00000000 00000000     0        0 2740 1 ffff88003d3af3c0 100 0 0 10 0                      \n";
}

std::string state_line(const char* state, int value) {
  return "node_tcp_connection_states{state=\"" + std::string(state) + "\"} " + std::to_string(value) + "\n";
}

// The states of a dump in their order, and the bytes in its queues.
std::string all_states(const std::map<std::string, int>& some, int receive, int transmit) {
  std::string text;
  for (const char* state : {"established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close",
                            "close_wait", "last_ack", "listen", "closing"})
    text += state_line(state, some.contains(state) ? some.at(state) : 0);
  return text + state_line("rx_queued_bytes", receive) + state_line("tx_queued_bytes", transmit);
}

TEST(Tcpstat, CountsEveryStateInTheFiles) {
  std::string file = kSockets;
  for (const char* state : {"01", "02", "03", "04", "05", "06", "07", "08", "09", "0A", "0B"})
    file += socket_line(state);
  const TempTree tree({{"proc/net/tcp", file},
                       {"proc/net/tcp6", kSockets + socket_line("01", "00000010:00000001") + socket_line("0C") +
                                             socket_line("FF", "00000000:00000100")}});
  const auto collected = collect(*kTcpstatCollector.make(roots_of(tree)));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), state_line("unknown", 2) + state_line("established", 2) + state_line("syn_sent", 1) +
                                  state_line("syn_recv", 1) + state_line("fin_wait1", 1) + state_line("fin_wait2", 1) +
                                  state_line("time_wait", 1) + state_line("close", 1) + state_line("close_wait", 1) +
                                  state_line("last_ack", 1) + state_line("listen", 1) + state_line("closing", 1) +
                                  state_line("rx_queued_bytes", 257) + state_line("tx_queued_bytes", 16));
  expect_golden_families("tcpstat", collected.page);
}

TEST(Tcpstat, AStateWithoutConnectionsIsCountedToo) {
  const auto collected = collect_file(kTcpstatCollector, "proc/net/tcp", kSockets + socket_line("0A"));
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(), all_states({{"listen", 1}}, 0, 0));
  EXPECT_EQ(collect_file(kTcpstatCollector, "proc/net/tcp", kSockets).text(), all_states({}, 0, 0));
}

TEST(Tcpstat, WithoutTheFileThereIsNothing) { expect_not_present(kTcpstatCollector); }

TEST(Tcpstat, RefusesWhatIsNone) {
  expect_refused(kTcpstatCollector, "proc/net/tcp",
                 {"", "garbage\n", kSockets + "\n", kSockets + "0: a b\n", kSockets + "0: a b xy 1:1\n",
                  kSockets + "0: a b 01 1\n", kSockets + socket_line("01") + "   0: 0100"});
  const TempTree tree({{"proc/net/tcp", kSockets}, {"proc/net/tcp6", "garbage\n"}});
  const auto collected = collect(*kTcpstatCollector.make(roots_of(tree)));
  EXPECT_NE(collected.error().find("proc/net/tcp6"), std::string::npos);
  EXPECT_EQ(collected.text(), "");
}

std::string diag_message(uint8_t state, uint32_t receive, uint32_t transmit, uint32_t sequence) {
  inet_diag_msg socket = {};
  socket.idiag_state = state;
  socket.idiag_rqueue = receive;
  socket.idiag_wqueue = transmit;
  Message message(20, 0, socket);
  message.attribute(INET_DIAG_SHUTDOWN, std::string_view("\3", 1));  // comes unasked
  return std::string(message.finish(sequence));
}

std::string done_message(int code, uint32_t sequence) {
  return std::string(Message(NLMSG_DONE, 0, code).finish(sequence));
}

TEST(SockDiag, AddsUpTheMessagesOfItsDump) {
  SocketTotals totals;
  const auto more = add_datagram(
      diag_message(1, 10, 20, 7) + diag_message(6, 0, 0, 7) + diag_message(1, 5, 5, 6) + diag_message(200, 1, 1, 7), 7,
      totals);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  const auto end = add_datagram(diag_message(10, 1, 128, 7) + done_message(0, 7), 7, totals);
  ASSERT_TRUE(end);
  EXPECT_TRUE(*end);
  EXPECT_EQ(totals.count, (std::array<uint64_t, 12>{1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(totals.receive_queued, 12u);
  EXPECT_EQ(totals.transmit_queued, 149u);
}

TEST(SockDiag, AnErrorEndsTheDump) {
  SocketTotals totals;
  const auto refused = add_datagram(Message(NLMSG_ERROR, 0, -ENOENT).finish(3), 3, totals);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ENOENT);
  EXPECT_TRUE(is_unsupported(refused.error()));
  const auto failed = add_datagram(done_message(-EINTR, 3), 3, totals);
  ASSERT_FALSE(failed);
  EXPECT_FALSE(is_unsupported(failed.error()));
  EXPECT_FALSE(add_datagram(Message(20, 0, uint32_t{1}).finish(3), 3, totals)) << "cut off";
  const std::string whole = diag_message(1, 1, 1, 3);
  const auto cut = add_datagram(std::string_view(whole).substr(0, whole.size() - 1), 3, totals);
  ASSERT_TRUE(cut);
  EXPECT_FALSE(*cut);
  EXPECT_EQ(totals.count[1], 0u);
}

// Text of one message's body.
std::string body_of(Message message) { return std::string(message.finish(1).substr(sizeof(nlmsghdr))); }

struct QdiscCounts {
  uint64_t bytes = 0;
  uint32_t packets = 0;
  gnet_stats_queue queue = {};
  uint64_t packets64 = 0;
};

std::string qdisc_body(uint32_t parent, const std::string& kind, const QdiscCounts& counts) {
  tcmsg header = {};
  header.tcm_ifindex = 5;
  header.tcm_parent = parent;
  Message message(RTM_NEWQDISC, 0, header);
  message.text_attribute(TCA_KIND, kind);
  const size_t statistics = message.begin(TCA_STATS2);
  std::string basic(reinterpret_cast<const char*>(&counts.bytes), sizeof counts.bytes);
  basic.append(reinterpret_cast<const char*>(&counts.packets), sizeof counts.packets);
  message.attribute(TCA_STATS_BASIC, basic);
  message.attribute(TCA_STATS_QUEUE,
                    std::string_view(reinterpret_cast<const char*>(&counts.queue), sizeof counts.queue));
  if (counts.packets64 != 0)
    message.attribute(TCA_STATS_PKT64, std::string_view(reinterpret_cast<const char*>(&counts.packets64), 8));
  message.end(statistics);
  return body_of(std::move(message));
}

TEST(QdiscInfo, ReadsTheKernelsMessage) {
  const auto qdisc = parse_qdisc(qdisc_body(TC_H_ROOT, "fq_codel", {1ull << 40, 7, {1, 2, 3, 4, 5}, 0}));
  ASSERT_TRUE(qdisc);
  EXPECT_EQ(qdisc->interface, 5u);
  EXPECT_EQ(qdisc->kind, "fq_codel");
  EXPECT_TRUE(qdisc->root);
  EXPECT_EQ(qdisc->bytes, 1ull << 40);
  EXPECT_EQ(qdisc->packets, 7u);
  EXPECT_EQ(qdisc->queue_length, 1u);
  EXPECT_EQ(qdisc->backlog, 2u);
  EXPECT_EQ(qdisc->drops, 3u);
  EXPECT_EQ(qdisc->requeues, 4u);
  EXPECT_EQ(qdisc->overlimits, 5u);
}

TEST(QdiscInfo, PacketsBeyond32Bits) {
  EXPECT_EQ(parse_qdisc(qdisc_body(TC_H_ROOT, "fq", {0, 7, {}, (1ull << 32) + 7}))->packets, (1ull << 32) + 7);
}

TEST(QdiscInfo, TellsTheRootFromTheRest) {
  EXPECT_TRUE(parse_qdisc(qdisc_body(0, "noqueue", {}))->root);
  EXPECT_FALSE(parse_qdisc(qdisc_body(1, "fq", {}))->root);
  EXPECT_FALSE(parse_qdisc(qdisc_body(TC_H_INGRESS, "ingress", {}))->root);
}

TEST(QdiscInfo, ACutOffMessageIsNone) {
  const std::string whole = qdisc_body(TC_H_ROOT, "fq", {1, 1, {}, 0});
  for (size_t length = 0; length < sizeof(tcmsg) + 4; ++length)
    EXPECT_FALSE(parse_qdisc(std::string_view(whole).substr(0, length)));
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto qdisc = parse_qdisc(std::string_view(whole).substr(0, length));
    EXPECT_EQ(qdisc ? qdisc->packets : 0, 0u) << length;
  }
}

const char* const kResults = R"([
    { "IfaceName": "wlan0", "Bytes": 42, "Packets": 43, "Requeues": 1, "Kind": "fq", "Drops": 2, "Overlimits": 3,
      "Qlen": 4, "Backlog": 5, "Handle": 65536 },
    { "IfaceName": "eth0", "Bytes": 83, "Kind": "pfifo_fast", "Parent": 4294967295 },
    { "IfaceName": "eth0", "Bytes": 9, "Kind": "pfifo_fast" },
    { "IfaceName": "eth0", "Bytes": 1, "Kind": "fq", "Parent": 65537 },
    { "IfaceName": "q\"\\", "Kind": "mq" }
])";

test::Collected collect_results(const std::string& results, FlagValues values = {}) {
  const TempTree tree({{"results.json", results}});
  Setup setup = setup_of(kQdiscCollector, HostRoots{}, values);
  setup.flags.set(flag_of(kQdiscCollector, "qdisc.fixtures"), tree.path());
  return collect(*kQdiscCollector.make(setup));
}

TEST(Qdisc, ShowsTheRootOfEachInterfaceOnce) {
  const auto collected = collect_results(kResults);
  EXPECT_TRUE(collected.result) << collected.error();
  EXPECT_EQ(collected.text(),
            "node_qdisc_bytes_total{device=\"wlan0\",kind=\"fq\"} 42\n"
            "node_qdisc_bytes_total{device=\"eth0\",kind=\"pfifo_fast\"} 83\n"
            "node_qdisc_bytes_total{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_packets_total{device=\"wlan0\",kind=\"fq\"} 43\n"
            "node_qdisc_packets_total{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_packets_total{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_drops_total{device=\"wlan0\",kind=\"fq\"} 2\n"
            "node_qdisc_drops_total{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_drops_total{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_requeues_total{device=\"wlan0\",kind=\"fq\"} 1\n"
            "node_qdisc_requeues_total{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_requeues_total{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_overlimits_total{device=\"wlan0\",kind=\"fq\"} 3\n"
            "node_qdisc_overlimits_total{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_overlimits_total{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_current_queue_length{device=\"wlan0\",kind=\"fq\"} 4\n"
            "node_qdisc_current_queue_length{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_current_queue_length{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n"
            "node_qdisc_backlog{device=\"wlan0\",kind=\"fq\"} 5\n"
            "node_qdisc_backlog{device=\"eth0\",kind=\"pfifo_fast\"} 0\n"
            "node_qdisc_backlog{device=\"q\\\"\\\\\",kind=\"mq\"} 0\n");
  expect_golden_families("qdisc", collected.page);
}

TEST(Qdisc, InterfacesAreChosen) {
  EXPECT_EQ(collect_results(kResults, {{"qdisc.device-include", "^w"}}).text("node_qdisc_backlog"),
            "node_qdisc_backlog{device=\"wlan0\",kind=\"fq\"} 5\n");
  EXPECT_EQ(collect_results(kResults, {{"qdisc.device-exclude", "wlan|\""}}).text("node_qdisc_backlog"),
            "node_qdisc_backlog{device=\"eth0\",kind=\"pfifo_fast\"} 0\n");
  const auto none = collect_results("[]\n");
  EXPECT_TRUE(none.result) << none.error();
  EXPECT_EQ(none.text(), "");
}

TEST(Qdisc, RefusesWhatIsNone) {
  for (const char* results :
       {"", "{}", "[", "[}", "[{]", "[{}", "[{\"a\"}]", "[{\"Bytes\": -1}]", "[{\"Bytes\": 1.5}]", "[{\"Bytes\": }]",
        "[{\"Bytes\": 18446744073709551616}]", "[{\"Kind\": \"x}]", "[{\"Kind\": \"\\", "[{\"Kind\": \"\\u0041\"}]",
        "[{}] x", "[{},]", "[{\"Kind\": [[[[[[]]]]]]}]"}) {
    const auto collected = collect_results(results);
    EXPECT_NE(collected.error().find("results.json"), std::string::npos) << results;
    EXPECT_EQ(collected.text(), "") << results;
  }
}

TEST(Qdisc, NothingIsKnownOfAnotherMachine) {
  expect_not_present(kQdiscCollector);
  expect_not_present(kNetworkRouteCollector);
}

struct RouteHeader {
  uint8_t family, length, protocol, type;
};

Message route_message(const RouteHeader& fields) {
  rtmsg header = {};
  header.rtm_family = fields.family;
  header.rtm_dst_len = fields.length;
  header.rtm_protocol = fields.protocol;
  header.rtm_type = fields.type;
  return {RTM_NEWROUTE, 0, header};
}

std::string_view address(const char (&bytes)[5]) { return {bytes, 4}; }

TEST(RouteInfo, ARouteOfOneHop) {
  Message message = route_message({AF_INET, 8, RTPROT_DHCP, RTN_UNICAST});
  message.attribute(RTA_DST, address("\x0a\0\0\0"));
  message.attribute(RTA_PREFSRC, address("\x0a\0\0\x07"));
  message.attribute(RTA_GATEWAY, address("\x0a\0\0\x01"));
  message.attribute(RTA_PRIORITY, 100u);
  message.attribute(RTA_OIF, 3u);
  const auto route = parse_route(body_of(std::move(message)));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->destination, "10.0.0.0/8");
  EXPECT_EQ(route->source, "10.0.0.7");
  EXPECT_EQ(route->priority, 100u);
  EXPECT_EQ(route_protocol_name(route->protocol), "dhcp");
  ASSERT_EQ(route->hops.size(), 1u);
  EXPECT_EQ(route->hops[0].interface, 3u);
  EXPECT_EQ(route->hops[0].gateway, "10.0.0.1");
  EXPECT_EQ(route->hops[0].weight, "");
}

// Two hops: 10.0.0.1 by interface 3 with weight 5, interface 4 directly.
std::string multipath() {
  rtnexthop hop = {};
  std::string text;
  hop.rtnh_len = sizeof(rtnexthop) + sizeof(rtattr) + 4;
  hop.rtnh_hops = 4;
  hop.rtnh_ifindex = 3;
  const rtattr gateway = {sizeof(rtattr) + 4, RTA_GATEWAY};
  text.append(reinterpret_cast<const char*>(&hop), sizeof hop);
  text.append(reinterpret_cast<const char*>(&gateway), sizeof gateway);
  text.append(address("\x0a\0\0\x01"));
  hop = {};
  hop.rtnh_len = sizeof(rtnexthop);
  hop.rtnh_ifindex = 4;
  text.append(reinterpret_cast<const char*>(&hop), sizeof hop);
  return text;
}

TEST(RouteInfo, EachHopOfMany) {
  Message message = route_message({AF_INET, 0, RTPROT_BOOT, RTN_UNICAST});
  message.attribute(RTA_MULTIPATH, multipath());
  const auto route = parse_route(body_of(std::move(message)));
  ASSERT_TRUE(route);
  EXPECT_EQ(route->destination, "default");
  ASSERT_EQ(route->hops.size(), 2u);
  EXPECT_EQ(route->hops[0].interface, 3u);
  EXPECT_EQ(route->hops[0].gateway, "10.0.0.1");
  EXPECT_EQ(route->hops[0].weight, "5");
  EXPECT_EQ(route->hops[1].interface, 4u);
  EXPECT_EQ(route->hops[1].gateway, "");
  EXPECT_EQ(route->hops[1].weight, "1");
}

TEST(RouteInfo, OtherRoutesAndCutOffOnesAreNone) {
  EXPECT_FALSE(parse_route(body_of(route_message({AF_INET, 0, RTPROT_BOOT, RTN_LOCAL}))));
  EXPECT_FALSE(parse_route(body_of(route_message({AF_MPLS, 0, RTPROT_BOOT, RTN_UNICAST}))));
  EXPECT_TRUE(parse_route(body_of(route_message({AF_INET6, 0, RTPROT_BOOT, RTN_UNICAST}))));
  EXPECT_FALSE(parse_route(body_of(route_message({AF_INET, 8, RTPROT_BOOT, RTN_UNICAST})))) << "no address";
  EXPECT_FALSE(parse_route("short"));
  const std::string hops = multipath();
  for (const size_t length : {size_t{1}, hops.size() - 1}) {
    Message cut = route_message({AF_INET, 0, RTPROT_BOOT, RTN_UNICAST});
    cut.attribute(RTA_MULTIPATH, std::string_view(hops).substr(0, length));
    EXPECT_FALSE(parse_route(body_of(std::move(cut)))) << length;
  }
}

TEST(RouteInfo, Protocols) {
  EXPECT_EQ(route_protocol_name(RTPROT_UNSPEC), "unspec");
  EXPECT_EQ(route_protocol_name(RTPROT_KERNEL), "kernel");
  EXPECT_EQ(route_protocol_name(RTPROT_EIGRP), "eigrp");
  EXPECT_EQ(route_protocol_name(99), "unknown");
}

}  // namespace
}  // namespace plimsoll::collectors::host
