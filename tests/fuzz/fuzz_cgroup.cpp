// SPDX-License-Identifier: Apache-2.0
// base/cgroup/parse.h: every cgroup file of both versions. A fuse file system may stand in for the
// kernel here (lxcfs does), so that the text is not to be trusted.
#include <algorithm>

#include "base/cgroup/parse.h"
#include "tests/fuzz/require.h"

namespace plimsoll::fuzz {
namespace {

void devices(std::string_view text) {
  std::vector<cgroup::IoDevice> v1, v2;
  cgroup::parse_blkio(text, cgroup::BlkioUnit::kBytes, v1);
  const size_t count = v1.size();
  cgroup::parse_blkio(text, cgroup::BlkioUnit::kOperations, v1);
  require(v1.size() == count, "a device is listed once");
  cgroup::parse_io_stat(text, v2);
  const auto moved = [](const auto& d) { return d.read_bytes || d.written_bytes || d.discarded_bytes; };
  const auto counted = [](const auto& d) { return d.reads || d.writes; };
  const auto kinds = [](const auto& d) { return d.sync_bytes || d.async_bytes || d.total_bytes; };
  const auto costs = [](const auto& d) {
    return d.cost_usage_ns || d.cost_wait_ns || d.cost_indebt_ns || d.cost_indelay_ns;
  };
  const auto listed_v1 = [&](const auto& d) { return (moved(d) || counted(d) || kinds(d)) && !costs(d); };
  const auto listed_v2 = [&](const auto& d) { return (moved(d) || counted(d) || costs(d)) && !kinds(d); };
  require(std::all_of(v1.begin(), v1.end(), listed_v1), "a listed v1 device has a figure of v1");
  require(std::all_of(v2.begin(), v2.end(), listed_v2), "a listed v2 device has a figure of v2");
}

void nodes(std::string_view text) {
  std::vector<cgroup::NumaPages> v1, v2, bytes;
  cgroup::parse_numa_v1(text, v1);
  cgroup::parse_numa_v2(text, 4096, v2);
  cgroup::parse_numa_v2(text, 1, bytes);
  require(v2.size() == bytes.size(), "the page size changes the unit only");
  for (size_t i = 0; i < v2.size(); ++i) {
    require(v2[i].hierarchy && v2[i].pages == bytes[i].pages / 4096, "v2 tells of the hierarchy, in bytes");
  }
}

void scalars(std::string_view text) {
  const auto count = cgroup::parse_count(text);
  const auto limit = cgroup::parse_limit(text);
  require(!count || limit, "every number is a limit");
  (void)cgroup::parse_weight_as_shares(text);
  (void)cgroup::parse_cpu_max(text);
  const auto procs = cgroup::parse_procs(text);
  std::vector<pid_t> pids;
  const auto listed = cgroup::parse_procs(text, &pids);
  require(listed.count == procs.count && pids.size() <= procs.count, "the list is of those that were counted");
  require(procs.first == (pids.empty() ? 0 : pids.front()), "the first is the list's first");
  require(procs.first >= 0 && (procs.count > 0 || procs.first == 0), "the first process is one of them");
}

void tables(std::string_view text) {
  std::vector<uint64_t> percpu = {1, 2, 3};
  require(cgroup::parse_percpu(text, percpu) || percpu.empty(), "a malformed line leaves nothing behind");
  (void)cgroup::parse_cpu_stat(text);
  (void)cgroup::parse_cpuacct_stat(text, 100);
  (void)cgroup::parse_memory_stat_v1(text);
  (void)cgroup::parse_memory_stat_v2(text);
  (void)cgroup::parse_memory_events(text);
  (void)cgroup::parse_pressure(text);
}

}  // namespace
}  // namespace plimsoll::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = plimsoll::fuzz::as_text(data, size);
  plimsoll::fuzz::scalars(text);
  plimsoll::fuzz::tables(text);
  plimsoll::fuzz::devices(text);
  plimsoll::fuzz::nodes(text);
  return 0;
}
