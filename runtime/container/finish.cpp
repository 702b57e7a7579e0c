// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/finish.h"

#include "base/cgroup/network.h"
#include "base/cgroup/reader.h"
#include "base/net_dev.h"
#include "runtime/container/spool.h"
#include "runtime/limits/own_cgroup.h"
#include "runtime/network/veth.h"

namespace plimsoll::container {
namespace {

// One reader for one reading: nothing is kept open.
constexpr size_t kNoDescriptors = 0;

// Fills what the cgroup knows.
void read_cgroup(const Engine& engine, ExitRecord& record) {
  cgroup::FdBudget budget(kNoDescriptors);
  auto reader = cgroup::CgroupReader::open(engine.layout, record.cgroup_path, budget);
  if (!reader) return;
  ReadBuffer buffer(4096);
  cgroup::Stats stats;
  if (!reader->read(buffer, stats)) return;
  record.cgroup_inode = reader->inode();
  record.memory_peak_bytes = stats.gauges.memory_peak_bytes;
  record.oom_killed = stats.counters.oom_kills.value_or(0) > 0;
  record.counters = std::move(stats.counters);
}

// Processes that entered by `exec` may be left for a moment after the init's end.
Result<void> remove_cgroup(const Engine& engine, const std::string& path) {
  auto group = limits::OwnCgroup::open(engine.layout, path);
  if (!group && group.error().code == ENOENT) return {};
  if (!group) return unexpected(group.error());
  return group->remove();
}

}  // namespace

std::vector<cgroup::NetworkInterface> own_traffic(const Config& config, std::string_view net_dev) {
  std::vector<cgroup::NetworkInterface> result;
  if (config.network == Network::kHost || net_dev.empty()) return result;
  auto lines = parse_net_dev(net_dev);
  if (!lines) return result;
  for (const auto& line : *lines) {
    if (line.name != "lo") result.push_back(cgroup::interface_of(line));
  }
  return result;
}

ExitRecord final_record(const Engine& engine, const Config& config, const State& state, int exit_code,
                        std::string_view net_dev) {
  ExitRecord record;
  record.id = config.id;
  record.name = config.name;
  record.image = config.image;
  record.cgroup_path = config.cgroup_path;
  record.labels = config.labels;
  record.created_ns = config.created_ns;
  record.started_ns = state.started_ns;
  record.finished_ns = wall_clock_ns();
  record.exit_code = exit_code;
  read_cgroup(engine, record);
  record.counters.network = own_traffic(config, net_dev);
  return record;
}

Result<void> finish(const Engine& engine, const Config& config, State state, const ExitRecord& record) {
  Result<void> first;
  const auto keep_first = [&](Result<void> step) {
    if (first && !step) first = std::move(step);
  };
  keep_first(Spool(engine.store.roots()).put(record));
  state.status = Status::kExited;
  state.exit = record;
  keep_first(engine.store.set_state(config.id, state));
  keep_first(remove_cgroup(engine, config.cgroup_path));
  if (config.network == Network::kVeth) keep_first(network::disconnect(engine.store.roots().runroot, config.id));
  if (config.auto_remove) keep_first(engine.store.remove(config.id, config.name));
  if (first || config.auto_remove) return first;
  state.error = "clean-up: " + first.error().message();
  (void)engine.store.set_state(config.id, state).has_value();
  return first;
}

void discard(const Engine& engine, const Config& config) {
  if (auto group = limits::OwnCgroup::open(engine.layout, config.cgroup_path)) {
    (void)group->kill_all().has_value();
    (void)group->wait_empty(2000).has_value();
    (void)group->remove().has_value();
  }
  if (config.network == Network::kVeth) {
    (void)network::disconnect(engine.store.roots().runroot, config.id).has_value();
  }
  (void)engine.store.remove(config.id, config.name).has_value();
}

}  // namespace plimsoll::container
