// SPDX-License-Identifier: Apache-2.0
// The whole page of recorded machines, compared with tests/golden/container/*.txt. After an intended
// change: UPDATE_GOLDEN=1 container_golden_test, then read the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/container_machine.h"

namespace plimsoll::test {
namespace {

// The moment of the test run is in three families, how long it took in one, and what it may keep open in another;
// everything else is the same at each run.
std::string without_times(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    text.remove_prefix(line.size());
    const bool plain = line.find("name=") == std::string_view::npos;
    const bool of_now = line.starts_with("container_last_seen") || line.starts_with("plimsoll_container_end_time");
    const bool of_tree = line.starts_with("container_creation_time") || line.starts_with("container_start_time");
    const bool of_run =
        line.starts_with("plimsoll_container_collect_duration") || line.starts_with("plimsoll_kept_descriptors_max");
    if (of_run) {
      out += std::string(line.substr(0, line.rfind(' '))) + " <of this run>\n";
    } else if (of_now || (of_tree && plain)) {
      out += std::string(line.substr(0, line.rfind(' '))) + " <time>\n";
    } else {
      out += line;
    }
  }
  return out;
}

void compare(const std::string& name, const std::string& page) {
  const std::string path = std::string(PLIMSOLL_SOURCE_DIR) + "/tests/golden/container/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << page;
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().message();
  EXPECT_EQ(page, *golden);
}

std::string page_of(const Machine& machine) {
  Scraper scraper(machine.options());
  std::string text = scraper.scrape();
  EXPECT_TRUE(scraper.last());
  return without_times(text);
}

TEST(ContainerGolden, V1) {
  Machine machine(Machine::Cgroups::kV1);
  machine.container(5);
  const std::string cpu = "cgroup/cpu" + kPath, blkio = "cgroup/blkio" + kPath;
  machine.tree.write(cpu + "/cpu.cfs_quota_us", "50000\n");
  machine.tree.write(cpu + "/cpu.stat", "nr_periods 20\nnr_throttled 4\nthrottled_time 250000000\n");
  machine.tree.write("cgroup/memory" + kPath + "/memory.limit_in_bytes", "67108864\n");
  machine.tree.write(blkio + "/blkio.throttle.io_service_bytes_recursive",
                     "254:0 Read 4096\n254:0 Write 10485760\n254:0 Total 10489856\nTotal 10489856\n");
  machine.tree.write(blkio + "/blkio.throttle.io_serviced_recursive", "254:0 Read 1\n254:0 Write 10\nTotal 11\n");
  compare("v1.txt", page_of(machine));
}

TEST(ContainerGolden, Hybrid) {
  Machine machine(Machine::Cgroups::kHybrid);
  machine.container(5);
  write_hybrid_group(machine.tree, "cgroup", "/session", 6);
  compare("hybrid.txt", page_of(machine));
}

TEST(ContainerGolden, V2) {
  Machine machine(Machine::Cgroups::kV2);
  machine.container(5);
  const std::string group = "cgroup" + kPath;
  machine.tree.write(group + "/cpu.max", "50000 100000\n");
  machine.tree.write(group + "/memory.max", "67108864\n");
  machine.tree.write(group + "/io.stat",
                     "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"
                     "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
  compare("v2.txt", page_of(machine));
}

TEST(ContainerGolden, V1WithAnEndedContainer) {
  Machine machine(Machine::Cgroups::kV1);
  machine.container(5);
  machine.put(machine.record(machine.inode(kPath)));
  compare("v1-ended.txt", page_of(machine));
}

}  // namespace
}  // namespace plimsoll::test
