// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/collector.h"

#include <fcntl.h>

#include <set>

#include "base/text.h"
#include "collectors/container/cpu_list.h"
#include "collectors/container/diskstats.h"
#include "collectors/container/exited.h"
#include "collectors/container/families.h"
#include "collectors/container/inventory.h"
#include "collectors/container/network.h"

namespace plimsoll::collectors::container {
namespace {

using plimsoll::container::Network;

constexpr MetricDesc kScrapeError = {"container_scrape_error", "1 when no cgroup could be read at all, else 0.",
                                     MetricType::kGauge};

class ContainerCollector final : public Collector {
 public:
  ContainerCollector(Options options, cgroup::Layout layout)
      : options_(std::move(options)),
        inventory_(std::move(layout), options_.read, cgroup::FdBudget::from_rlimit()),
        extra_(options_.roots.proc + "/diskstats"),
        exited_(options_.state, options_.exited_retention) {}

  std::string_view name() const override { return "container"; }
  Result<void> collect(MetricWriter& writer) override;

 private:
  void read(Group& group);
  void identify_group(Group& group);
  void read_network(Group& group);
  void read_machine(Group& root);
  void write(MetricWriter& writer);

  Options options_;
  Inventory inventory_;
  ExtraLabels extra_;
  Exited exited_;
  ReadBuffer buffer_;
  uint64_t host_network_ = 0;          // inode of process 1's namespace; 0 = not known
  std::set<uint64_t> networks_shown_;  // namespaces shown in this scrape
  std::vector<Subject> subjects_;      // kept for its capacity
};

// All groups are read before the spool is: see exited.h.
Result<void> ContainerCollector::collect(MetricWriter& writer) {
  auto found = inventory_.refresh();
  if (!found) {
    writer.single(kScrapeError, 1);
    return found;
  }
  networks_shown_.clear();
  if (host_network_ == 0) host_network_ = namespace_inode(options_.roots.proc, 1);
  for (Group* group : inventory_.groups()) read(*group);
  auto ended = exited_.update(inventory_, wall_clock_ns());
  write(writer);
  return ended;
}

// A group that vanishes meanwhile has no samples in this scrape; nothing else is lost.
void ContainerCollector::read(Group& group) {
  group.live = group.reader->read(buffer_, group.stats).has_value();
  if (!group.live) return;
  if (!group.settled) identify_group(group);
  if (group.identity && group.identity->ended) group.live = false;
  if (group.identity && group.identity->network != Network::kHost) read_network(group);
  if (group.path == "/") read_machine(group);
}

void ContainerCollector::identify_group(Group& group) {
  if (group.labels.empty()) group.labels.add("id", group.path);
  if (group.identity) {
    update(options_.state, *group.identity);
  } else {
    group.identity = identify(options_.state, group.path);
    if (!group.identity) return;
    group.labels.add("image", group.identity->image);
    group.labels.add("name", group.identity->name);
  }
  group.settled = group.identity->started_ns != 0;
}

// Each namespace is shown once, and the machine's own only as "/".
void ContainerCollector::read_network(Group& group) {
  const pid_t pid = group.reader->first_pid();
  if (pid == 0) return;
  if (group.network_pid != pid) group.network_inode = namespace_inode(options_.roots.proc, pid);
  group.network_pid = pid;
  const uint64_t inode = group.network_inode;
  if (inode != 0 && (inode == host_network_ || !networks_shown_.insert(inode).second)) return;
  read_namespace(options_.roots.proc, pid, buffer_, group.stats.counters.network);
}

// The root group's own block counters start whenever a throttle rule is first set (v1); the disks'
// counters are the machine's from its start.
void ContainerCollector::read_machine(Group& root) {
  cgroup::Counters& counters = root.stats.counters;
  read_host_interfaces(options_.roots.proc, buffer_, counters.network);
  auto text = buffer_.read_at(AT_FDCWD, (options_.roots.proc + "/diskstats").c_str());
  if (!text) return;
  counters.io.clear();
  for (const DiskLine& disk : parse_diskstats(*text)) {
    if (!is_whole_disk(options_.roots.sys, disk.name)) continue;
    counters.io.push_back({disk.major, disk.minor, disk.read_bytes, disk.written_bytes, disk.reads, disk.writes});
  }
}

void ContainerCollector::write(MetricWriter& writer) {
  extra_.start_page();
  subjects_.clear();
  for (const Group* group : inventory_.groups()) {
    if (!group->live) continue;
    const Identity* identity = group->identity ? &*group->identity : nullptr;
    subjects_.push_back({
        .labels = writer.labels(group->labels),
        .counters = &group->stats.counters,
        .gauges = &group->stats.gauges,
        .limits = &group->stats.limits,
        .created_ns = identity != nullptr ? identity->created_ns : group->reader->created_ns(),
        .started_ns = identity != nullptr ? identity->started_ns : 0,
    });
  }
  exited_.add_subjects(writer, subjects_);
  const std::vector<bool> online = read_online_cpus(options_.roots.sys);
  const int64_t now = wall_clock_ns() / 1'000'000'000;
  PageContext page{writer, extra_, online, options_.read.percpu, static_cast<double>(now)};
  write_families(page, subjects_);
  exited_.write(writer);
  writer.single(kScrapeError, 0);
}

}  // namespace

Result<std::unique_ptr<Collector>> make_container_collector(Options options) {
  auto layout = cgroup::detect_layout(options.roots.cgroup);
  if (!layout) return unexpected(layout.error());
  return std::unique_ptr<Collector>(
      std::make_unique<ContainerCollector>(std::move(options), cgroup::measured_part(*layout)));
}

}  // namespace plimsoll::collectors::container
