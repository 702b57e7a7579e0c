// SPDX-License-Identifier: Apache-2.0
// Sockets of a network namespace: net/tcp, net/udp, net/netstat, net/snmp, net/sockstat.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/container/sockets.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const std::string kTcpHeading =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode              \n";
const std::string kUdpHeading =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer "
    "drops            \n";

std::string tcp_line(const std::string& state, const std::string& queues = "00000000:00000000") {
  return "   0: 0100007F:927F 00000000:0000 " + state + " " + queues +
         " 00:00000000 00000000     0        0 1316797 1 0000000039d08fe2 100 0 0 10 0                   \n";
}

std::string udp_line(const std::string& state, const std::string& queues, const std::string& drops) {
  return "  381: 0100007F:0035 00000000:0000 " + state + " " + queues +
         " 00:00000000 00000000   101        0 17018 2 0000000000000000 " + drops + "         \n";
}

constexpr std::string_view kNetstat =
    "TcpExt: SyncookiesSent TW TCPHPHits TCPDelivered\n"
    "TcpExt: 1 2 18446744073709551615 4\n"
    "IpExt: InNoRoutes TW\n"
    "IpExt: 7 8\n";
constexpr std::string_view kSnmp =
    "Ip: Forwarding DefaultTTL\n"
    "Ip: 1 64\n"
    "Tcp: RtoAlgorithm MaxConn CurrEstab InSegs\n"
    "Tcp: 1 -1 3 2624755\n"
    "Udp: InDatagrams\n"
    "Udp: 9\n";
constexpr std::string_view kSockstat =
    "sockets: used 78\n"
    "TCP: inuse 2 orphan 3 tw 4 alloc 5 mem 6\n"
    "UDP: inuse 7 mem 8\n"
    "UDPLITE: inuse 9\n"
    "RAW: inuse 10\n"
    "FRAG: inuse 11 memory 12\n";

