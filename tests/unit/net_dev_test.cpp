// SPDX-License-Identifier: Apache-2.0
#include "base/net_dev.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll {
namespace {

const std::string kHeadings =
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier "
    "compressed\n";

TEST(NetDev, ReadsAllColumnsInOrder) {
  const std::string text = kHeadings + "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
  const auto lines = parse_net_dev(text);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 1u);
  EXPECT_EQ((*lines)[0].name, "eth0");
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ((*lines)[0].receive[i], i + 1);
    EXPECT_EQ((*lines)[0].transmit[i], i + 9);
  }
}

TEST(NetDev, TakesNamesAsTheyAre) {
  const std::string numbers = "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
  const std::string text = kHeadings + "    lo: " + numbers + "veth\"\xff\x01:" + numbers + "a.b@c-d: " + numbers;
  const auto lines = parse_net_dev(text);
  ASSERT_TRUE(lines) << lines.error().message();
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[0].name, "lo");
  EXPECT_EQ((*lines)[1].name, "veth\"\xff\x01");
  EXPECT_EQ((*lines)[2].name, "a.b@c-d");
}

TEST(NetDev, OldKernelsPutNoBlankBehindTheColon) {
  const std::string text = kHeadings + "  eth0:1234567890 2 0 0 0 0 0 0 5 6 0 0 0 0 0 0\n";
  const auto lines = parse_net_dev(text);
  ASSERT_TRUE(lines);
  EXPECT_EQ((*lines)[0].receive[0], 1234567890u);
}

TEST(NetDev, HoldsTheLargestCounter) {
  const std::string text = kHeadings + "eth0: 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0 18446744073709551615\n";
  const auto lines = parse_net_dev(text);
  ASSERT_TRUE(lines);
  EXPECT_EQ((*lines)[0].receive[0], UINT64_MAX);
  EXPECT_EQ((*lines)[0].transmit[7], UINT64_MAX);
}

TEST(NetDev, ANamespaceWithoutInterfacesIsNoError) {
  const auto lines = parse_net_dev(kHeadings);
  ASSERT_TRUE(lines);
  EXPECT_TRUE(lines->empty());
}

TEST(NetDev, RefusesTextWithoutHeadings) {
  EXPECT_FALSE(parse_net_dev(""));
  EXPECT_FALSE(parse_net_dev("garbage\n"));
  EXPECT_FALSE(parse_net_dev("\n\n\n"));
  EXPECT_FALSE(parse_net_dev(kHeadings.substr(0, 60)));
}

TEST(NetDev, ErrorsNameTheInterface) {
  for (const char* line :
       {"eth7: 1 2 3\n", "eth7: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n",
        "eth7: 1 2 3 x 5 6 7 8 9 10 11 12 13 14 15 16\n", "eth7: -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "eth7:\n",
        "eth7: 18446744073709551616 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"}) {
    const auto lines = parse_net_dev(kHeadings + line);
    ASSERT_FALSE(lines) << line;
    EXPECT_NE(lines.error().message().find("eth7"), std::string::npos) << lines.error().message();
  }
}

TEST(NetDev, RefusesALineWithoutInterface) {
  EXPECT_FALSE(parse_net_dev(kHeadings + "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"));
  EXPECT_FALSE(parse_net_dev(kHeadings + ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"));
  EXPECT_FALSE(parse_net_dev(kHeadings + "\n"));
}

TEST(NetDev, ToleratesFurtherColumns) {
  const auto lines = parse_net_dev(kHeadings + "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n");
  ASSERT_TRUE(lines);
  EXPECT_EQ((*lines)[0].transmit[7], 16u);
}

}  // namespace
}  // namespace plimsoll
