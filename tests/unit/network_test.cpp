// SPDX-License-Identifier: Apache-2.0
// Subnets, their reservations and netlink messages, without the kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <cstring>
#include <set>

#include "base/netlink.h"
#include "runtime/network/subnet.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::network {
namespace {

using netlink::find_attribute;
using netlink::Message;
using testing::HasSubstr;

const std::string kId(64, 'a');
const std::string kOther(64, 'b');

bool nobody(const std::string&) { return false; }
bool everybody(const std::string&) { return true; }

struct Runroot {
  test::TempTree tree;
  UniqueFd lock = *lock_subnets(tree.path());
  Result<Subnet> reserve(const std::string& id, bool (*in_use)(const std::string&),
                         const std::vector<Subnet>& routed = {}) {
    return reserve_subnet(tree.path(), id, routed, in_use);
  }
};

TEST(Subnet, OverlapsByTheShorterPrefix) {
  const Subnet small = {0x0aab0404, 30};
  EXPECT_TRUE(small.overlaps({0x0aab0404, 30}));
  EXPECT_TRUE(small.overlaps({0x0aab0405, 32}));
  EXPECT_TRUE(small.overlaps({0x0a000000, 8}));
  EXPECT_FALSE(small.overlaps({0x0aab0408, 30}));
  EXPECT_FALSE(small.overlaps({0x0b000000, 8}));
  EXPECT_FALSE(small.overlaps({0, 0})) << "the default route";
}

TEST(Subnet, AddressesAreDotted) {
  EXPECT_EQ(to_string(0x0aab0001), "10.171.0.1");
  EXPECT_EQ(to_string(0xffffffff), "255.255.255.255");
  EXPECT_EQ(to_string(0), "0.0.0.0");
}

TEST(HostInterface, NameIsMadeOfTheId) {
  EXPECT_EQ(*host_interface_name("0123456789abcdef"), "pl0123456789ab");
  EXPECT_LT(host_interface_name(kId)->size(), size_t{IFNAMSIZ});
  for (const char* id : {"", "0123456789a", "0123456789AB", "../../../../etc", "0123456789ab/..", "0123456789ab\n"}) {
    EXPECT_FALSE(host_interface_name(id)) << id;
  }
}

TEST(Reservation, HoldsTheId) {
  Runroot root;
  auto subnet = root.reserve(kId, nobody);
  ASSERT_TRUE(subnet);
  EXPECT_TRUE(subnet->overlaps(kPool));
  EXPECT_EQ(subnet->address % 4, 0u);
  EXPECT_EQ(*read_file(root.tree.at("network/" + to_string(subnet->address))), kId + "\n");
}

TEST(Reservation, OneInUseIsLeftAlone) {
  Runroot root;
  std::set<uint32_t> addresses;
  for (int i = 0; i < 20; ++i) addresses.insert(root.reserve(kId, everybody)->address);
  EXPECT_EQ(addresses.size(), 20u);
}

TEST(Reservation, StaleEmptyAndGarbageOnesAreTakenOver) {
  Runroot root;
  const uint32_t first = root.reserve(kId, nobody)->address;
  EXPECT_EQ(root.reserve(kId, nobody)->address, first);
  root.tree.write("network/" + to_string(first), "");
  EXPECT_EQ(root.reserve(kId, everybody)->address, first);
  root.tree.write("network/" + to_string(first), "garbage\xff\n");
  EXPECT_EQ(root.reserve(kId, nobody)->address, first);
}

TEST(Reservation, RoutedSubnetsAreLeftOut) {
  Runroot root;
  const Subnet first = *root.reserve(kId, nobody);
  const Subnet second = *root.reserve(kId, nobody, {first});
  EXPECT_NE(first.address, second.address);
  auto none = root.reserve(kId, nobody, {{0x0a000000, 8}});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(), HasSubstr("no free subnet is left in 10.171.0.0/16"));
}

