// SPDX-License-Identifier: Apache-2.0
// What the host's collectors learn by netlink, asked of the real kernel: sockets, routes and queueing disciplines of
// a network namespace of the test's own, in which there is nothing else.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <vector>

#include "collectors/host/table.h"
#include "tests/root/command.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::collect;
using test::run;
using test::TempTree;

constexpr int kBacklog = 5;

// A socket on a port of its own on the loopback interface.
struct Loopback {
  UniqueFd fd;
  sockaddr_storage address = {};
  socklen_t length = sizeof(sockaddr_storage);

  Loopback(int family, int type) : fd(::socket(family, type | SOCK_CLOEXEC, 0)) {
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
    address.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) ipv4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (family == AF_INET6) ipv6->sin6_addr = in6addr_loopback;
    length = family == AF_INET ? sizeof *ipv4 : sizeof *ipv6;
    EXPECT_EQ(::bind(fd.get(), generic(), length), 0);
    EXPECT_EQ(::getsockname(fd.get(), generic(), &length), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(fd.get(), kBacklog), 0);
    }
  }
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address); }

  UniqueFd connect() {
    UniqueFd client(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), generic(), length), 0);
    return client;
  }
  UniqueFd accept() const { return UniqueFd(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
};

void wait_for_end(int fd) {
  char byte;
  EXPECT_EQ(::read(fd, &byte, 1), 0);
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

class HostSockets : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    outside_ = UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    if (!run({"ip", "link", "set", "lo", "up"})) GTEST_SKIP() << "needs ip (package iproute2)";
  }
  void TearDown() override {
    if (!outside_) return;
    EXPECT_EQ(::setns(outside_.get(), CLONE_NEWNET), 0);
  }

  static std::string text(const Entry& entry, const std::string& proc = "/proc", std::string_view family = {}) {
    const auto collected = collect(*entry.make(HostRoots{.proc = proc}));
    EXPECT_TRUE(collected.result) << collected.error();
    return collected.text(family);
  }

  // What the collector makes of the files in which the kernel says the same.
  static std::string text_of_files(const Entry& entry, std::initializer_list<const char*> names) {
    const TempTree tree;
    for (const char* name : names) {
      const auto content = read_file("/proc/net/" + std::string(name));
      EXPECT_TRUE(content);
      if (content) tree.write("proc/net/" + std::string(name), *content);
    }
    return text(entry, tree.at("proc"));
  }

  UniqueFd outside_;
};

TEST_F(HostSockets, TcpStatesOfBothProtocols) {
  EXPECT_EQ(text(kTcpstatCollector), all_states({}, 0, 0));
  Loopback ipv4(AF_INET, SOCK_STREAM), ipv6(AF_INET6, SOCK_STREAM);
  const UniqueFd client = ipv4.connect(), server = ipv4.accept(), client6 = ipv6.connect();
  ASSERT_EQ(::write(client.get(), "unread", 6), 6);
  // Not accepted yet: established all the same, and one that waits.
  EXPECT_EQ(text(kTcpstatCollector), all_states({{"established", 4}, {"listen", 2}}, 6 + 1, 2 * kBacklog));
}

TEST_F(HostSockets, AConnectionThatWasClosedWaits) {
  Loopback listener(AF_INET, SOCK_STREAM);
  UniqueFd client = listener.connect(), server = listener.accept();
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  wait_for_end(server.get());
  const std::string half = text(kTcpstatCollector);
  EXPECT_NE(half.find(state_line("close_wait", 1)), std::string::npos) << half;
  server.reset();
  wait_for_end(client.get());
  client.reset();
  const std::string closed = text(kTcpstatCollector);
  EXPECT_EQ(closed, all_states({{"time_wait", 1}, {"listen", 1}}, 0, kBacklog));
}

