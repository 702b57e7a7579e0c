// SPDX-License-Identifier: Apache-2.0
// Who shows which network namespace, in a tree of our own (a namespace is its net/dev; processes that share it
// have a link to the same file), and the messages of the kernel's dumps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>

#include "base/netlink.h"
#include "collectors/container/link_stats.h"
#include "collectors/container/network.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kHeadings =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n";

std::string net_dev_line(const std::string& name, uint64_t first) {
  std::string line = "  " + name + ":";
  for (uint64_t i = 0; i < 16; ++i) line += " " + std::to_string(first + i);
  return line + "\n";
}

class Machine {
 public:
  Machine() {
    tree.write("spaces/host", kHeadings + net_dev_line("eth0", 1));
    process(1, "host");
  }

  void make_space(const std::string& space, uint64_t first = 100) const {
    tree.write("spaces/" + space, kHeadings + net_dev_line("lo", 7) + net_dev_line("eth0", first));
  }
  void process(pid_t pid, const std::string& space) const {
    const std::string directory = "proc/" + std::to_string(pid) + "/net";
    tree.make_dir(directory);
    EXPECT_EQ(::link(tree.at("spaces/" + space).c_str(), tree.at(directory + "/dev").c_str()), 0);
  }
  void end(pid_t pid) const { EXPECT_TRUE(remove_tree(tree.at("proc/" + std::to_string(pid)))); }
  HostRoots roots() const { return {.proc = tree.at("proc")}; }

  test::TempTree tree;
};

// A group as the collector keeps it.
struct Pod {
  pid_t pid = 0;
  bool sandbox = false;
  int64_t created_ns = 0;
  NetworkPlace place = {};
  std::vector<cgroup::NetworkInterface> interfaces = {};
  bool shown = false;
  int asked = 0;
};

class Show : public testing::Test {
 protected:
  // The groups that show their namespace, by number.
  std::vector<size_t> show(std::vector<Pod>& pods) {
    std::vector<NetworkClaim> claims;
    for (Pod& pod : pods) {
      NetworkClaim claim;
      claim.place = &pod.place;
      claim.find_process = [&pod] {
        ++pod.asked;
        return pod.pid;
      };
      claim.sandbox = pod.sandbox;
      claim.created_ns = pod.created_ns;
      claim.interfaces = &pod.interfaces;
      claims.push_back(std::move(claim));
    }
    networks_.show(claims, buffer_);
    std::vector<size_t> shown;
    for (size_t i = 0; i < pods.size(); ++i) {
      pods[i].shown = claims[i].shown;
      if (pods[i].shown) shown.push_back(i);
      if (!pods[i].shown) {
        EXPECT_THAT(pods[i].interfaces, IsEmpty()) << i;
      }
    }
    return shown;
  }

  Machine machine_;
  ReadBuffer buffer_;
  Networks networks_{machine_.roots(), UniqueFd()};
};

TEST_F(Show, InterfacesWithoutLoopback) {
  machine_.make_space("a");
  machine_.process(10, "a");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  ASSERT_EQ(pods[0].interfaces.size(), 1u);
  const cgroup::NetworkInterface& eth0 = pods[0].interfaces[0];
  EXPECT_EQ(eth0.name, "eth0");
  EXPECT_THAT((std::vector{eth0.receive_bytes, eth0.receive_packets, eth0.receive_errors, eth0.receive_dropped}),
              ElementsAre(100, 101, 102, 103));
  EXPECT_THAT((std::vector{eth0.transmit_bytes, eth0.transmit_packets, eth0.transmit_errors, eth0.transmit_dropped}),
              ElementsAre(108, 109, 110, 111));
}

TEST_F(Show, SharedNamespaceOnceAndOnTheSandbox) {
  machine_.make_space("pod");
  for (pid_t pid : {10, 11, 12}) machine_.process(pid, "pod");
  std::vector<Pod> pods = {{.pid = 10, .created_ns = 1}, {.pid = 11, .sandbox = true, .created_ns = 9}, {.pid = 12}};
  for (int scrape = 0; scrape < 3; ++scrape) EXPECT_THAT(show(pods), ElementsAre(1));
}

TEST_F(Show, WithoutASandboxTheOldestHasIt) {
  machine_.make_space("shared");
  for (pid_t pid : {10, 11, 12, 13}) machine_.process(pid, "shared");
  std::vector<Pod> pods = {
      {.pid = 10}, {.pid = 11, .created_ns = 9}, {.pid = 12, .created_ns = 5}, {.pid = 13, .created_ns = 5}};
  for (int scrape = 0; scrape < 3; ++scrape) EXPECT_THAT(show(pods), ElementsAre(2)) << "of equals the first";
}

TEST_F(Show, HeirShowsItWhenTheOwnerIsGone) {
  machine_.make_space("shared");
  machine_.process(10, "shared");
  machine_.process(11, "shared");
  std::vector<Pod> pods = {{.pid = 10, .created_ns = 1}, {.pid = 11, .created_ns = 2}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(10);
  pods.erase(pods.begin());
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_EQ(pods[0].pid, 11);
}

TEST_F(Show, TheMachinesOwnIsOnNoContainer) {
  machine_.process(10, "host");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), IsEmpty());
}

