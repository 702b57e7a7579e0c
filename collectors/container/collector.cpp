// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/collector.h"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "collectors/container/cpu_list.h"
#include "collectors/container/diskstats.h"
#include "collectors/container/exited.h"
#include "collectors/container/file_systems.h"
#include "collectors/container/inventory.h"
#include "collectors/container/lives.h"
#include "collectors/container/own_figures.h"
#include "collectors/engine/identifier.h"

namespace plimsoll::collectors::container {
namespace {

constexpr MetricType kGauge = MetricType::kGauge;
constexpr MetricDesc kScrapeError = {"container_scrape_error",
                                     "1 when no cgroup could be read at all, or not all in time; else 0.", kGauge};
const cgroup::Counters kNoCounters;

cgroup::ReadOptions read_options(const KindSet& kinds) {
  return {.cpu = kinds.has(Kind::kCpu),
          .percpu = kinds.has(Kind::kPercpu),
          .memory = kinds.has(Kind::kMemory),
          .oom = kinds.has(Kind::kOomEvent),
          .block_io = kinds.has(Kind::kDiskIo),
          .pids = kinds.has(Kind::kPids),
          .pressure = kinds.has(Kind::kPressure),
          .procs = kinds.has(Kind::kProcess),
          .hugetlb = kinds.has(Kind::kHugetlb),
          .numa = kinds.has(Kind::kMemoryNuma),
          .cpuset = kinds.has(Kind::kCpuset)};
}

std::string key_of(const engine::Identity& identity) {
  return std::string(identity.engine) + " " + std::to_string(identity.owner) + " " + identity.id;
}

class ContainerCollector final : public Containers {
 public:
  ContainerCollector(Options options, cgroup::Layout layout, Privileged opened);

  std::string_view name() const override { return "container"; }
  Result<void> collect(MetricWriter& writer) override;
  void set_labels(const LabelPolicy& policy) override;

 private:
  Result<void> refresh();
  bool is_wanted(const Group& group) const;
  void identify_group(Group& group, int64_t now_ns);
  void name_group(Group& group);
  void read(Group& group, int64_t now_ns);
  void read_files(Group& group);
  void read_networks();
  KindSet wanted_kinds(const MetricWriter& writer) const;
  void read_details(const KindSet& kinds, int64_t deadline_ns);
  void read_machine(Group& root);
  void apply_limit_changes();
  void add_ended_lives(MetricWriter& writer);
  void add_stopped(MetricWriter& writer);
  pid_t process_of(Group& group);
  void find_processes(Group& group);
  Subject subject_of(MetricWriter& writer, const Group& group) const;
  void write(MetricWriter& writer, const KindSet& kinds);
  void write_own(MetricWriter& writer);