// More than one datagram of the dump holds.
TEST_F(HostSockets, ManySockets) {
  Loopback listener(AF_INET, SOCK_STREAM);
  std::vector<UniqueFd> ends;
  for (int i = 0; i < 400; ++i) {
    ends.push_back(listener.connect());
    ends.push_back(listener.accept());
  }
  const auto collector = kTcpstatCollector.make(HostRoots{});
  for (int round = 0; round < 2; ++round) {
    const std::string text = collect(*collector).text();
    EXPECT_NE(text.find(state_line("established", 800)), std::string::npos) << text;
  }
}

// The file does not know how many may wait to be accepted. A host's proc that is mounted elsewhere shows the network
// of the host, which is not this test's.
TEST_F(HostSockets, TheFilesSayTheSame) {
  Loopback ipv4(AF_INET, SOCK_STREAM), ipv6(AF_INET6, SOCK_STREAM);
  const UniqueFd client = ipv6.connect(), server = ipv6.accept();
  ASSERT_EQ(::write(server.get(), "unread", 6), 6);
  const std::map<std::string, int> same = {{"established", 2}, {"listen", 2}};
  EXPECT_EQ(text(kTcpstatCollector), all_states(same, 6, 2 * kBacklog));
  EXPECT_NE(text(kTcpstatCollector, "/proc/self/root/proc"), text(kTcpstatCollector));
  EXPECT_EQ(text_of_files(kTcpstatCollector, {"tcp", "tcp6"}), all_states(same, 6, 0));
}

TEST_F(HostSockets, UdpQueues) {
  const std::string empty =
      "node_udp_queues{queue=\"tx\",ip=\"v4\"} 0\nnode_udp_queues{queue=\"rx\",ip=\"v4\"} 0\n"
      "node_udp_queues{queue=\"tx\",ip=\"v6\"} 0\nnode_udp_queues{queue=\"rx\",ip=\"v6\"} 0\n";
  EXPECT_EQ(text(kUdpQueuesCollector), empty);
  Loopback ipv4(AF_INET, SOCK_DGRAM), ipv6(AF_INET6, SOCK_DGRAM), reader(AF_INET, SOCK_DGRAM);
  const std::string datagram(1000, 'x');
  ASSERT_EQ(::sendto(ipv4.fd.get(), datagram.data(), datagram.size(), 0, reader.generic(), reader.length), 1000);
  ASSERT_EQ(::sendto(ipv6.fd.get(), datagram.data(), datagram.size(), 0, ipv6.generic(), ipv6.length), 1000);
  const std::string queued = text(kUdpQueuesCollector);
  for (const char* version : {"v4", "v6"}) {
    EXPECT_EQ(queued.find("node_udp_queues{queue=\"rx\",ip=\"" + std::string(version) + "\"} 0\n"), std::string::npos);
    EXPECT_NE(queued.find("node_udp_queues{queue=\"tx\",ip=\"" + std::string(version) + "\"} 0\n"), std::string::npos);
  }
  EXPECT_EQ(queued, text_of_files(kUdpQueuesCollector, {"udp", "udp6"}));
}

class HostRoutes : public HostSockets {
 protected:
  void SetUp() override {
    HostSockets::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_TRUE(run({"ip", "link", "add", "left", "type", "veth", "peer", "name", "right"}));
    for (const char* name : {"left", "right"}) {
      // Without IPv6, whose own routes and packets come when they like.
      ASSERT_TRUE(write_existing(AT_FDCWD, "/proc/sys/net/ipv6/conf/" + std::string(name) + "/disable_ipv6", "1"));
      ASSERT_TRUE(run({"ip", "link", "set", name, "up"}));
    }
    ASSERT_TRUE(run({"ip", "address", "add", "192.0.2.1/24", "dev", "left"}));
  }
};

std::string route(const std::string& source, const std::string& destination, const std::string& gateway,
                  const std::string& rest) {
  return "node_network_route_info{device=\"left\",src=\"" + source + "\",dest=\"" + destination + "\",gw=\"" + gateway +
         "\"," + rest + "} 1\n";
}

