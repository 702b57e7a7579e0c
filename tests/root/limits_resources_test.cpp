// SPDX-License-Identifier: Apache-2.0
// linux.resources on the real hierarchies, whatever this machine has: what the kernel took, read back.
#include "runtime/limits/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "base/text.h"
#include "runtime/limits/stats.h"
#include "tests/root/sandbox.h"

namespace plimsoll::limits {
namespace {

using spec::Resources;
using test::TestGroup;
using testing::AnyOf;
using testing::HasSubstr;

class ResourcesTest : public test::RootTest {
 protected:
  bool has(const char* controller) { return group_->with_controller(controller) != nullptr; }
  bool v2(const char* controller) { return group_->with_controller(controller)->v2; }
  std::string text(const char* controller, const std::string& file) {
    return std::string(
        trim(read_file(group_->with_controller(controller)->directory + "/" + file).value_or("missing")));
  }
  std::string apply_now(const Resources& resources) {
    auto applied = apply(*group_, resources);
    return applied ? "" : applied.error().message();
  }
  std::string apply_memory(spec::Memory memory) {
    Resources resources;
    resources.memory = memory;
    return apply_now(resources);
  }
  std::string apply_cpu(const spec::Cpu& cpu) {
    Resources resources;
    resources.cpu = cpu;
    return apply_now(resources);
  }

