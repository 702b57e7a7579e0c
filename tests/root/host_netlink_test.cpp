// SPDX-License-Identifier: Apache-2.0
// Interfaces told by netlink and ioctls: real links in a network namespace of each test's own, seen through a /sys
// of its own in a mount namespace of its own. What is told by files is the measure: "/sys/." is the same tree, but not
// called "/sys", so that the collectors do not take it for their own network's.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/table.h"
#include "tests/root/command.h"
#include "tests/unit/host_fixture.h"

namespace plimsoll::collectors::host {
namespace {

using test::FlagValues;
using test::run;
using test::setup_of;
using testing::HasSubstr;
using testing::Not;

// "link set a up", words apart by single blanks.
void ip(std::string_view command) {
  std::vector<std::string> words = {"ip"};
  for (std::string_view rest = command; !rest.empty();) words.emplace_back(take(rest, ' '));
  ASSERT_TRUE(run(words)) << command;
}

HostRoots own() { return {}; }
// A directory with a link to sysfs is none, so that the files are read.
HostRoots by_files() {
  static const test::TempTree tree;
  static const int linked = ::symlink("/sys/class", tree.at("class").c_str());
  EXPECT_EQ(linked, 0);
  HostRoots roots;
  roots.sys = tree.path();
  return roots;
}

// The lines of the page whose families start with `prefix`, in byte order: the kernel's order differs.
std::string text_of(Collector& collector, std::string_view prefix = {}) {
  MetricWriter writer;
  const auto result = collector.collect(writer);
  EXPECT_TRUE(result) << result.error().message();
  const std::string text = test::page_text(writer.finish(), prefix);
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) lines.emplace_back(std::string(take(rest, '\n')) + "\n");
  std::sort(lines.begin(), lines.end());
  std::string sorted;
  for (const std::string& line : lines) sorted += line;
  return sorted;
}

std::string text_of(const Entry& entry, const Setup& setup, std::string_view prefix = {}) {
  return text_of(*entry.make(setup), prefix);
}

void send_packet(const char* address) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in target = {};
  target.sin_family = AF_INET;
  target.sin_port = htons(9);
  ASSERT_EQ(::inet_pton(AF_INET, address, &target.sin_addr), 1);
  EXPECT_EQ(::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&target), sizeof(target)), 1);
}

// What is read from here on, below a directory of sysfs, is not there.
void hide(const char* directory) { ASSERT_EQ(::mount("none", directory, "tmpfs", 0, nullptr), 0) << directory; }

class HostNetlink : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", "/sys", "sysfs", 0, nullptr), 0);
    // Nothing is sent unless a test sends it.
    for (const char* name : {"all", "default"})
      (void)write_existing(AT_FDCWD, std::string("/proc/sys/net/ipv6/conf/") + name + "/disable_ipv6", "1").has_value();
  }
};

// Up and down, in promiscuous mode, dormant, with odd names, an alias, a group, an address set by hand.
void make_links() {
  ip("link set lo up");
  ip("link add v0 type veth peer name v1");
  ip("link set v0 up");
  ip("link set v1 up promisc on");
  ip("link set v0 alias to\"the\\core");
  ip("link add v2 type veth peer name v3");
  ip("link set v2 mtu 1400 txqueuelen 55 address 02:00:00:00:00:42 group 77 allmulticast on mode dormant");
  ip("link set v2 up");
  ip("link set v3 up");
  ip("link add q\"\\ type veth peer name \xc3\xa4\xe2\x82\xac");
  ip("link add old type veth peer name f0");
  ip("link set old name new");
  ip("link set f0 name x\xff");
}