TEST(Reservation, LinkInItsPlaceIsNotFollowed) {
  Runroot root;
  const uint32_t address = root.reserve(kId, nobody)->address;
  const std::string path = root.tree.at("network/" + to_string(address));
  ASSERT_EQ(::unlink(path.c_str()), 0);
  root.tree.write("victim", "precious");
  ASSERT_EQ(::symlink(root.tree.at("victim").c_str(), path.c_str()), 0);
  EXPECT_FALSE(root.reserve(kId, nobody));
  EXPECT_EQ(*read_file(root.tree.at("victim")), "precious");
}

TEST(Reservation, ReleaseTakesOnlyTheOwn) {
  Runroot root;
  const uint32_t own = root.reserve(kId, everybody)->address;
  const uint32_t other = root.reserve(kOther, everybody)->address;
  EXPECT_TRUE(release_subnet(root.tree.path(), kId));
  EXPECT_FALSE(read_file(root.tree.at("network/" + to_string(own))));
  EXPECT_TRUE(read_file(root.tree.at("network/" + to_string(other))));
  EXPECT_TRUE(release_subnet(root.tree.path(), kId));
  EXPECT_TRUE(release_subnet(root.tree.at("never"), kId));
}

template <typename T>
T at(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

TEST(Message, IsLaidOutAsTheKernelReadsIt) {
  ifinfomsg body = {};
  body.ifi_index = 7;
  Message message(RTM_NEWLINK, NLM_F_ACK, body);
  message.text_attribute(IFLA_IFNAME, "pl0");
  const size_t nested = message.begin(IFLA_LINKINFO);
  message.attribute(IFLA_INFO_KIND, std::string_view("veth"));
  message.end(nested);
  const std::string_view bytes = message.finish(42);
  const auto header = at<nlmsghdr>(bytes, 0);
  EXPECT_EQ(header.nlmsg_len, bytes.size());
  EXPECT_EQ(header.nlmsg_type, RTM_NEWLINK);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
  EXPECT_EQ(header.nlmsg_seq, 42u);
  EXPECT_EQ(at<ifinfomsg>(bytes, sizeof(nlmsghdr)).ifi_index, 7);
  const std::string_view attributes = bytes.substr(sizeof(nlmsghdr) + sizeof(ifinfomsg));
  EXPECT_EQ(find_attribute(attributes, IFLA_IFNAME), std::string_view("pl0\0", 4));
  EXPECT_EQ(find_attribute(find_attribute(attributes, IFLA_LINKINFO), IFLA_INFO_KIND), "veth");
}

TEST(Message, OddLengthsArePadded) {
  Message message(RTM_NEWLINK, 0, ifinfomsg{});
  message.text_attribute(IFLA_IFNAME, "abcd");  // 5 bytes with its end
  message.attribute(IFLA_MTU, uint32_t{1500});
  const std::string_view bytes = message.finish(1);
  EXPECT_EQ(bytes.size() % 4, 0u);
  const std::string_view mtu = find_attribute(bytes.substr(sizeof(nlmsghdr) + sizeof(ifinfomsg)), IFLA_MTU);
  ASSERT_EQ(mtu.size(), 4u);
  EXPECT_EQ(at<uint32_t>(mtu, 0), 1500u);
}

TEST(FindAttribute, GarbageIsAbsent) {
  EXPECT_EQ(find_attribute("", 1), "");
  EXPECT_EQ(find_attribute("abc", 1), "");
  const rtattr too_long = {200, 1};
  EXPECT_EQ(find_attribute({reinterpret_cast<const char*>(&too_long), sizeof(too_long)}, 1), "");
  const rtattr too_short = {2, 1};
  EXPECT_EQ(find_attribute({reinterpret_cast<const char*>(&too_short), sizeof(too_short)}, 1), "");
  const rtattr other[2] = {{4, 9}, {4, 1}};
  EXPECT_EQ(find_attribute({reinterpret_cast<const char*>(other), sizeof(other)}, 5), "");
}

}  // namespace
}  // namespace plimsoll::network
