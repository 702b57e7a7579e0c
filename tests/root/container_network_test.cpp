// SPDX-License-Identifier: Apache-2.0
// Interface counters of containers, with real namespaces, links and packets. The machine's part is played by a
// network namespace of the test's own, so that no link is left behind. /proc is a tree of links to the real one, in
// which net/dev can be taken away: what is shown then came from the kernel's dump.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <memory>

#include "base/cgroup/network.h"
#include "base/net_dev.h"
#include "collectors/container/link_stats.h"
#include "collectors/container/network.h"
#include "collectors/container/sockets.h"
#include "tests/root/command.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::collectors::container {
namespace {

using test::run;
using test::run_in;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kComparisonRate = 64;
constexpr int kSettled = 33;  // scrapes, after which the next comparison is the 64th

// A process that sleeps in a network namespace: a new one, or that of `other`.
class Sleeper {
 public:
  explicit Sleeper(pid_t other = 0) {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const std::string path = "/proc/" + std::to_string(other) + "/ns/net";
      const bool done = other == 0 ? ::unshare(CLONE_NEWNET) == 0
                                   : ::setns(::open(path.c_str(), O_RDONLY | O_CLOEXEC), CLONE_NEWNET) == 0;
      if (!done || ::write(ready[1], "x", 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char byte;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1) << "no network namespace";
    ::close(ready[0]);
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  pid_t pid() const { return pid_; }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

using Interfaces = std::vector<cgroup::NetworkInterface>;

Interfaces read_net_dev(pid_t pid) {
  ReadBuffer buffer;
  auto text = buffer.read_at(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/net/dev").c_str());
  auto lines = text ? parse_net_dev(*text) : Result<std::vector<NetDevLine>>(std::vector<NetDevLine>());
  Interfaces interfaces;
  if (!lines) return interfaces;
  for (const NetDevLine& line : *lines) {
    if (line.name != "lo") interfaces.push_back(cgroup::interface_of(line));
  }
  return interfaces;
}

// Everything, as one line each.
std::vector<std::string> as_text(const Interfaces& interfaces) {
  std::vector<std::string> lines;
  for (const cgroup::NetworkInterface& i : interfaces) {
    std::string line = i.name;
    for (uint64_t value : {i.receive_bytes, i.receive_packets, i.receive_errors, i.receive_dropped, i.transmit_bytes,
                           i.transmit_packets, i.transmit_errors, i.transmit_dropped})
      line += " " + std::to_string(value);
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> names(const Interfaces& interfaces) {
  std::vector<std::string> result;
  for (const cgroup::NetworkInterface& interface : interfaces) result.push_back(interface.name);
  return result;
}

class ContainerNetwork : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    outside_ = UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    if (!run({"ip", "link", "set", "lo", "up"})) GTEST_SKIP() << "needs ip (package iproute2)";
    tree_.make_dir("proc/1/net");
    ASSERT_EQ(::symlink("/proc/self/net/dev", tree_.at("proc/1/net/dev").c_str()), 0);
    networks_ = std::make_unique<Networks>(HostRoots{.proc = tree_.at("proc")},
                                           UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)));
  }
  void TearDown() override {
    if (!outside_) return;
    EXPECT_EQ(::setns(outside_.get(), CLONE_NEWNET), 0);
  }

  std::string dir(pid_t pid) const { return "proc/" + std::to_string(pid); }
  // Lets the code under test see the process.
  void see(pid_t pid) {
    tree_.make_dir(dir(pid) + "/net");
    for (const char* name : {"/ns", "/net/dev", "/net/dev_mcast"}) {
      ASSERT_EQ(::symlink(("/proc/" + std::to_string(pid) + name).c_str(), tree_.at(dir(pid) + name).c_str()), 0);
    }
  }
  void take_net_dev_away(pid_t pid) { EXPECT_EQ(::unlink(tree_.at(dir(pid) + "/net/dev").c_str()), 0); }
  void put_net_dev_back(pid_t pid) {
    EXPECT_EQ(::symlink(("/proc/" + std::to_string(pid) + "/net/dev").c_str(), tree_.at(dir(pid) + "/net/dev").c_str()),
              0);
  }

  // A veth pair into the namespace, up and with addresses 10.77.N.1 and 2, for packets to network N.
  int connect(pid_t pid, const std::string& inside) {
    const int number = ++last_network_;
    const std::string host = "veth" + std::to_string(number), prefix = "10.77." + std::to_string(number);
    EXPECT_TRUE(run({"ip", "link", "add", host, "type", "veth", "peer", "name", inside, "netns", std::to_string(pid)}));
    EXPECT_TRUE(run({"ip", "addr", "add", prefix + ".1/24", "dev", host}));
    EXPECT_TRUE(run_in(pid, {"ip", "addr", "add", prefix + ".2/24", "dev", inside}));
    EXPECT_TRUE(run_in(pid, {"ip", "link", "set", inside, "up"}));
    EXPECT_TRUE(run({"ip", "link", "set", host, "up"}));
    return number;
  }
  // To a port at which nobody listens: the kernel of the other side answers by ICMP.
  void send(int network, size_t count, size_t size) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    ASSERT_EQ(::inet_pton(AF_INET, ("10.77." + std::to_string(network) + ".2").c_str(), &address.sin_addr), 1);
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const std::string text(size, 'x');
    for (size_t i = 0; i < count; ++i)
      ::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  // Until the process' namespace has received as many more, and something has come back.
  void exchange_packets(pid_t pid, int network, uint64_t count = 50) {
    const auto packets = [pid] {
      std::pair<uint64_t, uint64_t> sums = {0, 0};
      for (const cgroup::NetworkInterface& interface : read_net_dev(pid)) {
        sums.first += interface.receive_packets;
        sums.second += interface.transmit_packets;
      }
      return sums;
    };
    const auto before = packets();
    for (int attempt = 0; attempt < 500; ++attempt) {
      send(network, 10, 400);
      ::usleep(5'000);
      const auto after = packets();
      if (after.first >= before.first + count && after.second > before.second) return;
    }
    FAIL() << "packets do not arrive";
  }

  struct Container {
    pid_t pid = 0;
    NetworkPlace place = {};
    Interfaces interfaces = {};
    bool shown = false;
  };
  void show(std::vector<Container*> containers) {
    std::vector<NetworkClaim> claims;
    for (Container* container : containers) {
      NetworkClaim claim;
      claim.place = &container->place;
      claim.find_process = [container] { return container->pid; };
      claim.interfaces = &container->interfaces;
      claims.push_back(std::move(claim));
    }
    networks_->show(claims, buffer_);
    for (size_t i = 0; i < claims.size(); ++i) containers[i]->shown = claims[i].shown;
  }
  void show(Container& container, int scrapes = 1) {
    for (int i = 0; i < scrapes; ++i) show({&container});
  }
  // The same figures as the kernel's net/dev. The kernel sends packets of its own (router solicitations), so
  // an answer counts when nothing moved meanwhile.
  void expect_same(Container& container) {
    for (int attempt = 0; attempt < 25; ++attempt) {
      const auto before = as_text(read_net_dev(container.pid));
      show(container);
      if (before != as_text(read_net_dev(container.pid))) {
        ::usleep(50'000);
        continue;
      }
      EXPECT_TRUE(container.shown);
      EXPECT_EQ(as_text(container.interfaces), before);
      return;
    }
    FAIL() << "the network is never quiet";
  }

  test::TempTree tree_;
  UniqueFd outside_;
  std::unique_ptr<Networks> networks_;
  ReadBuffer buffer_;
  int last_network_ = 0;
};

TEST_F(ContainerNetwork, VethIsReadFromTheDump) {
  const Sleeper sleeper;
  see(sleeper.pid());
  const int network = connect(sleeper.pid(), "eth0");
  exchange_packets(sleeper.pid(), network);
  Container container{.pid = sleeper.pid()};
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  exchange_packets(sleeper.pid(), network);
  expect_same(container);
  ASSERT_THAT(names(container.interfaces), ElementsAre("eth0"));
  EXPECT_GE(container.interfaces[0].receive_packets, 100u);
  EXPECT_GE(container.interfaces[0].receive_bytes, 50u * 400);
  EXPECT_GT(container.interfaces[0].transmit_packets, 0u) << "ICMP answers";
}

TEST_F(ContainerNetwork, EachInterfaceHasItsOwnCounters) {
  const Sleeper sleeper;
  see(sleeper.pid());
  connect(sleeper.pid(), "eth1");
  const int network = connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  exchange_packets(sleeper.pid(), network, 200);
  expect_same(container);
  ASSERT_EQ(container.interfaces.size(), 2u);
  for (const cgroup::NetworkInterface& interface : container.interfaces)
    EXPECT_EQ(interface.receive_packets >= 200, interface.name == "eth0") << interface.name;
}

// Larger than the other end takes: dropped between the ends.
TEST_F(ContainerNetwork, DropsOnTheWayInAreTheSameOnBothEnds) {
  const Sleeper sleeper;
  see(sleeper.pid());
  const int network = connect(sleeper.pid(), "eth0");
  exchange_packets(sleeper.pid(), network);
  ASSERT_TRUE(run_in(sleeper.pid(), {"ip", "link", "set", "eth0", "mtu", "576"}));
  Container container{.pid = sleeper.pid()};
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  send(network, 20, 1200);
  expect_same(container);
  EXPECT_EQ(container.interfaces.at(0).receive_dropped, 20u);
}

TEST_F(ContainerNetwork, MacvlanIsReadFromNetDev) {
  const Sleeper sleeper;
  see(sleeper.pid());
  const int network = connect(sleeper.pid(), "eth0");
  ASSERT_TRUE(run({"ip", "link", "add", "parent", "type", "veth", "peer", "name", "other"}));
  if (!run({"ip", "link", "add", "m0", "link", "parent", "type", "macvlan", "mode", "bridge"}))
    GTEST_SKIP() << "needs macvlan";
  ASSERT_TRUE(run({"ip", "link", "set", "m0", "netns", std::to_string(sleeper.pid()), "name", "eth1"}));
  exchange_packets(sleeper.pid(), network);
  Container container{.pid = sleeper.pid()};
  for (int scrape = 0; scrape < 5; ++scrape) expect_same(container);
  EXPECT_THAT(names(container.interfaces), testing::UnorderedElementsAre("eth0", "eth1"));
  take_net_dev_away(sleeper.pid());
  show(container);
  EXPECT_FALSE(container.shown);
}

TEST_F(ContainerNetwork, NoneThenConnected) {
  const Sleeper sleeper;
  see(sleeper.pid());
  Container container{.pid = sleeper.pid()};
  show(container, 2);
  EXPECT_TRUE(container.shown);
  EXPECT_THAT(container.interfaces, IsEmpty());
  exchange_packets(sleeper.pid(), connect(sleeper.pid(), "eth0"));
  show(container, 3);  // the 5th is no comparison by itself
  expect_same(container);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0"));
}

TEST_F(ContainerNetwork, LaterInterfacesComeAndGo) {
  const Sleeper sleeper;
  see(sleeper.pid());
  connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, 4);
  const int second = connect(sleeper.pid(), "eth1");
  show(container);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0", "eth1"));
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  exchange_packets(sleeper.pid(), second);
  expect_same(container);
  put_net_dev_back(sleeper.pid());
  ASSERT_TRUE(run({"ip", "link", "del", "veth1"}));
  expect_same(container);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth1"));
}

// As engines do it: both ends are made in the machine's namespace, one is moved, renamed, and taken into use.
TEST_F(ContainerNetwork, LinkThatIsMovedIntoPlaceBetweenScrapes) {
  const Sleeper sleeper;
  see(sleeper.pid());
  Container container{.pid = sleeper.pid()};
  show(container, 4);
  ASSERT_TRUE(run({"ip", "link", "add", "vetha", "type", "veth", "peer", "name", "vethb"}));
  show(container);
  ASSERT_TRUE(run({"ip", "link", "set", "vethb", "netns", std::to_string(sleeper.pid())}));
  show(container, 2);
  EXPECT_THAT(names(container.interfaces), ElementsAre("vethb"));
  ASSERT_TRUE(run_in(sleeper.pid(), {"ip", "link", "set", "vethb", "name", "eth0"}));
  show(container);  // the 8th
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0"));
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  expect_same(container);
}

// Its net/dev is a file of ours throughout, so that it is the same namespace to the code under test.
TEST_F(ContainerNetwork, WhatDisagreesIsReadFromNetDevForGood) {
  const Sleeper sleeper;
  see(sleeper.pid());
  connect(sleeper.pid(), "eth0");
  const std::string file = dir(sleeper.pid()) + "/net/dev";
  const auto real = [&] { return *read_file("/proc/" + std::to_string(sleeper.pid()) + "/net/dev"); };
  const std::string head = real().substr(0, real().find("eth0:"));
  take_net_dev_away(sleeper.pid());
  tree_.write(file, head + "eth0: 99999999 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  Container container{.pid = sleeper.pid()};
  show(container);
  ASSERT_THAT(names(container.interfaces), ElementsAre("eth0"));
  EXPECT_EQ(container.interfaces[0].receive_bytes, 99'999'999u);
  for (int scrape = 0; scrape < 2 * kComparisonRate; ++scrape) {
    tree_.write(file, real());
    show(container);
  }
  tree_.write(file, head + "eth0: 7 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  show(container);
  ASSERT_THAT(names(container.interfaces), ElementsAre("eth0"));
  EXPECT_EQ(container.interfaces[0].receive_bytes, 7u) << "the dump has another value";
}

TEST_F(ContainerNetwork, InterfaceThatTheContainerMakesIsFoundInTime) {
  const Sleeper sleeper;
  see(sleeper.pid());
  connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, kComparisonRate + 1);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0"));
  if (!run_in(sleeper.pid(), {"ip", "tuntap", "add", "tun0", "mode", "tun"})) GTEST_SKIP() << "needs /dev/net/tun";
  show(container, kComparisonRate);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0", "tun0"));
  expect_same(container);
}

// The kernel makes these in every namespace when a tunnel's module is loaded; here a device of the name will do.
TEST_F(ContainerNetwork, IdleFallbackTunnelIsNoReasonToReadNetDev) {
  const Sleeper sleeper;
  see(sleeper.pid());
  if (!run_in(sleeper.pid(), {"ip", "tuntap", "add", "tunl0", "mode", "tun"})) GTEST_SKIP() << "needs /dev/net/tun";
  const int network = connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  exchange_packets(sleeper.pid(), network);
  expect_same(container);
  EXPECT_THAT(names(container.interfaces), ElementsAre("tunl0", "eth0"));
}

TEST_F(ContainerNetwork, SharedNamespaceOutlivesItsOwner) {
  Sleeper first;
  const Sleeper second(first.pid());
  see(first.pid());
  see(second.pid());
  const int network = connect(first.pid(), "eth0");
  exchange_packets(second.pid(), network);
  Container owner{.pid = first.pid()}, guest{.pid = second.pid()};
  for (int scrape = 0; scrape < 4; ++scrape) {
    show({&owner, &guest});
    EXPECT_TRUE(owner.shown && !guest.shown);
    EXPECT_THAT(guest.interfaces, IsEmpty());
  }
  first.end();
  expect_same(guest);
  show(guest, kSettled);
  take_net_dev_away(second.pid());
  exchange_packets(second.pid(), network);
  expect_same(guest);
}

TEST_F(ContainerNetwork, DeadNamespaceIsNotShown) {
  Sleeper sleeper;
  see(sleeper.pid());
  connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, 3);
  EXPECT_TRUE(container.shown);
  sleeper.end();
  container.pid = 0;
  for (int attempt = 0; attempt < 500 && container.shown; ++attempt) {
    ::usleep(20'000);  // the kernel takes a dead namespace apart when it likes
    show(container);
  }
  EXPECT_FALSE(container.shown);
  EXPECT_THAT(container.interfaces, IsEmpty());
}

TEST_F(ContainerNetwork, ContainersThatComeAndGoNeverShowEachOthersCounters) {
  for (int round = 0; round < 5; ++round) {
    Sleeper busy, idle;
    see(busy.pid());
    see(idle.pid());
    const int network = connect(busy.pid(), "eth0");
    connect(idle.pid(), "eth0");
    exchange_packets(busy.pid(), network, 200);
    Container a{.pid = busy.pid()}, b{.pid = idle.pid()};
    for (int scrape = 0; scrape < 3; ++scrape) {
      show({&a, &b});
      ASSERT_TRUE(a.shown && b.shown);
      EXPECT_GE(a.interfaces.at(0).receive_packets, 200u);
      EXPECT_LT(b.interfaces.at(0).receive_packets, 200u);
    }
  }
}

TEST_F(ContainerNetwork, TheMachinesOwnIsNotAContainers) {
  see(::getpid());
  Container container{.pid = ::getpid()};
  show(container);
  EXPECT_FALSE(container.shown);
}

TEST_F(ContainerNetwork, WithoutASocketNetDevDoes) {
  networks_ = std::make_unique<Networks>(HostRoots{.proc = tree_.at("proc")}, UniqueFd());
  const Sleeper sleeper;
  see(sleeper.pid());
  exchange_packets(sleeper.pid(), connect(sleeper.pid(), "eth0"));
  Container container{.pid = sleeper.pid()};
  expect_same(container);
  EXPECT_THAT(names(container.interfaces), ElementsAre("eth0"));
}

// Inode of the namespace that a socket speaks for.
uint64_t namespace_of(const UniqueFd& socket) {
  struct stat st;
  const UniqueFd space(::ioctl(socket.get(), SIOCGSKNS));
  return ::fstat(space.get(), &st) == 0 ? st.st_ino : 0;
}

uint64_t namespace_of(pid_t pid) {
  struct stat st;
  return ::stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &st) == 0 ? st.st_ino : 0;
}

// The machine's part is another process', whose namespace is not ours: an agent in a container.
TEST_F(ContainerNetwork, RouteSocketSpeaksForTheMachine) {
  const Sleeper machine;
  ASSERT_EQ(::unlink(tree_.at("proc/1/net/dev").c_str()), 0);
  const std::string real = "/proc/" + std::to_string(machine.pid());
  ASSERT_EQ(::symlink((real + "/net/dev").c_str(), tree_.at("proc/1/net/dev").c_str()), 0);
  ASSERT_EQ(::symlink((real + "/ns").c_str(), tree_.at("proc/1/ns").c_str()), 0);
  ASSERT_EQ(::symlink("/proc/self", tree_.at("proc/self").c_str()), 0);
  const uint64_t own = namespace_of(::getpid());
  const UniqueFd socket = open_host_route_socket(tree_.at("proc"));
  ASSERT_TRUE(socket);
  EXPECT_EQ(namespace_of(socket), namespace_of(machine.pid()));
  EXPECT_NE(namespace_of(socket), own);
  EXPECT_EQ(namespace_of(::getpid()), own);
}

TEST_F(ContainerNetwork, RouteSocketOfTheSameNamespace) {
  ASSERT_EQ(::symlink("/proc/self", tree_.at("proc/self").c_str()), 0);
  const UniqueFd socket = open_host_route_socket(tree_.at("proc"));
  ASSERT_TRUE(socket);
  EXPECT_EQ(namespace_of(socket), namespace_of(::getpid()));
}

TEST_F(ContainerNetwork, NamespacesAreToldApart) {
  const Sleeper first, second;
  const Sleeper guest(first.pid());
  EXPECT_NE(namespace_inode("/proc", first.pid()), 0u);
  EXPECT_EQ(namespace_inode("/proc", first.pid()), namespace_inode("/proc", guest.pid()));
  EXPECT_NE(namespace_inode("/proc", first.pid()), namespace_inode("/proc", second.pid()));
  EXPECT_NE(namespace_inode("/proc", first.pid()), namespace_inode("/proc", ::getpid()));
}

// As for an agent that may not trace: the process' number has to do.
TEST_F(ContainerNetwork, NamespaceThatMayNotBeOpenedIsMappedByItsProcess) {
  const Sleeper sleeper;
  see(sleeper.pid());
  ASSERT_EQ(::unlink(tree_.at(dir(sleeper.pid()) + "/ns").c_str()), 0);
  const int network = connect(sleeper.pid(), "eth0");
  Container container{.pid = sleeper.pid()};
  show(container, kSettled);
  take_net_dev_away(sleeper.pid());
  exchange_packets(sleeper.pid(), network);
  expect_same(container);
}

TEST_F(ContainerNetwork, OneLinkCanBeAskedFor) {
  LinkStats links{UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE))};
  ASSERT_TRUE(links.update());
  ASSERT_NE(links.find(1), nullptr) << "lo";
  const auto later = links.read_one(1);
  ASSERT_TRUE(later);
  EXPECT_GE(later->receive_bytes, links.find(1)->receive_bytes);
  EXPECT_EQ(links.find(0xfffffff), nullptr);
  EXPECT_FALSE(links.read_one(0xfffffff));
}

TEST_F(ContainerNetwork, SocketsOfANamespace) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(datagrams.get(), generic, size), 0);
  ASSERT_EQ(::bind(listener.get(), generic, size), 0);
  ASSERT_EQ(::listen(listener.get(), 5), 0);
  ASSERT_EQ(::getsockname(listener.get(), generic, &size), 0);
  ASSERT_EQ(::connect(client.get(), generic, size), 0);
  SocketCounts counts;
  for (int i = 0; i < 100; ++i) {  // the last packet of the handshake may be under way
    ASSERT_TRUE(read_sockets("/proc", ::getpid(), KindSet::all(), INT64_MAX, buffer_, counts));
    ASSERT_TRUE(counts.tcp);
    if (counts.tcp->count[0] == 2) break;
    ::usleep(20'000);
  }
  EXPECT_THAT(counts.tcp->count, ElementsAre(2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0)) << "both ends of it";
  EXPECT_EQ(counts.tcp->accept_queue, 1u);
  EXPECT_EQ(counts.udp->listen, 1u);
  EXPECT_GT(counts.advanced_tcp.size(), 80u) << "of 99; a kernel's set changes with its version";
  EXPECT_GE(*counts.tcp_in_use, 2u);
  EXPECT_EQ(counts.udp_in_use, 1u);
}

}  // namespace
}  // namespace plimsoll::collectors::container
