// SPDX-License-Identifier: Apache-2.0
// The link between a container and the host, with real packets.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <set>

#include "base/netlink.h"
#include "runtime/network/move.h"
#include "runtime/network/subnet.h"
#include "runtime/network/veth.h"
#include "tests/root/sandbox.h"

namespace plimsoll::network {
namespace {

using test::Ended;
using test::Sandbox;
using testing::HasSubstr;

// Unlike any other test's: the name of the host's interface is made of it.
std::string make_id(int number) {
  char id[65];
  std::snprintf(id, sizeof(id), "%04x%08x%052d", number, static_cast<unsigned>(::getpid()), 0);
  return id;
}

class Veth : public test::RootTest {
 protected:
  void TearDown() override {
    for (const std::string& id : ids_) EXPECT_TRUE(disconnect(runroot_.path(), id));
  }

  std::string new_id() { return *ids_.insert(make_id(static_cast<int>(ids_.size()))).first; }

  void use(Sandbox& sandbox, const std::string& id, VethLink& link) {
    sandbox.launch.hooks.configure = [this, id, &link](pid_t pid) -> Result<void> {
      auto connected = connect(runroot_.path(), id, pid);
      if (!connected) return unexpected(connected.error());
      link = *connected;
      return {};
    };
  }

  test::TempTree runroot_;
  std::set<std::string> ids_;
};

TEST_F(Veth, ContainerPingsTheHost) {
  Sandbox sandbox;
  VethLink link;
  use(sandbox, new_id(), link);
  const Ended ended = sandbox.shell(
      "ip addr show eth0; ip route; ip link show lo; ping -c 1 -W 20 $(ip route | while read a b c d; do [ $a = "
      "default ] && echo $c; done)");
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("inet " + link.address + "/30"));
  EXPECT_THAT(ended.output, HasSubstr("default via " + link.host_address + " dev eth0"));
  EXPECT_THAT(ended.output, HasSubstr("LOOPBACK,UP"));
  EXPECT_THAT(ended.output, HasSubstr("1 packets received"));
}

TEST_F(Veth, HostReachesAServerInTheContainer) {
  Sandbox sandbox;
  VethLink link;
  use(sandbox, new_id(), link);
  auto started = sandbox.start({"sh", "-c", "echo ready; echo hello | nc -l -p 4242"});
  ASSERT_TRUE(std::holds_alternative<isolate::Launched>(started));
  char ready[6];
  ASSERT_EQ(::read(sandbox.output_fd(), ready, sizeof(ready)), 6);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(4242);
  ASSERT_EQ(::inet_pton(AF_INET, link.address.c_str(), &address.sin_addr), 1);
  std::string text;
  for (int attempt = 0; attempt < 600 && text.empty(); ++attempt) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
      ::shutdown(fd.get(), SHUT_WR);
      text = test::read_all(fd.get());
    }
    ::usleep(20'000);
  }
  EXPECT_EQ(text, "hello\n");
}

TEST_F(Veth, CallerStaysInItsNamespace) {
  Sandbox sandbox;
  VethLink link;
  use(sandbox, new_id(), link);
  char before[64] = {}, after[64] = {};
  ASSERT_GT(::readlink("/proc/thread-self/ns/net", before, sizeof(before) - 1), 0);
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);
  ASSERT_GT(::readlink("/proc/thread-self/ns/net", after, sizeof(after) - 1), 0);
  EXPECT_STREQ(before, after);
}

TEST_F(Veth, DisconnectGivesEverythingBack) {
  Sandbox sandbox;
  VethLink link;
  const std::string id = new_id();
  use(sandbox, id, link);
  auto started = sandbox.start({"sleep", "1000"});
  ASSERT_TRUE(std::holds_alternative<isolate::Launched>(started));
  EXPECT_EQ(link.host_interface, "pl" + id.substr(0, 12));
  EXPECT_NE(::if_nametoindex(link.host_interface.c_str()), 0u);
  EXPECT_EQ(Dir::open(runroot_.at("network"))->list()->size(), 2u);  // lock and the reservation
  EXPECT_TRUE(disconnect(runroot_.path(), id));
  EXPECT_EQ(::if_nametoindex(link.host_interface.c_str()), 0u);
  EXPECT_EQ(Dir::open(runroot_.at("network"))->list()->size(), 1u);
  EXPECT_TRUE(disconnect(runroot_.path(), id));
}

