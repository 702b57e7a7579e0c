// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/exited.h"

#include <cerrno>
#include <set>

namespace plimsoll::collectors::container {
namespace {

using plimsoll::container::ExitRecord;
using plimsoll::container::SpoolView;
using plimsoll::container::Totals;

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

constexpr MetricDesc kUnreadable = {"plimsoll_exited_records_unreadable",
                                    "Final records of containers that could not be understood.", kGauge};

struct TotalRow {
  MetricDesc desc;
  uint64_t Totals::*member;
  bool nanoseconds;
};

constexpr TotalRow kTotals[] = {
    {{"plimsoll_exited_containers_total", "Ended containers that are no longer shown one by one.", kCounter},
     &Totals::containers,
     false},
    {{"plimsoll_exited_containers_failed_total", "Of those, the ones that ended with an exit code other than 0.",
      kCounter},
     &Totals::failed,
     false},
    {{"plimsoll_exited_containers_oom_kills_total", "Processes of those killed for want of memory.", kCounter},
     &Totals::oom_kills,
     false},
    {{"plimsoll_exited_containers_cpu_usage_seconds_total", "CPU time that those used, in seconds.", kCounter},
     &Totals::cpu_usage_ns,
     true},
    {{"plimsoll_exited_containers_cpu_user_seconds_total", "CPU time of those in user mode, in seconds.", kCounter},
     &Totals::cpu_user_ns,
     true},
    {{"plimsoll_exited_containers_cpu_system_seconds_total", "CPU time of those in the kernel, in seconds.", kCounter},
     &Totals::cpu_system_ns,
     true},
    {{"plimsoll_exited_containers_cfs_throttled_seconds_total",
      "Time for which a quota kept those from running, in seconds.", kCounter},
     &Totals::cfs_throttled_ns,
     true},
    {{"plimsoll_exited_containers_fs_reads_bytes_total", "Bytes that those read from block devices.", kCounter},
     &Totals::read_bytes,
     false},
    {{"plimsoll_exited_containers_fs_writes_bytes_total", "Bytes that those wrote to block devices.", kCounter},
     &Totals::written_bytes,
     false},
    {{"plimsoll_exited_containers_fs_reads_total", "Read requests of those to block devices.", kCounter},
     &Totals::reads,
     false},
    {{"plimsoll_exited_containers_fs_writes_total", "Write requests of those to block devices.", kCounter},
     &Totals::writes,
     false},
    {{"plimsoll_exited_containers_network_receive_bytes_total", "Bytes that those received.", kCounter},
     &Totals::receive_bytes,
     false},
    {{"plimsoll_exited_containers_network_transmit_bytes_total", "Bytes that those sent.", kCounter},
     &Totals::transmit_bytes,
     false},
    {{"plimsoll_exited_containers_network_receive_packets_total", "Packets that those received.", kCounter},
     &Totals::receive_packets,
     false},
    {{"plimsoll_exited_containers_network_transmit_packets_total", "Packets that those sent.", kCounter},
     &Totals::transmit_packets,
     false},
    {{"plimsoll_exited_containers_memory_page_faults_total", "Page faults of those.", kCounter},
     &Totals::page_faults,
     false},
    {{"plimsoll_exited_containers_memory_major_page_faults_total", "Page faults of those that had to read from a disk.",
      kCounter},
     &Totals::major_page_faults,
     false},
};

constexpr double kNsPerSecond = 1e9;

Value total_value(const TotalRow& row, const Totals& totals) {
  const uint64_t value = totals.*row.member;
  return row.nanoseconds ? Value(static_cast<double>(value) / kNsPerSecond) : Value(value);
}

// What the record tells about the container, as an engine's files would.
engine::Identity identity_of(const ExitRecord& record) {
  engine::Identity identity;
  identity.engine = "plimsoll";
  identity.id = record.id;
  identity.name = record.name;
  identity.image = record.image;
  for (const auto& [name, value] : record.labels) engine::add_label(identity, name, value);
  identity.created_ns = record.created_ns;
  identity.started_ns = record.started_ns;
  identity.state = engine::State::kExited;
  identity.exit_code = record.exit_code;
  identity.oom_killed = record.oom_killed;
  return identity;
}

// Whether the path of `record` is alive again, as another group. An inode that the monitor could not
// tell (0) matches any: a path ends in the container's own random id, so it hardly ever comes again.
bool is_replaced(const Inventory& inventory, const ExitRecord& record) {
  const Group* group = inventory.find(record.cgroup_path);
  return group != nullptr && group->live && inventory.is_whole(*group) && record.cgroup_inode != 0 &&
         group->reader->inode() != record.cgroup_inode;
}

}  // namespace

Result<SpoolView> Exited::take_view(const Inventory& inventory, int64_t now_ns) {
  if (!lock_) {
    auto lock = spool_.try_lock();
    if (lock) lock_ = std::move(*lock);
  }
  if (!lock_) return spool_.read();
  return spool_.consume([&](const ExitRecord& record) {
    return record.finished_ns <= now_ns - retention_.count() || is_replaced(inventory, record);
  });
}

Result<void> Exited::update(const Inventory& inventory, int64_t now_ns) {
  auto view = take_view(inventory, now_ns);
  readable_ = view.has_value();
  view_ = readable_ ? std::move(*view) : SpoolView{};
  for (const ExitRecord& record : view_.folded) counted_[record.cgroup_path] = record.cgroup_inode;
  settle(inventory);
  // Not for our eyes: then there are none, and the agent has said so when it started.
  const bool forbidden = !readable_ && (view.error().code == EACCES || view.error().code == EPERM);
  if (!readable_ && !forbidden) return unexpected(view.error().within("ended containers"));
  return {};
}

// Says of each group with a record whether it is the ended container, or a new one in its place. Only
// when we are not the consumer is the record of a replaced one still there: live wins.
void Exited::settle(const Inventory& inventory) {
  std::erase_if(view_.records, [&](const ExitRecord& record) { return is_replaced(inventory, record); });
  for (const ExitRecord& record : view_.records) {
    if (Group* group = inventory.find(record.cgroup_path)) group->live = false;
  }
  std::erase_if(counted_, [&](const auto& entry) {
    Group* group = inventory.find(entry.first);
    const bool stands = group != nullptr &&
                        (entry.second == 0 || group->reader->inode() == entry.second || !inventory.is_whole(*group));
    if (stands) group->live = false;
    return !stands;
  });
  drop_repeated();
}

// Two records of one path would be the same series twice, which costs the whole scrape.
void Exited::drop_repeated() {
  std::set<std::string_view> paths;
  std::erase_if(view_.records, [&](const ExitRecord& record) { return !paths.insert(record.cgroup_path).second; });
}

void Exited::add_subjects(MetricWriter& writer, std::vector<Subject>& subjects, std::vector<End>& ends) {
  identities_.clear();
  for (const ExitRecord& record : view_.records) identities_.push_back(identity_of(record));
  for (size_t i = 0; i < identities_.size(); ++i) {
    const ExitRecord& record = view_.records[i];
    const ContainerLabels rendered = render_labels(group_id(record.cgroup_path), identities_[i], labels_);
    const LabelRef labels = writer.labels(rendered.series, counting_since(identities_[i]));
    subjects.push_back({.labels = labels,
                        .counters = &record.counters,
                        .identity = &identities_[i],
                        .info = writer.labels(rendered.info)});
    ends.push_back({labels, record.exit_code, record.oom_killed, record.finished_ns});
  }
}

void Exited::write(MetricWriter& writer) const {
  if (!readable_) return;
  for (const TotalRow& row : kTotals) writer.single(row.desc, total_value(row, view_.totals));
  writer.single(kUnreadable, uint64_t{view_.unreadable});
}

}  // namespace plimsoll::collectors::container
