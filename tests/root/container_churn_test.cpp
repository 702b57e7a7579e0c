// SPDX-License-Identifier: Apache-2.0
// The container collector on the kernel's own cgroups: groups that come and go while they are read
// must not cost the others their samples, and figures must be those of the load.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <thread>

#include "base/cgroup/layout.h"
#include "base/cgroup/reader.h"
#include "collectors/container/collector.h"
#include "tests/root/groups.h"
#include "tests/unit/page_text.h"
#include "tests/unit/temp_tree.h"

namespace plimsoll::test {
namespace {

using testing::HasSubstr;

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

class ContainerChurn : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make cgroups";
    const auto layout = cgroup::detect_layout(kCgroupRoot);
    if (!layout) GTEST_SKIP() << layout.error().message();
    groups = std::make_unique<test::Groups>(*layout, "churn");
    if (!groups->made()) GTEST_SKIP() << "cgroups cannot be made here";
    auto made = collectors::container::make_container_collector(
        {.engines = {.paths = {.own = {state.at("root"), state.at("run")}}}});
    ASSERT_TRUE(made);
    collector = std::move(*made);
  }

  std::string scrape() {
    MetricWriter writer;
    const auto result = collector->collect(writer);
    EXPECT_TRUE(result);
    return page_text(writer.finish());
  }

  TempTree state;
  std::unique_ptr<test::Groups> groups;
  std::unique_ptr<collectors::Collector> collector;
};

TEST_F(ContainerChurn, StableGroupsAreInEveryScrape) {
  std::vector<std::string> stable;
  for (int i = 0; i < 5; ++i) stable.push_back("/stable" + std::to_string(i));
  for (const auto& name : stable) ASSERT_TRUE(groups->make(name));
  std::atomic<bool> stop = false;
  std::thread churn([&] {
    while (!stop) {
      for (const char* name : {"/a", "/a/b", "/c"}) groups->make(name);
      for (const char* name : {"/a/b", "/a", "/c"}) groups->remove(name);
    }
  });
  for (int i = 0; i < 200; ++i) {
    const std::string text = scrape();
    EXPECT_THAT(text, HasSubstr("container_scrape_error 0\n"));
    for (const auto& name : stable) {
      const std::string id = "{id=\"" + groups->path(name) + "\"";
      EXPECT_THAT(text, HasSubstr("container_last_seen" + id));
      EXPECT_THAT(text, HasSubstr("container_cpu_usage_seconds_total" + id));
    }
    if (HasFailure()) break;
  }
  stop = true;
  churn.join();
  for (const auto& name : stable) groups->remove(name);
}

TEST_F(ContainerChurn, RemovedGroupAnswersENODEVOnItsKeptDescriptors) {
  ASSERT_TRUE(groups->make("/gone"));
  cgroup::FdBudget budget(100);
  auto reader = cgroup::CgroupReader::open(groups->layout(), groups->path("/gone"), budget);
  ASSERT_TRUE(reader);
  ReadBuffer buffer;
  cgroup::Stats stats;
  EXPECT_TRUE(reader->read(buffer, stats));
  groups->remove("/gone");
  const auto gone = reader->read(buffer, stats);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ENODEV);
  // The path made again is another group.
  ASSERT_TRUE(groups->make("/gone"));
  auto again = cgroup::CgroupReader::open(groups->layout(), groups->path("/gone"), budget);
  ASSERT_TRUE(again);
  EXPECT_NE(again->inode(), reader->inode());
  groups->remove("/gone");
}

// Burns `seconds` of CPU time of its own.
void burn(double seconds) {
  const std::clock_t end = std::clock() + static_cast<std::clock_t>(seconds * CLOCKS_PER_SEC);
  while (std::clock() < end) continue;
}

TEST_F(ContainerChurn, CpuTimeIsThatOfTheLoad) {
  ASSERT_TRUE(groups->make("/load"));
  const auto doors = groups->doors("/load");
  const pid_t child = ::fork();
  if (child == 0) {
    groups->enter(doors);
    burn(0.5);
    ::_exit(0);
  }
  int status = 0;
  rusage used{};
  ASSERT_EQ(::wait4(child, &status, 0, &used), child);
  EXPECT_EQ(status, 0);
  cgroup::FdBudget budget(100);
  auto reader = cgroup::CgroupReader::open(groups->layout(), groups->path("/load"), budget);
  ASSERT_TRUE(reader);
  ReadBuffer buffer;
  cgroup::Stats stats;
  ASSERT_TRUE(reader->read(buffer, stats));
  groups->remove("/load");
  const auto& counters = stats.counters;
  ASSERT_TRUE(counters.cpu_usage_ns && counters.cpu_user_ns && counters.cpu_system_ns);
  const double usage = static_cast<double>(*counters.cpu_usage_ns) / 1e9;
  const double split = static_cast<double>(*counters.cpu_user_ns + *counters.cpu_system_ns) / 1e9;
  EXPECT_NEAR(usage, 0.5, 0.05);
  EXPECT_NEAR(split, usage, 0.03);
}

}  // namespace
}  // namespace plimsoll::test