TEST(ParseTcp, CountsByState) {
  std::string text = kTcpHeading;
  for (const char* state : {"01", "01", "02", "03", "04", "05", "06", "07", "08", "09", "0A", "0B"})
    text += tcp_line(state);
  const auto states = parse_tcp(text);
  ASSERT_TRUE(states);
  EXPECT_THAT(states->count, ElementsAre(2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
}

TEST(ParseTcp, AcceptQueueIsThatOfListeners) {
  const auto states = parse_tcp(kTcpHeading + tcp_line("0A", "00000000:00000011") +
                                tcp_line("0A", "00000005:00000001") + tcp_line("01", "00000000:00000100"));
  ASSERT_TRUE(states);
  EXPECT_EQ(states->accept_queue, 0x12u);
}

TEST(ParseTcp, NoSocketsAreZeros) {
  const auto states = parse_tcp(kTcpHeading);
  ASSERT_TRUE(states);
  EXPECT_THAT(states->count, testing::Each(0));
}

TEST(ParseTcp, GarbageIsLeftOut) {
  EXPECT_FALSE(parse_tcp(""));
  EXPECT_FALSE(parse_tcp("\n\n"));
  EXPECT_FALSE(parse_tcp(tcp_line("01")));
  for (const std::string& line : {tcp_line("00"), tcp_line("0C"), tcp_line("FF"), tcp_line("xx"), tcp_line("-1"),
                                  tcp_line("01", "0:"), tcp_line("01", ":"), tcp_line("01", "12"),
                                  std::string("\xff\xff: 1 2 01\n"), std::string("   3: 0100007F:927F\n")}) {
    const auto states = parse_tcp(kTcpHeading + line + tcp_line("0B"));
    ASSERT_TRUE(states);
    EXPECT_THAT(states->count, ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)) << line;
  }
}

TEST(ParseTcp, EveryTruncationCountsWholeLinesAtMost) {
  const std::string text = kTcpHeading + tcp_line("01") + tcp_line("01");
  for (size_t size = 0; size < text.size(); ++size) {
    const auto states = parse_tcp(std::string_view(text).substr(0, size));
    EXPECT_LE(states ? states->count[0] : 0, 2u);
  }
}

TEST(ParseUdp, QueuesAreWhatTheyAreCalled) {
  const auto sockets = parse_udp(kUdpHeading + udp_line("07", "00000001:00000010", "3") +
                                 udp_line("01", "00000002:00000020", "4") + udp_line("07", "00000000:00000000", "x"));
  ASSERT_TRUE(sockets);
  EXPECT_EQ(sockets->listen, 3u) << "connected ones too";
  EXPECT_EQ(sockets->transmit_queued, 3u);
  EXPECT_EQ(sockets->receive_queued, 0x30u);
  EXPECT_EQ(sockets->dropped, 7u);
}

TEST(ParseUdp, Garbage) {
  EXPECT_FALSE(parse_udp(""));
  EXPECT_FALSE(parse_udp("nonsense\n"));
  EXPECT_EQ(parse_udp(kUdpHeading)->listen, 0u);
  EXPECT_EQ(parse_udp(kUdpHeading + "\n \n: : : :\n  1: a b 07 zz:1\n")->listen, 0u);
}

TEST(ParseAdvancedTcp, NamesOfCadvisorWithValues) {
  EXPECT_THAT(parse_advanced_tcp(kNetstat, kSnmp),
              ElementsAre(Pair("syncookiessent", 1), Pair("tw", 2), Pair("rtoalgorithm", 1), Pair("maxconn", -1),
                          Pair("currestab", 3), Pair("insegs", 2624755)))
      << "no name that cAdvisor has not, no value beyond its type";
}

TEST(ParseAdvancedTcp, Garbage) {
  EXPECT_THAT(parse_advanced_tcp("", ""), IsEmpty());
  EXPECT_THAT(parse_advanced_tcp("TcpExt: TW", ""), IsEmpty()) << "no values";
  EXPECT_THAT(parse_advanced_tcp("TcpExt: TW\nIpExt: 4\n", ""), IsEmpty());
  EXPECT_THAT(parse_advanced_tcp("TcpExt: TW TCPTimeouts\nTcpExt: x\n", ""), IsEmpty());
  EXPECT_THAT(parse_advanced_tcp("TcpExt: TW TCPTimeouts\nTcpExt: 5\n", ""), ElementsAre(Pair("tw", 5)));
  const std::string long_name(10'000, 'T');
  EXPECT_THAT(parse_advanced_tcp("TcpExt: " + long_name + " TW\nTcpExt: 1 2\n", ""), ElementsAre(Pair("tw", 2)));
}

TEST(ParseSockstat, Counts) {
  SocketCounts counts;
  parse_sockstat(kSockstat, counts);
  EXPECT_EQ(counts.sockets_used, 78u);
  EXPECT_EQ(counts.tcp_in_use, 2u);
  EXPECT_EQ(counts.tcp_orphan, 3u);
  EXPECT_EQ(counts.tcp_time_wait, 4u);
  EXPECT_EQ(counts.tcp_allocated, 5u);
  EXPECT_EQ(counts.udp_in_use, 7u);
}

TEST(ParseSockstat, WhatIsMissingIsAbsent) {
  for (std::string_view text : {"", "TCP:", "TCP: inuse", "TCP: inuse x\n", "\xff\n", "TCP inuse 2\n"}) {
    SocketCounts counts;
    parse_sockstat(text, counts);
    EXPECT_FALSE(counts.tcp_in_use) << text;
    EXPECT_FALSE(counts.sockets_used) << text;
  }
}

class ReadSockets : public testing::Test {
 protected:
  bool read(const KindSet& kinds, int64_t deadline_ns = INT64_MAX, pid_t pid = 10) {
    return read_sockets(tree_.at("proc"), pid, kinds, deadline_ns, buffer_, counts_);
  }

  test::TempTree tree_{{"proc/10/net/tcp", kTcpHeading + tcp_line("01")},
                       {"proc/10/net/tcp6", kTcpHeading + tcp_line("0A")},
                       {"proc/10/net/udp", kUdpHeading + udp_line("07", "0:0", "0")},
                       {"proc/10/net/netstat", std::string(kNetstat)},
                       {"proc/10/net/snmp", std::string(kSnmp)},
                       {"proc/10/net/sockstat", std::string(kSockstat)}};
  ReadBuffer buffer_;
  SocketCounts counts_;
};

KindSet only(Kind kind) {
  KindSet kinds = KindSet::none();
  kinds.set(kind, true);
  return kinds;
}

TEST_F(ReadSockets, AllKinds) {
  ASSERT_TRUE(read(KindSet::all()));
  EXPECT_EQ(counts_.tcp->count[0], 1u);
  EXPECT_EQ(counts_.tcp6->count[9], 1u);
  EXPECT_EQ(counts_.udp->listen, 1u);
  EXPECT_FALSE(counts_.udp6) << "no IPv6";
  EXPECT_EQ(counts_.advanced_tcp.size(), 6u);
  EXPECT_EQ(counts_.sockets_used, 78u);
}

TEST_F(ReadSockets, OnlyWhatIsAskedFor) {
  ASSERT_TRUE(read(only(Kind::kSockets)));
  EXPECT_TRUE(counts_.tcp_in_use);
  EXPECT_FALSE(counts_.tcp || counts_.udp || !counts_.advanced_tcp.empty());
  ASSERT_TRUE(read(only(Kind::kTcp)));
  EXPECT_TRUE(counts_.tcp && counts_.tcp6);
  EXPECT_FALSE(counts_.udp || counts_.tcp_in_use);
  ASSERT_TRUE(read(only(Kind::kUdp)));
  EXPECT_TRUE(counts_.udp);
  ASSERT_TRUE(read(only(Kind::kAdvancedTcp)));
  EXPECT_EQ(counts_.advanced_tcp.size(), 6u);
}

TEST_F(ReadSockets, AfterTheDeadlineNothing) {
  ASSERT_TRUE(read(KindSet::all()));
  EXPECT_FALSE(read(KindSet::all(), monotonic_ns() - 1));
  EXPECT_FALSE(counts_.tcp || counts_.sockets_used || !counts_.advanced_tcp.empty());
}

TEST_F(ReadSockets, ProcessThatIsGone) {
  EXPECT_FALSE(read(KindSet::all(), INT64_MAX, 11));
  EXPECT_FALSE(counts_.tcp);
}

TEST_F(ReadSockets, TableBeyondTheLimitIsAbsent) {
  buffer_ = ReadBuffer(4096, 64 * 1024);
  std::string text = kTcpHeading;
  while (text.size() < 100 * 1024) text += tcp_line("01");
  tree_.write("proc/10/net/tcp", text);
  ASSERT_TRUE(read(only(Kind::kTcp)));
  EXPECT_FALSE(counts_.tcp);
  EXPECT_TRUE(counts_.tcp6);
}

TEST(WantsSockets, AnyOfItsKinds) {
  EXPECT_FALSE(wants_sockets(KindSet::none()));
  for (Kind kind : {Kind::kTcp, Kind::kUdp, Kind::kAdvancedTcp, Kind::kSockets}) EXPECT_TRUE(wants_sockets(only(kind)));
  EXPECT_FALSE(wants_sockets(only(Kind::kNetwork)));
}

}  // namespace
}  // namespace plimsoll::collectors::container