  Options options_;
  std::unique_ptr<engine::Identifier> identifier_;
  Inventory inventory_;
  Lives lives_;
  Networks networks_;
  Processes processes_;
  DiskUsage disk_usage_;
  ExtraLabels extra_;
  Exited exited_;
  ReadBuffer buffer_;
  std::map<std::string, std::string> containers_;  // key_of() -> path of the group that is shown as it
  std::set<std::string> ended_;                    // key_of() those shown as ended lives
  std::vector<Subject> subjects_;                  // kept for its capacity, as the next
  std::vector<End> ends_;
  cgroup::Stats scratch_;
  std::vector<pid_t> pids_;
  std::vector<LayerUsage> file_systems_;   // the machine's
  std::vector<engine::Identity> stopped_;  // what engines still have of ended containers
  bool vanished_ = false;                  // a group went in mid-scrape
  PartTimes times_;
  bool late_ = false;  // the deadline came before all details were read
};

LivesOptions lives_options(const Options& options, const cgroup::Layout& layout) {
  LivesOptions lives;
  lives.roots = options.roots;
  lives.layout = layout;
  lives.read = read_options(options.kinds);
  lives.retention = options.exited_retention;
  lives.reserved_descriptors = options.reserved_descriptors;
  lives.events = options.events;
  return lives;
}

ContainerCollector::ContainerCollector(Options options, cgroup::Layout layout, Privileged opened)
    : options_(std::move(options)),
      identifier_(engine::make_identifier(options_.engines, options_.roots.rootfs)),
      inventory_(layout, read_options(options_.kinds), cgroup::FdBudget::from_rlimit(options_.reserved_descriptors)),
      lives_(lives_options(options_, layout), *identifier_, std::move(opened.events)),
      networks_(options_.roots, std::move(opened.host_route_socket)),
      processes_(options_.roots.proc, options_.kinds),
      disk_usage_({.roots = options_.roots}),
      extra_(options_.roots.proc + "/diskstats"),
      exited_(options_.engines.paths.own, options_.exited_retention, options_.labels) {}

// All groups are read before the spool is: see exited.h.
Result<void> ContainerCollector::collect(MetricWriter& writer) {
  times_.start();
  if (auto found = refresh(); !found) {
    writer.single(kScrapeError, 1);
    return found;
  }
  times_.end(Part::kFind);
  const int64_t now_ns = monotonic_ns();
  apply_limit_changes();
  for (Group* group : inventory_.groups()) read(*group, now_ns);
  if (vanished_) (void)refresh();  // what the groups that went last had is wanted in this scrape
  times_.end(Part::kRead);
  const KindSet kinds = wanted_kinds(writer);
  if (kinds.has(Kind::kNetwork)) read_networks();
  read_details(kinds, writer.deadline_ns());
  times_.end(Part::kDetails);
  auto ended = exited_.update(inventory_, wall_clock_ns());
  times_.end(Part::kEnded);
  write(writer, kinds);
  if (late_) return fail("the scrape's time was up before all processes and sockets were read");
  return ended;
}

// Without a birth or a death since the last scrape the groups are the same ones.
Result<void> ContainerCollector::refresh() {
  const Lives::TreeChanges changes = lives_.take_tree_changes();
  if (!changes.any() && !vanished_ && !inventory_.groups().empty()) return {};
  const bool all = changes.all || inventory_.groups().empty();
  bool lost_container = false;
  const auto gone = [&](const Group& group) {
    if (!group.identity) return;
    lost_container = true;
    containers_.erase(key_of(*group.identity));
    lives_.gone(group);
  };
  Result<void> refreshed;
  if (all || (vanished_ && !changes.any()))
    refreshed = inventory_.refresh(gone);
  else
    inventory_.refresh_below(changes.parents, gone);
  vanished_ = false;
  if (!lost_container) return refreshed;
  for (Group* group : inventory_.groups()) group->repeated = false;  // may be the only one by now
  return refreshed;
}

void ContainerCollector::apply_limit_changes() {
  const Lives::LimitChanges changes = lives_.take_limit_changes();
  if (changes.all) {
    for (Group* group : inventory_.groups()) group->reader->forget_limits();
  }
  for (const std::string& path : changes.paths) {
    if (Group* group = inventory_.find(path)) group->reader->forget_limits();
  }
}

bool ContainerCollector::is_wanted(const Group& group) const {
  if (group.path == "/") return options_.root_group;
  if (!options_.containers_only || group.identity) return true;
  return std::any_of(options_.raw_prefixes.begin(), options_.raw_prefixes.end(),
                     [&](const std::string& prefix) { return group.path.starts_with(prefix); });
}

// What was read last stays when the group is gone: its final counters may not have been caught.
void ContainerCollector::read_files(Group& group) {
  group.live = group.reader->read(buffer_, scratch_).has_value();
  vanished_ = vanished_ || !group.live;
  if (group.live) {
    scratch_.counters.network.swap(group.stats.counters.network);
    std::swap(group.stats, scratch_);
  } else if (group.identity) {
    lives_.gone(group);
  }
}

// A group that vanishes meanwhile has no samples in this scrape; nothing else is lost.
void ContainerCollector::read(Group& group, int64_t now_ns) {
  identify_group(group, now_ns);
  group.live = false;
  if (is_wanted(group)) read_files(group);
  if (group.identity && group.identity->ended) group.live = false;
  group.has_network = false;
  if (group.details) group.details->has_processes = group.details->has_sockets = false;
  if (group.live && group.path == "/") read_machine(group);
}

void ContainerCollector::identify_group(Group& group, int64_t now_ns) {
  if (group.identity) {
    const bool known = group.identity->settled;
    const std::string name = group.identity->name;
    identifier_->refresh(*group.identity);
    if (!known || group.identity->name != name) name_group(group);  // started, or renamed
    return;
  }
  if (group.labels.empty()) group.labels.add("id", group_id(group.path));
  const bool likely = !engine::container_id_in(group.path).empty();
  if (!group.repeated && group.path != "/" && group.retry.due(now_ns, likely)) {
    auto identity = identifier_->identify(group.path, process_of(group));
    if (!identity) return;
    const auto [place, added] = containers_.try_emplace(key_of(*identity), group.path);
    group.repeated = !added && place->second != group.path;
    if (group.repeated) return;
    group.identity = std::move(identity);
    name_group(group);
    lives_.adopt(group, *group.identity);
  }
}

void ContainerCollector::name_group(Group& group) {
  ContainerLabels labels = render_labels(group_id(group.path), *group.identity, options_.labels);
  group.labels = std::move(labels.series);
  group.info = std::move(labels.info);
  group.labels_dropped = labels.dropped + group.identity->labels_dropped;
}

void ContainerCollector::set_labels(const LabelPolicy& policy) {
  options_.labels = policy;
  exited_.set_labels(policy);
  for (Group* group : inventory_.groups()) {
    if (group->identity) name_group(*group);
  }
}

// A process of the group or, where its processes are in groups of their own, of one below it.
pid_t ContainerCollector::process_of(Group& group) {
  group.reader->look_up_pids(buffer_);
  if (group.reader->first_pid() != 0) return group.reader->first_pid();
  const std::string below = group.path + "/";
  for (Group* other : inventory_.groups()) {
    if (!other->path.starts_with(below)) continue;
    other->reader->look_up_pids(buffer_);
    if (other->reader->first_pid() != 0) return other->reader->first_pid();
  }
  return 0;
}

// The processes of the group; for a container also of the groups that it has made for itself.
void ContainerCollector::find_processes(Group& group) {
  group.reader->look_up_pids(buffer_);  // not those of a moment ago: some have ended, others are new
  pids_ = group.reader->pids();
  if (!group.identity) return;
  const std::string below = group.path + "/";
  for (Group* other : inventory_.groups()) {
    if (!other->live || !other->path.starts_with(below)) continue;
    other->reader->look_up_pids(buffer_);
    pids_.insert(pids_.end(), other->reader->pids().begin(), other->reader->pids().end());
  }
}

void ContainerCollector::read_networks() {
  std::vector<NetworkClaim> claims;
  std::vector<Group*> owners;
  for (Group* group : inventory_.groups()) {
    if (!group->live || !group->identity || group->identity->host_network) continue;
    NetworkClaim claim;
    claim.place = &group->network;
    claim.find_process = [this, group] { return process_of(*group); };
    claim.sandbox = group->identity->sandbox;
    claim.created_ns = group->identity->created_ns;
    claim.interfaces = &group->stats.counters.network;
    claims.push_back(std::move(claim));
    owners.push_back(group);
  }
  networks_.show(claims, buffer_);
  for (size_t i = 0; i < claims.size(); ++i) owners[i]->has_network = claims[i].shown;
}

// Those that are on and that this page is for: "container.memory" and so on. Nothing is read for families
// of which every one is left out.
KindSet ContainerCollector::wanted_kinds(const MetricWriter& writer) const {
  KindSet wanted = options_.kinds;
  for (const KindInfo& info : kinds()) {
    const bool asked_for = writer.wants("container." + std::string(info.name));
    if (!asked_for || !wants_families(writer, info.kind)) wanted.set(info.kind, false);
  }
  return wanted;
}

// Slow parts, in the order of their usefulness, as far as the deadline allows.
void ContainerCollector::read_details(const KindSet& kinds, int64_t deadline_ns) {
  late_ = false;
  const bool disk = kinds.has(Kind::kDisk), sockets = wants_sockets(kinds);
  if (!disk && !sockets && !processes_.wanted()) return;
  for (Group* group : inventory_.groups()) {
    if (!group->live) continue;
    if (!group->details) group->details = std::make_unique<Details>();
    Details& details = *group->details;
    if (disk && group->identity)
      details.layer = disk_usage_.usage(group->reader->inode(), [this, group] { return process_of(*group); });
    if (sockets && group->has_network)
      details.has_sockets =
          read_sockets(options_.roots.proc, process_of(*group), kinds, deadline_ns, buffer_, details.sockets);
    if (!processes_.wanted()) continue;
    find_processes(*group);
    details.has_processes = processes_.read(pids_, group->reader->directory_fd(0), deadline_ns, buffer_,
                                            details.history, details.processes);
  }
  if (disk) disk_usage_.end_scrape();
  late_ = (sockets || processes_.wanted()) && monotonic_ns() > deadline_ns;
}

// The root group's own block counters start whenever a throttle rule is first set (v1); the disks'
// counters are the machine's from its start.
void ContainerCollector::read_machine(Group& root) {
  cgroup::Counters& counters = root.stats.counters;
  if (options_.kinds.has(Kind::kNetwork)) networks_.read_host(buffer_, counters.network);
  file_systems_.clear();
  if (options_.kinds.has(Kind::kDisk)) file_systems_ = machine_file_systems(options_.roots);
  if (!options_.kinds.has(Kind::kDiskIo)) return;
  auto text = buffer_.read_at(AT_FDCWD, (options_.roots.proc + "/diskstats").c_str());
  if (!text) return;
  counters.io.clear();
  for (const DiskLine& disk : parse_diskstats(*text)) {
    if (is_whole_disk(options_.roots.sys, disk.name)) counters.io.push_back(io_device_of(disk));
  }
}

Subject ContainerCollector::subject_of(MetricWriter& writer, const Group& group) const {
  const engine::Identity* identity = group.identity ? &*group.identity : nullptr;
  const Details* details = group.details.get();
  return {.labels = writer.labels(group.labels, identity != nullptr ? counting_since(*identity) : 0),
          .counters = &group.stats.counters,
          .gauges = &group.stats.gauges,
          .limits = &group.stats.limits,
          .identity = identity,
          .processes = details != nullptr && details->has_processes ? &details->processes : nullptr,
          .sockets = details != nullptr && details->has_sockets ? &details->sockets : nullptr,
          .layer = details != nullptr && details->layer ? &*details->layer : nullptr,
          .file_systems = group.path == "/" ? std::span(file_systems_) : std::span<const LayerUsage>(),
          .info = group.info.empty() ? LabelRef{0} : writer.labels(group.info),
          .created_ns =
              identity != nullptr && identity->created_ns != 0 ? identity->created_ns : group.reader->created_ns(),
          .started_ns = identity != nullptr ? identity->started_ns : 0};
}

bool oom_killed(const engine::Identity& identity, const cgroup::Counters& counters) {
  return identity.oom_killed.value_or(false) || counters.oom_kills.value_or(0) > 0;
}

void ContainerCollector::add_ended_lives(MetricWriter& writer) {
  ended_.clear();
  const std::vector<EndedLife>& ended = lives_.ended(inventory_, wall_clock_ns());
  std::map<std::string_view, int64_t> latest;  // of the lives of one path, which would be the same series twice
  for (const EndedLife& life : ended) latest[life.path] = std::max(latest[life.path], life.ended_ns);
  for (const EndedLife& life : ended) {
    const auto newest = latest.find(life.path);
    if (newest == latest.end() || newest->second != life.ended_ns) continue;
    latest.erase(newest);
    const engine::Identity& identity = life.identity;
    const ContainerLabels rendered = render_labels(group_id(life.path), identity, options_.labels);
    const LabelRef labels = writer.labels(rendered.series, counting_since(identity));
    subjects_.push_back(
        {.labels = labels, .counters = &life.counters, .identity = &identity, .info = writer.labels(rendered.info)});
    ends_.push_back({labels, identity.exit_code, oom_killed(identity, life.counters), life.ended_ns});
    ended_.insert(key_of(identity));
  }
}

// They have no group, so no id.
void ContainerCollector::add_stopped(MetricWriter& writer) {
  stopped_ = identifier_->list_ended();
  for (const engine::Identity& identity : stopped_) {
    if (containers_.contains(key_of(identity)) || ended_.contains(key_of(identity))) continue;
    const ContainerLabels rendered = render_labels("", identity, options_.labels);
    const LabelRef labels = writer.labels(rendered.series);
    subjects_.push_back(
        {.labels = labels, .counters = &kNoCounters, .identity = &identity, .info = writer.labels(rendered.info)});
    ends_.push_back({labels, identity.exit_code, identity.oom_killed, identity.finished_ns});
  }
}

void ContainerCollector::write(MetricWriter& writer, const KindSet& kinds) {
  extra_.start_page();
  subjects_.clear();
  ends_.clear();
  for (const Group* group : inventory_.groups()) {
    if (group->live) subjects_.push_back(subject_of(writer, *group));
  }
  exited_.add_subjects(writer, subjects_, ends_);
  add_ended_lives(writer);
  add_stopped(writer);
  const std::vector<bool> online = read_online_cpus(options_.roots.sys);
  const int64_t now = wall_clock_ns() / 1'000'000'000;
  PageContext page{writer, extra_, online, static_cast<double>(now), kinds, options_.budget};
  write_families(page, subjects_);
  write_ends(writer, ends_);
  exited_.write(writer);
  times_.end(Part::kWrite);
  write_own(writer);
  writer.single(kScrapeError, late_);
}

void ContainerCollector::write_own(MetricWriter& writer) {
  OwnFigures figures;
  for (const Group* group : inventory_.groups()) {
    if (!group->live) continue;
    figures.dropped_labels += group->labels_dropped;
    figures.unresolved += !group->identity && !group->repeated && !engine::container_id_in(group->path).empty();
  }
  figures.finals_missed = lives_.finals_missed();
  figures.births_missed = lives_.births_missed();
  figures.watched = lives_.watched();
  figures.source = lives_.source();
  figures.descriptors = inventory_.budget().limit() - inventory_.budget().left();
  figures.descriptors_max = inventory_.budget().limit();
  figures.times = times_;
  write_own_figures(writer, figures);
}

}  // namespace

Privileged open_privileged(const Options& options) {
  Privileged opened;
  if (options.kinds.has(Kind::kNetwork)) opened.host_route_socket = open_host_route_socket(options.roots.proc);
  const auto layout = cgroup::detect_layout(options.roots.cgroup);
  if (!layout || !options.events) return opened;
  const cgroup::Layout measured = cgroup::measured_part(*layout, read_options(options.kinds));
  opened.events = open_event_queues(measured, options.roots.proc, {});
  opened.urgency = Urgency::raise();
  return opened;
}

Result<std::unique_ptr<Containers>> make_container_collector(Options options, Privileged opened) {
  auto layout = cgroup::detect_layout(options.roots.cgroup);
  if (!layout) return unexpected(layout.error());
  options.engines.paths.proc = options.roots.proc;
  const Urgency urgency = std::move(opened.urgency);
  return std::unique_ptr<Containers>(std::make_unique<ContainerCollector>(
      std::move(options), cgroup::measured_part(*layout, read_options(options.kinds)), std::move(opened)));
}

Result<std::unique_ptr<Containers>> make_container_collector(Options options) {
  Privileged opened = open_privileged(options);
  return make_container_collector(std::move(options), std::move(opened));
}

}  // namespace plimsoll::collectors::container