TEST_F(HostNetlink, InterfacesAreAsTheFilesSay) {
  make_links();
  const std::string text = text_of(kNetclassCollector, own());
  EXPECT_EQ(text, text_of(kNetclassCollector, by_files()));
  EXPECT_THAT(text, HasSubstr("node_network_speed_bytes{device=\"v0\"} "));
  EXPECT_THAT(text, HasSubstr("node_network_address_assign_type{device=\"v2\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("node_network_name_assign_type{device=\"new\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("ifalias=\"to\\\"the\\\\core\""));
}

TEST_F(HostNetlink, FilesAreReadOnceOnly) {
  make_links();
  const auto collector = kNetclassCollector.make(own());
  const std::string text = text_of(*collector);
  text_of(*collector);  // words of changes come from now on
  hide("/sys/class/net");
  EXPECT_EQ(text_of(*collector), text);
}

TEST_F(HostNetlink, ChangesAreNoticed) {
  make_links();
  const auto collector = kNetclassCollector.make(own());
  text_of(*collector);
  text_of(*collector);
  ip("link set v0 address 02:00:00:00:00:01");
  ip("link set new name newer");
  ip("link set q\"\\ mtu 1333");
  ip("link del v2");
  ip("link add v2 type veth peer name g0");
  const std::string text = text_of(*collector);
  EXPECT_EQ(text, text_of(kNetclassCollector, by_files()));
  EXPECT_THAT(text, HasSubstr("node_network_address_assign_type{device=\"v0\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("node_network_name_assign_type{device=\"newer\"} 4\n"));
}

// More than the socket holds: some are lost, and said to be.
TEST_F(HostNetlink, ManyChangesAreNoticed) {
  make_links();
  const auto collector = kNetclassCollector.make(own());
  text_of(*collector);
  text_of(*collector);
  const test::TempTree tree;
  std::string batch;
  for (int i = 0; i < 1000; ++i) batch += "link set v1 mtu " + std::to_string(1000 + i) + "\n";
  tree.write("batch", batch + "link set v0 address 02:00:00:00:00:01\n");
  ip("-batch " + tree.at("batch"));
  const std::string text = text_of(*collector);
  EXPECT_EQ(text, text_of(kNetclassCollector, by_files()));
  EXPECT_THAT(text, HasSubstr("node_network_address_assign_type{device=\"v0\"} 3\n"));
}

// As in a service with a network of its own: sysfs still shows the one it was mounted in.
TEST_F(HostNetlink, InterfacesAreThoseOfSysfs) {
  make_links();
  const UniqueFd before(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));  // keeps its links
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  const auto collector = kNetclassCollector.make(own());
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(text_of(*collector, "node_network_info"), text_of(kNetclassCollector, by_files(), "node_network_info"));
  ip("link add other type veth peer name another");
  for (int i = 0; i < 3; ++i) EXPECT_THAT(text_of(*collector), Not(HasSubstr("other")));
  EXPECT_THAT(text_of(*collector), HasSubstr("device=\"new\""));
}

TEST_F(HostNetlink, NamesThatBecomeOneAreShownOnce) {
  ip("link add x\xff type veth peer name x\xfe");
  for (const Entry* entry : {&kNetclassCollector, &kNetdevCollector, &kEthtoolCollector}) {
    const std::string text = text_of(*entry, own());
    std::string_view rest = text, last;
    EXPECT_THAT(text, HasSubstr("x\xEF\xBF\xBD"));
    while (!rest.empty()) {
      const std::string_view line = take(rest, '\n');
      const std::string_view series = line.substr(0, line.rfind(' '));
      EXPECT_NE(series, last);
      last = series;
    }
  }
}

TEST_F(HostNetlink, TheMessagesFormHasMoreAndLess) {
  make_links();
  ip("link property add dev v0 altname a-name-of-more-than-fifteen");
  const auto collector = kNetclassCollector.make(setup_of(kNetclassCollector, own(), {{"netclass.netlink", "true"}}));
  const std::string text = text_of(*collector);
  EXPECT_THAT(text, HasSubstr("node_network_altnames_info{altname=\"a-name-of-more-than-fifteen\",device=\"v0\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("adminstate")));
  EXPECT_THAT(text, HasSubstr("duplex=\"Full\""));
  EXPECT_THAT(text, HasSubstr("node_network_carrier{device=\"new\"} 0\n"));   // which is down
  EXPECT_THAT(text, HasSubstr("node_network_flags{device=\"lo\"} 65609\n"));  // up, loopback, running, lower up
  EXPECT_THAT(text, HasSubstr("node_network_address_assign_type{device=\"v2\"} 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("receive_bytes")));
}

TEST_F(HostNetlink, EachCounterIsWrittenByOneOfTwo) {
  make_links();
  const FlagValues values = {{"netclass.netlink", "true"}, {"netclass_rtnl.with-stats", "true"}};
  const host::Setup setup = setup_of(kNetclassCollector, own(), values);
  MetricWriter writer;
  ASSERT_TRUE(kNetclassCollector.make(setup)->collect(writer));
  ASSERT_TRUE(kNetdevCollector.make(setup)->collect(writer));
  const MetricPage page = writer.finish();
  for (const char* name : {"node_network_receive_bytes_total", "node_network_receive_errors_total",
                           "node_network_receive_errs_total", "node_network_receive_nohandler_total"}) {
    const auto is_named = [&](const MetricPage::Family& family) { return family.desc.name == name; };
    EXPECT_EQ(std::count_if(page.families().begin(), page.families().end(), is_named), 1) << name;
  }
  EXPECT_EQ(test::type_of(page, "node_network_receive_bytes_total"), "gauge");
  EXPECT_EQ(test::type_of(page, "node_network_receive_drop_total"), "counter");
}

TEST_F(HostNetlink, CountersAreAsTheFilesSay) {
  make_links();
  ip("addr add 10.1.0.1/24 dev v0");
  send_packet("127.0.0.1");
  ip("neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev v0");  // so that nothing is asked again later
  send_packet("10.1.0.2");
  const std::string text = text_of(kNetdevCollector, own());
  EXPECT_EQ(text, text_of(kNetdevCollector, by_files()));
  EXPECT_THAT(text, Not(HasSubstr("node_network_transmit_packets_total{device=\"v0\"} 0\n")));
  hide("/sys/class/net");
  EXPECT_EQ(text_of(kNetdevCollector, own()), text);
  EXPECT_THAT(text_of(kNetdevCollector, by_files()), Not(HasSubstr("nohandler")));
  EXPECT_THAT(text_of(kNetdevCollector, setup_of(kNetdevCollector, own(), {{"netdev.netlink", "false"}})),
              Not(HasSubstr("nohandler")));
}

TEST_F(HostNetlink, CountersHaveAliasesAndDetails) {
  make_links();
  const FlagValues values = {{"netdev.label-ifalias", "true"},
                             {"netdev.enable-detailed-metrics", "true"},
                             {"netdev.device-include", "^v[01]$"}};
  const std::string text = text_of(kNetdevCollector, setup_of(kNetdevCollector, own(), values));
  EXPECT_THAT(text,
              HasSubstr("node_network_transmit_window_errors_total{device=\"v0\",ifalias=\"to\\\"the\\\\core\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("node_network_multicast_total{device=\"v1\",ifalias=\"\"} 0\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 * 24);
}

TEST_F(HostNetlink, AddressesAreShownOnce) {
  make_links();
  (void)write_existing(AT_FDCWD, "/proc/sys/net/ipv6/conf/v3/disable_ipv6", "0").has_value();
  ip("addr add 10.1.0.1/24 dev v0");
  ip("addr add 10.1.2.1 peer 10.1.2.2/32 dev v0");
  ip("addr add 10.1.2.1 peer 10.1.2.3/32 dev v0");
  ip("addr add 169.254.3.3/16 dev v1");
  ip("-6 addr flush dev v3");
  for (const char* address : {"2001:db8:0:0:1::1/64", "::1.2.3.4/96", "fe80::1/64"})
    ip("addr add " + std::string(address) + " dev v3 nodad");
  const FlagValues values = {{"netdev.address-info", "true"}, {"netdev.device-exclude", "^v2$"}};
  const std::string info = "node_network_address_info";
  EXPECT_EQ(text_of(kNetdevCollector, setup_of(kNetdevCollector, own(), values), info),
            info + "{address=\"10.1.0.1\",device=\"v0\",netmask=\"24\",scope=\"global\"} 1\n" + info +
                "{address=\"10.1.2.1\",device=\"v0\",netmask=\"32\",scope=\"global\"} 1\n" + info +
                "{address=\"127.0.0.1\",device=\"lo\",netmask=\"8\",scope=\"link-local\"} 1\n" + info +
                "{address=\"169.254.3.3\",device=\"v1\",netmask=\"16\",scope=\"link-local\"} 1\n" + info +
                "{address=\"2001:db8::1:0:0:1\",device=\"v3\",netmask=\"64\",scope=\"global\"} 1\n" + info +
                "{address=\"::102:304\",device=\"v3\",netmask=\"96\",scope=\"global\"} 1\n" + info +
                "{address=\"fe80::1\",device=\"v3\",netmask=\"64\",scope=\"link-local\"} 1\n");
}

TEST_F(HostNetlink, NeighboursAreAsTheFileSays) {
  make_links();
  ip("addr add 10.1.0.1/24 dev v0");
  ip("neigh add 10.1.0.5 lladdr 02:00:00:00:00:05 dev v0");
  ip("neigh add 10.1.0.6 lladdr 02:00:00:00:00:06 dev v0 nud noarp");
  ip("neigh add 10.1.0.7 lladdr 02:00:00:00:00:07 dev v0");
  ip("neigh add 10.1.0.8 lladdr 02:00:00:00:00:08 dev q\"\\");
  const std::string text = text_of(kArpCollector, own());
  EXPECT_EQ(text, "node_arp_entries{device=\"q\\\"\\\\\"} 1\nnode_arp_entries{device=\"v0\"} 2\n");
  EXPECT_EQ(text, text_of(kArpCollector, setup_of(kArpCollector, own(), {{"arp.netlink", "false"}})));
}

TEST_F(HostNetlink, DriversAnswer) {
  make_links();
  const std::string text =
      text_of(kEthtoolCollector, setup_of(kEthtoolCollector, own(), {{"ethtool.device-include", "^v[0-2]$"}}));
  EXPECT_THAT(text, HasSubstr("node_ethtool_info{bus_info=\"\",device=\"v0\",driver=\"veth\","));
  EXPECT_THAT(text, HasSubstr("node_network_autonegotiate_supported{device=\"v2\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("node_network_autonegotiate{device=\"v1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("node_ethtool_peer_ifindex{device=\"v0\"} "));
  EXPECT_THAT(text, HasSubstr("node_ethtool_received_queue_0_drops{device=\"v1\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("device=\"v3\"")));
}

TEST_F(HostNetlink, DriversCountersAreChosen) {
  make_links();
  const FlagValues values = {{"ethtool.device-exclude", "^([^v]|v[^0])"}, {"ethtool.metrics-include", "^rx_queue_0_x"}};
  const std::string text = text_of(kEthtoolCollector, setup_of(kEthtoolCollector, own(), values), "node_ethtool");
  EXPECT_THAT(text, HasSubstr("node_ethtool_received_queue_0_xdp_packets{device=\"v0\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("peer_ifindex")));
  EXPECT_THAT(text, Not(HasSubstr("queue_0_drops")));
}

// The numbers differ, so that no driver is asked about an interface that sysfs does not mean.
TEST_F(HostNetlink, DriversOfOtherNamespacesAreNotAsked) {
  make_links();
  const UniqueFd before(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));  // keeps its links
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  ip("link add v1 type veth peer name v0");
  EXPECT_THAT(text_of(kEthtoolCollector, own()), Not(HasSubstr("driver=\"veth\"")));
}

}  // namespace
}  // namespace plimsoll::collectors::host