TEST_F(Show, GroupWithoutProcessesShowsNothing) {
  std::vector<Pod> pods = {{.pid = 0}, {.pid = 4242}};
  EXPECT_THAT(show(pods), IsEmpty());
}

TEST_F(Show, AnotherProcessStandsInForOneThatEnded) {
  machine_.make_space("a");
  machine_.process(10, "a");
  machine_.process(11, "a");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_EQ(pods[0].asked, 1) << "a process that is known is not looked for";
  machine_.end(10);
  pods[0].pid = 11;
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_EQ(pods[0].place.pid, 11);
  EXPECT_EQ(pods[0].interfaces[0].receive_bytes, 100u);
}

// The number went to a process of another container: its counters are not ours.
TEST_F(Show, NumberThatWasGivenAgainIsNoticed) {
  machine_.make_space("a");
  machine_.make_space("b", 900);
  machine_.process(10, "a");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(10);
  machine_.process(10, "b");
  pods[0].pid = 0;
  EXPECT_THAT(show(pods), IsEmpty());
  EXPECT_EQ(pods[0].place.pid, 0);
}

TEST_F(Show, RestartInANewNamespaceLeavesNoGap) {
  machine_.make_space("a");
  machine_.make_space("b", 900);
  machine_.process(10, "a");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(10);
  machine_.process(11, "b");
  pods[0].pid = 11;
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_EQ(pods[0].interfaces[0].receive_bytes, 900u);
  EXPECT_THAT(show(pods), ElementsAre(0));
}

TEST_F(Show, RestartIntoANamespaceThatIsShownShowsItOnce) {
  machine_.make_space("a");
  machine_.make_space("b");
  machine_.process(10, "a");
  machine_.process(20, "b");
  std::vector<Pod> pods = {{.pid = 20, .created_ns = 1}, {.pid = 10, .created_ns = 2}};
  EXPECT_THAT(show(pods), ElementsAre(0, 1));
  machine_.end(10);
  machine_.process(11, "b");
  pods[1].pid = 11;
  EXPECT_THAT(show(pods), ElementsAre(0));
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(11);
  machine_.process(12, "host");
  pods[1].pid = 12;
  pods[1].place = {};
  EXPECT_THAT(show(pods), ElementsAre(0));
}

TEST_F(Show, ContainerThatWasRestartedOnTheHostsNetwork) {
  machine_.make_space("a");
  machine_.process(10, "a");
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(10);
  machine_.process(11, "host");
  pods[0].pid = 11;
  EXPECT_THAT(show(pods), IsEmpty());
  EXPECT_THAT(show(pods), IsEmpty());
}

// A group that does not show its namespace is not read; that its process moved is noticed within 64 scrapes.
TEST_F(Show, OtherGroupsPlacesAreLookedAtNowAndThen) {
  machine_.make_space("a");
  machine_.make_space("b");
  machine_.process(10, "a");
  machine_.process(11, "a");
  std::vector<Pod> pods = {{.pid = 10, .created_ns = 1}, {.pid = 11, .created_ns = 2}};
  EXPECT_THAT(show(pods), ElementsAre(0));
  machine_.end(11);
  machine_.process(11, "b");
  std::vector<size_t> shown;
  for (int scrape = 0; scrape < 64 && shown.size() < 2; ++scrape) shown = show(pods);
  EXPECT_THAT(shown, ElementsAre(0, 1));
}

TEST_F(Show, GarbageInPlaceOfNetDevShowsNothing) {
  machine_.make_space("a");
  machine_.process(10, "a");
  for (const std::string& text : {std::string(), std::string("\xff\xfe\0garbage", 10), kHeadings + "eth0: 1 2 3\n"}) {
    machine_.tree.write("proc/10/net/dev", text);
    std::vector<Pod> pods = {{.pid = 10}};
    EXPECT_THAT(show(pods), IsEmpty()) << text;
  }
  machine_.tree.write("proc/10/net/dev", kHeadings);
  std::vector<Pod> pods = {{.pid = 10}};
  EXPECT_THAT(show(pods), ElementsAre(0)) << "none has no interface";
}

TEST_F(Show, NoContainers) {
  std::vector<Pod> pods;
  EXPECT_THAT(show(pods), IsEmpty());
}

TEST(ReadHost, LeavesOutLinksOfContainers) {
  const Machine machine;
  std::string text = kHeadings;
  for (const char* name : {"lo", "eth0", "docker0", "veth12", "pl0123456789ab", "plain", "nerdctl0"})
    text += net_dev_line(name, 1);
  machine.tree.write("spaces/host", text);
  ReadBuffer buffer;
  std::vector<cgroup::NetworkInterface> interfaces(3);
  Networks(machine.roots(), UniqueFd()).read_host(buffer, interfaces);
  std::vector<std::string> names;
  for (const auto& interface : interfaces) names.push_back(interface.name);
  EXPECT_THAT(names, ElementsAre("eth0", "plain"));
}