TEST_F(HostRoutes, EachHopIsASample) {
  ASSERT_TRUE(run({"ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2", "proto", "static", "metric", "7"}));
  ASSERT_TRUE(run({"ip", "route", "add", "203.0.113.0/24", "proto", "bgp", "nexthop", "via", "192.0.2.3", "weight", "3",
                   "nexthop", "via", "192.0.2.4"}));
  ASSERT_TRUE(run({"ip", "route", "add", "default", "via", "192.0.2.2"}));
  // The same in another table, and one that is no unicast route.
  ASSERT_TRUE(run({"ip", "route", "add", "default", "via", "192.0.2.2", "table", "100"}));
  ASSERT_TRUE(run({"ip", "route", "add", "blackhole", "10.0.0.0/8"}));
  EXPECT_EQ(text(kNetworkRouteCollector),
            route("", "198.51.100.0/24", "192.0.2.2", "priority=\"7\",proto=\"static\",weight=\"\"") +
                route("", "203.0.113.0/24", "192.0.2.3", "priority=\"0\",proto=\"bgp\",weight=\"3\"") +
                route("", "203.0.113.0/24", "192.0.2.4", "priority=\"0\",proto=\"bgp\",weight=\"1\"") +
                route("", "default", "192.0.2.2", "priority=\"0\",proto=\"boot\",weight=\"\"") +
                route("192.0.2.1", "192.0.2.0/24", "", "priority=\"0\",proto=\"kernel\",weight=\"\"") +
                "node_network_routes{device=\"left\"} 6\n");
}

TEST_F(HostRoutes, RoutesOfIpv6) {
  ASSERT_TRUE(write_existing(AT_FDCWD, "/proc/sys/net/ipv6/conf/left/disable_ipv6", "0"));
  ASSERT_TRUE(run({"ip", "route", "add", "2001:db8:0:1::/64", "dev", "left", "metric", "9"}));
  const std::string routes = text(kNetworkRouteCollector, "/proc", "node_network_route_info");
  EXPECT_NE(routes.find(route("", "2001:db8:0:1::/64", "", "priority=\"9\",proto=\"boot\",weight=\"\"")),
            std::string::npos)
      << routes;
}

TEST_F(HostRoutes, QueueingDisciplines) {
  if (!run({"tc", "qdisc", "replace", "dev", "left", "root", "handle", "1:", "tbf", "rate", "100mbit", "burst", "100kb",
            "limit", "100kb"}))
    GTEST_SKIP() << "needs tc (package iproute2) and the discipline tbf";
  ASSERT_TRUE(run({"tc", "qdisc", "replace", "dev", "left", "parent", "1:1", "pfifo"}));
  const std::string left = "{device=\"left\",kind=\"tbf\"} ";
  EXPECT_NE(text(kQdiscCollector).find("node_qdisc_packets_total" + left), std::string::npos);
  EXPECT_EQ(text(kQdiscCollector).find("pfifo"), std::string::npos) << "not at the root";
  const UniqueFd broadcast(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ASSERT_EQ(::setsockopt(broadcast.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes), 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.255", &to.sin_addr);
  const std::string before = text(kQdiscCollector, "/proc", "node_qdisc_packets_total");
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(::sendto(broadcast.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 1);
  const std::string after = text(kQdiscCollector, "/proc", "node_qdisc_packets_total");
  EXPECT_NE(before.find("node_qdisc_packets_total" + left + "0\n"), std::string::npos) << before;
  EXPECT_NE(after.find("node_qdisc_packets_total" + left + "3\n"), std::string::npos) << after;
  EXPECT_NE(text(kQdiscCollector).find("node_qdisc_bytes_total" + left + "129\n"), std::string::npos);
  ASSERT_TRUE(run({"ip", "link", "delete", "left"}));
  EXPECT_EQ(text(kQdiscCollector).find("left"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::collectors::host