  TestGroup group_;
};

#define NEED_CONTROLLER(name) \
  if (!has(name)) GTEST_SKIP() << "this machine has no controller " << name

TEST_F(ResourcesTest, MemoryGoesUpAndDown) {
  NEED_CONTROLLER("memory");
  const char* file = v2("memory") ? "memory.max" : "memory.limit_in_bytes";
  for (const int64_t mebibytes : {64, 256, 32}) {
    ASSERT_EQ(apply_memory({.limit = mebibytes << 20, .swap = mebibytes << 21}), "") << mebibytes;
    EXPECT_EQ(text("memory", file), std::to_string(mebibytes << 20));
  }
  ASSERT_EQ(apply_memory({.limit = -1, .reservation = 16 << 20}), "");
  EXPECT_THAT(text("memory", file), AnyOf("max", "9223372036854771712"));
  EXPECT_EQ(text("memory", v2("memory") ? "memory.low" : "memory.soft_limit_in_bytes"), "16777216");
  if (v2("memory")) return;
  ASSERT_EQ(apply_memory({.swappiness = 10, .disable_oom_killer = true}), "");
  EXPECT_EQ(text("memory", "memory.swappiness"), "10");
  EXPECT_THAT(text("memory", "memory.oom_control"), HasSubstr("oom_kill_disable 1"));
}

TEST_F(ResourcesTest, CpuTimeAndWeight) {
  NEED_CONTROLLER("cpu");
  ASSERT_EQ(apply_cpu({.shares = 512, .period = 200'000, .quota = 50'000}), "");
  if (v2("cpu")) {
    EXPECT_EQ(text("cpu", "cpu.max"), "50000 200000");
    EXPECT_EQ(text("cpu", "cpu.weight"), "59");
  } else {
    EXPECT_EQ(text("cpu", "cpu.cfs_quota_us"), "50000");
    EXPECT_EQ(text("cpu", "cpu.cfs_period_us"), "200000");
    EXPECT_EQ(text("cpu", "cpu.shares"), "512");
  }
  ASSERT_EQ(apply_cpu({.period = 100'000}), "");
  EXPECT_EQ(v2("cpu") ? text("cpu", "cpu.max") : text("cpu", "cpu.cfs_quota_us") + " 100000", "50000 100000");
}

TEST_F(ResourcesTest, CpuBurstAndIdle) {
  NEED_CONTROLLER("cpu");
  if (text("cpu", "cpu.idle") == "missing") GTEST_SKIP() << "needs Linux 5.15";
  ASSERT_EQ(apply_cpu({.burst = 10'000, .period = 200'000, .quota = 50'000}), "");
  EXPECT_EQ(text("cpu", v2("cpu") ? "cpu.max.burst" : "cpu.cfs_burst_us"), "10000");
  ASSERT_EQ(apply_cpu({.burst = 60'000, .quota = 70'000}), "") << "the burst is allowed only with the new quota";
  ASSERT_EQ(apply_cpu({.burst = 0, .quota = -1}), "");
  ASSERT_EQ(apply_cpu({.idle = 1}), "");
  EXPECT_EQ(text("cpu", "cpu.idle"), "1");
  ASSERT_EQ(apply_cpu({.shares = 1024, .idle = 0}), "");
}

TEST_F(ResourcesTest, WhatTheKernelRefusesIsNamed) {
  NEED_CONTROLLER("cpu");
  Resources resources;
  resources.cpu = spec::Cpu{.quota = 1};
  auto refused = apply(*group_, resources);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EINVAL);
  EXPECT_THAT(refused.error().message(), HasSubstr("write \"1"));
  EXPECT_THAT(refused.error().message(), AnyOf(HasSubstr("cpu.cfs_quota_us: Invalid"), HasSubstr("cpu.max: Invalid")));
  if (v2("cpu")) return;
  EXPECT_THAT(apply_cpu({.shares = 1}), HasSubstr("minimum allowed cpu-shares is 2"));
}

TEST_F(ResourcesTest, Cpusets) {
  NEED_CONTROLLER("cpuset");
  ASSERT_EQ(apply_cpu({.cpus = "0", .mems = "0"}), "");
  EXPECT_EQ(text("cpuset", "cpuset.cpus"), "0");
  EXPECT_THAT(apply_cpu({.cpus = "0-4095"}), AnyOf("", HasSubstr("cpuset.cpus")));
  EXPECT_THAT(apply_cpu({.cpus = "x"}), HasSubstr("write \"x\" to cpuset.cpus: Invalid argument"));
}

TEST_F(ResourcesTest, Tasks) {
  NEED_CONTROLLER("pids");
  Resources resources;
  for (const auto& [limit, taken] : {std::pair{33, "33"}, {0, "1"}, {-1, "max"}}) {
    resources.pids_limit = limit;
    ASSERT_EQ(apply_now(resources), "");
    EXPECT_EQ(text("pids", "pids.max"), taken);
  }
}

// The first disk, as a number; empty when there is none.
std::optional<spec::BlockDevice> some_disk() {
  auto dir = Dir::open("/sys/block");
  if (!dir) return std::nullopt;
  for (const auto& entry : dir->list().value_or({})) {
    if (entry.name.starts_with("loop") || entry.name.starts_with("ram")) continue;
    const std::string number = read_file("/sys/block/" + entry.name + "/dev").value_or("");
    std::string_view minor = trim(number);
    const auto major = parse_u64(take(minor, ':'));
    if (major) return spec::BlockDevice{static_cast<uint32_t>(*major), static_cast<uint32_t>(*parse_u64(minor))};
  }
  return std::nullopt;
}

TEST_F(ResourcesTest, BlockIoThrottles) {
  const auto disk = some_disk();
  const char* controller = has("blkio") ? "blkio" : "io";
  if (!disk || !has(controller)) GTEST_SKIP() << "this machine has no disk, or no controller for it";
  const std::string number = std::to_string(disk->major) + ":" + std::to_string(disk->minor);
  Resources resources;
  resources.block_io.emplace();
  resources.block_io->read_bps = {{*disk, 1'000'000}};
  resources.block_io->write_iops = {{*disk, 5000}};
  ASSERT_EQ(apply_now(resources), "");
  if (v2(controller)) {
    EXPECT_EQ(text(controller, "io.max"), number + " rbps=1000000 wbps=max riops=max wiops=5000");
  } else {
    EXPECT_EQ(text(controller, "blkio.throttle.read_bps_device"), number + " 1000000");
    EXPECT_EQ(text(controller, "blkio.throttle.write_iops_device"), number + " 5000");
  }
  resources.block_io->read_bps[0].rate = 0;
  resources.block_io->write_iops[0].rate = 0;
  ASSERT_EQ(apply_now(resources), "");
  EXPECT_EQ(text(controller, v2(controller) ? "io.max" : "blkio.throttle.read_bps_device"), "");
}

TEST_F(ResourcesTest, HugePagesEnableTheirControllerOnTheWayDown) {
  NEED_CONTROLLER("hugetlb");
  Resources resources;
  resources.hugepage_limits = {{"2MB", 4 << 20}};
  ASSERT_EQ(apply_now(resources), "");
  EXPECT_EQ(text("hugetlb", v2("hugetlb") ? "hugetlb.2MB.max" : "hugetlb.2MB.limit_in_bytes"), "4194304");
  EXPECT_EQ(text("hugetlb", v2("hugetlb") ? "hugetlb.2MB.rsvd.max" : "hugetlb.2MB.rsvd.limit_in_bytes"), "4194304");
  resources.hugepage_limits = {{"3MB", 4 << 20}};
  EXPECT_THAT(apply_now(resources), HasSubstr("hugetlb.3MB."));
}

TEST_F(ResourcesTest, Unified) {
  if (group_->unified_place() == nullptr) GTEST_SKIP() << "needs a v2 tree";
  Resources resources;
  resources.unified = {{"cgroup.max.descendants", "7"}};
  ASSERT_EQ(apply_now(resources), "");
  const std::string file = group_->unified_place()->directory + "/cgroup.max.descendants";
  EXPECT_EQ(*read_file(file), "7\n");
  resources.unified = {{"nonsense.max", "7"}};
  EXPECT_THAT(apply_now(resources), HasSubstr("controller nonsense: "));
}

TEST_F(ResourcesTest, StatsOfAGroupWithAProcess) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!group_->enter()) ::_exit(1);
    for (const int64_t end = monotonic_ns() + 20'000'000; monotonic_ns() < end;) {
    }
    ::pause();
    ::_exit(0);
  }
  uint64_t used = 0;
  for (const int64_t end = monotonic_ns() + int64_t{test::kTimeoutMs} * 1'000'000; used == 0 && monotonic_ns() < end;)
    used = read_stats(*group_)->cpu.total_ns.value_or(0);
  auto stats = read_stats(*group_);
  ASSERT_TRUE(stats);
  EXPECT_GT(used, 0u);
  EXPECT_EQ(stats->pids.usage.value_or(1), 1u);
  if (has("memory")) {
    EXPECT_FALSE(stats->memory.stat.empty());
    EXPECT_TRUE(stats->memory.memory.usage.has_value());
    EXPECT_EQ(stats->memory.memory.limit, cgroup::kUnlimited);
  }
  ASSERT_TRUE(group_->kill_all());
  EXPECT_EQ(test::wait_for(pid), 137);
}

}  // namespace
}  // namespace plimsoll::limits