TEST(HostRouteSocket, NeedsToKnowTheMachinesNamespace) {
  const Machine machine;
  EXPECT_FALSE(open_host_route_socket(machine.tree.at("nowhere")));
  EXPECT_FALSE(open_host_route_socket(machine.roots().proc)) << "another than ours, and it cannot be entered";
}

constexpr size_t kHeader = sizeof(nlmsghdr);

std::string stats_body(uint32_t index, const rtnl_link_stats64& stats, size_t size = sizeof(rtnl_link_stats64)) {
  if_stats_msg head = {};
  head.ifindex = index;
  netlink::Message message(RTM_NEWSTATS, 0, head);
  message.attribute(IFLA_STATS_LINK_64, std::string_view(reinterpret_cast<const char*>(&stats), size));
  return std::string(message.finish(1).substr(kHeader));
}

TEST(LinkCounters, AreThoseOfNetDev) {
  rtnl_link_stats64 stats = {};
  stats.rx_bytes = 1, stats.rx_packets = 2, stats.rx_errors = 3, stats.rx_dropped = 4, stats.rx_missed_errors = 10;
  stats.tx_bytes = 5, stats.tx_packets = 6, stats.tx_errors = 7, stats.tx_dropped = 8;
  const auto link = parse_link_counters(stats_body(42, stats));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->index, 42u);
  EXPECT_EQ(link->receive_bytes, 1u);
  EXPECT_EQ(link->receive_packets, 2u);
  EXPECT_EQ(link->receive_errors, 3u);
  EXPECT_EQ(link->receive_dropped, 14u);
  EXPECT_EQ(link->transmit_bytes, 5u);
  EXPECT_EQ(link->transmit_packets, 6u);
  EXPECT_EQ(link->transmit_errors, 7u);
  EXPECT_EQ(link->transmit_dropped, 8u);
}

TEST(LinkCounters, TruncatedAndForeignMessagesAreNone) {
  const std::string body = stats_body(1, {});
  for (size_t size = 0; size < body.size(); ++size) EXPECT_FALSE(parse_link_counters(body.substr(0, size))) << size;
  EXPECT_TRUE(parse_link_counters(stats_body(1, {}, 8 * sizeof(uint64_t)))) << "as an older kernel has it";
  EXPECT_FALSE(parse_link_counters(stats_body(1, {}, 8 * sizeof(uint64_t) - 1)));
}

struct LinkText {
  const char* kind = "veth";
  std::optional<uint32_t> peer = 5;
  std::optional<uint32_t> nsid = 3;
};

std::string link_body(const LinkText& link) {
  netlink::Message message(RTM_NEWLINK, 0, ifinfomsg{});
  message.text_attribute(IFLA_IFNAME, "veth0");
  if (link.peer) message.attribute(IFLA_LINK, *link.peer);
  if (link.nsid) message.attribute(IFLA_LINK_NETNSID, *link.nsid);
  const size_t info = message.begin(IFLA_LINKINFO);
  message.text_attribute(IFLA_INFO_KIND, link.kind);
  message.end(info);
  return std::string(message.finish(1).substr(kHeader));
}

TEST(LinkPeer, OfAVethPair) {
  const auto peer = parse_link_peer(link_body({}));
  ASSERT_TRUE(peer);
  EXPECT_TRUE(peer->veth);
  EXPECT_EQ(peer->index, 5u);
  EXPECT_EQ(peer->nsid, 3);
  EXPECT_EQ(parse_link_peer(link_body({.nsid = {}}))->nsid, kNoNamespaceId) << "both ends are here";
  EXPECT_EQ(parse_link_peer(link_body({.nsid = 0xffffffff}))->nsid, kNoNamespaceId);
  EXPECT_EQ(parse_link_peer(link_body({.nsid = 0x80000000}))->nsid, kNoNamespaceId);
}

TEST(LinkPeer, OtherKindsHaveNone) {
  for (const char* kind : {"macvlan", "ipvlan", "netkit", "vet", "vethx", ""}) {
    const auto peer = parse_link_peer(link_body({.kind = kind}));
    ASSERT_TRUE(peer) << kind;
    EXPECT_FALSE(peer->veth) << kind;
    EXPECT_EQ(peer->nsid, kNoNamespaceId) << kind;
  }
  EXPECT_FALSE(parse_link_peer(link_body({.peer = {}}))->veth);
}

TEST(LinkPeer, TruncatedMessagesAreNoPeer) {
  const std::string body = link_body({});
  for (size_t size = 0; size < body.size(); ++size) {
    const auto peer = parse_link_peer(body.substr(0, size));
    EXPECT_FALSE(peer && peer->veth) << size;
  }
}

TEST(LinkStats, WithoutASocketKnowsNothing) {
  LinkStats links{UniqueFd()};
  EXPECT_FALSE(links.update());
  EXPECT_EQ(links.find(1), nullptr);
  EXPECT_FALSE(links.read_one(1));
  EXPECT_FALSE(links.namespace_id(0));
  EXPECT_THAT(links.links_into(kNoNamespaceId), IsEmpty());
}

}  // namespace
}  // namespace plimsoll::collectors::container
