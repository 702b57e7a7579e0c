// SPDX-License-Identifier: Apache-2.0
// The masks that sched_setaffinity(2) takes, from lists as cpuset(7) has them.
#include "runtime/isolate/affinity.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <string>

namespace plimsoll::isolate {
namespace {

TEST(IsolateAffinity, AListBecomesBits) {
  EXPECT_EQ(cpu_mask("0-3,7"), CpuMask({0x8f}));
  EXPECT_EQ(cpu_mask("1, 63-64"), CpuMask({0x8000000000000002, 1}));
  EXPECT_EQ(cpu_mask("5-5"), CpuMask({0x20}));
  EXPECT_TRUE(cpu_mask("").empty());
  EXPECT_TRUE(cpu_mask("4-2,100000").empty());
}

TEST(IsolateAffinity, IsGivenToAProcess) {
  cpu_set_t before, after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  ASSERT_EQ(set_affinity(0, cpu_mask(std::to_string(first))), 0);
  ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_EQ(CPU_COUNT(&after), 1);
  ASSERT_EQ(set_affinity(0, every_cpu()), 0);
  ASSERT_EQ(::sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_GE(CPU_COUNT(&after), CPU_COUNT(&before));
  EXPECT_EQ(set_affinity(0, cpu_mask("8191")), EINVAL);
}

}  // namespace
}  // namespace plimsoll::isolate