TEST_F(Veth, ContainersHaveDifferentSubnets) {
  std::set<std::string> addresses;
  std::vector<std::unique_ptr<Sandbox>> sandboxes;
  for (int i = 0; i < 4; ++i) {
    VethLink link;
    sandboxes.push_back(std::make_unique<Sandbox>());
    use(*sandboxes.back(), new_id(), link);
    auto started = sandboxes.back()->start({"sleep", "1000"});
    ASSERT_TRUE(std::holds_alternative<isolate::Launched>(started));
    addresses.insert(link.address);
  }
  EXPECT_EQ(addresses.size(), 4u);
}

TEST_F(Veth, StaleReservationIsTakenOver) {
  Sandbox sandbox;
  VethLink first, second;
  const std::string id = new_id();
  use(sandbox, id, first);
  EXPECT_EQ(sandbox.run({"true"}).exit_code, 0);  // its interface went with the namespace, the file stays
  for (int attempt = 0; attempt < 500 && ::if_nametoindex(first.host_interface.c_str()) != 0; ++attempt)
    ::usleep(20'000);
  Sandbox next;
  use(next, id, second);
  EXPECT_EQ(next.run({"true"}).exit_code, 0);
  EXPECT_EQ(first.address, second.address);
}

TEST_F(Veth, NameThatIsTakenFailsCleanly) {
  Sandbox first, second;
  VethLink link;
  const std::string id = new_id();
  use(first, id, link);
  auto started = first.start({"sleep", "1000"});
  ASSERT_TRUE(std::holds_alternative<isolate::Launched>(started));
  VethLink other;
  use(second, id, other);
  const Ended ended = second.run({"true"});
  EXPECT_EQ(ended.exit_code, isolate::kExitEngineFailed);
  EXPECT_THAT(ended.output, HasSubstr("make veth pair " + link.host_interface + ": File exists"));
  EXPECT_NE(::if_nametoindex(link.host_interface.c_str()), 0u);
}

TEST_F(Veth, ProcessThatIsGoneIsAnError) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  EXPECT_EQ(test::wait_for(pid), 0);
  EXPECT_FALSE(connect(runroot_.path(), new_id(), pid));
  EXPECT_FALSE(connect(runroot_.path(), "short", ::getpid()));
}

// Interfaces of the host that move into a container: one end of a pair of the test's own.
class MoveInterface : public Veth {
 protected:
  void SetUp() override {
    Veth::SetUp();
    if (IsSkipped()) return;
    name_ = "plm" + std::to_string(::getpid());
    if (ip("link add " + name_ + " mtu 1400 address 02:00:00:00:00:07 type veth peer name " + name_ + "p") != 0) {
      GTEST_SKIP() << "needs ip (package iproute2)";
    }
    ASSERT_EQ(ip("addr add 10.99.1.2/24 brd + dev " + name_), 0);
    ASSERT_EQ(ip("addr add fd00:99::2/64 nodad dev " + name_), 0);
    ASSERT_EQ(ip("link set " + name_ + " up"), 0);
  }
  void TearDown() override {
    if (!name_.empty()) ip("link del " + name_ + " 2>/dev/null");
    Veth::TearDown();
  }

  static int ip(const std::string& words) { return std::system(("ip " + words).c_str()); }

  void move(Sandbox& sandbox, const std::string& from, const std::string& to) {
    sandbox.launch.hooks.configure = [from, to](pid_t pid) { return move_interface(pid, from, to); };
  }

  std::string name_;
};

TEST_F(MoveInterface, ComesWithItsAddressesUnderItsNewName) {
  Sandbox sandbox;
  move(sandbox, name_, "data0");
  const Ended ended = sandbox.shell("ip addr show data0");
  EXPECT_THAT(ended.output, HasSubstr("inet 10.99.1.2/24"));
  EXPECT_THAT(ended.output, HasSubstr("brd 10.99.1.255"));
  EXPECT_THAT(ended.output, HasSubstr("inet6 fd00:99::2/64"));
  EXPECT_THAT(ended.output, HasSubstr("mtu 1400"));
  EXPECT_THAT(ended.output, HasSubstr("02:00:00:00:00:07"));
  EXPECT_THAT(ended.output, HasSubstr(",UP"));
  EXPECT_EQ(::if_nametoindex(name_.c_str()), 0u) << "a virtual one ends with its namespace";
}

TEST_F(MoveInterface, MissingOnesAndTakenNamesAreNamed) {
  Sandbox sandbox;
  move(sandbox, "no-such-if", "");
  EXPECT_EQ(sandbox.run({"true"}).output, "linux.netDevices: no-such-if to no-such-if: interface: No such device");
  move(sandbox, name_, "lo");
  EXPECT_THAT(sandbox.run({"true"}).output, HasSubstr("linux.netDevices: " + name_ + " to lo"));
  EXPECT_NE(::if_nametoindex(name_.c_str()), 0u) << "it stays with the host";
}

}  // namespace
}  // namespace plimsoll::network
