// SPDX-License-Identifier: Apache-2.0
// What the NFS client counts for each mount (nfs_mounts.h). The server's address is that of the same mount in
// /proc/self/mountinfo, which lists the mounts in the same order. A file system that is mounted several times is
// shown once. proc_pid_mountstats(5)
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/parts/mountinfo.h"
#include "collectors/host/parts/nfs_mounts.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr uint64_t kMantissa = uint64_t{1} << 53;  // node_exporter's numbers begin again at 0 there

constexpr MetricDesc kAge = {"node_mountstats_nfs_age_seconds_total", "Time since the mount, in seconds.", kCounter};

// In the order of the line "bytes:".
constexpr MetricDesc kBytes[] = {
    {"node_mountstats_nfs_read_bytes_total", "Data that programs read, in bytes.", kCounter},
    {"node_mountstats_nfs_write_bytes_total", "Data that programs wrote, in bytes.", kCounter},
    {"node_mountstats_nfs_direct_read_bytes_total", "Data that programs read with O_DIRECT, in bytes.", kCounter},
    {"node_mountstats_nfs_direct_write_bytes_total", "Data that programs wrote with O_DIRECT, in bytes.", kCounter},
    {"node_mountstats_nfs_total_read_bytes_total", "Data read from the server, in bytes.", kCounter},
    {"node_mountstats_nfs_total_write_bytes_total", "Data written to the server, in bytes.", kCounter},
    {"node_mountstats_nfs_read_pages_total", "Pages read by mapping files or ahead of programs.", kCounter},
    {"node_mountstats_nfs_write_pages_total", "Pages written by mapping files or behind programs.", kCounter},
};

// In the order of the line "events:". One without a name is not shown.
constexpr MetricDesc kEvents[] = {
    {"node_mountstats_nfs_event_inode_revalidate_total", "Checks whether cached attributes still hold.", kCounter},
    {"node_mountstats_nfs_event_dnode_revalidate_total", "Checks whether a cached name still holds.", kCounter},
    {"node_mountstats_nfs_event_data_invalidate_total", "Files whose cached data were thrown away.", kCounter},
    {"node_mountstats_nfs_event_attribute_invalidate_total", "Files whose cached attributes were thrown away.",
     kCounter},
    {"node_mountstats_nfs_event_vfs_open_total", "Files opened.", kCounter},
    {"node_mountstats_nfs_event_vfs_lookup_total", "Names looked up in directories.", kCounter},
    {"node_mountstats_nfs_event_vfs_access_total", "Checks of permissions.", kCounter},
    {"node_mountstats_nfs_event_vfs_update_page_total", "Pages changed, perhaps to be written.", kCounter},
    {"node_mountstats_nfs_event_vfs_read_page_total", "Single pages read.", kCounter},
    {"node_mountstats_nfs_event_vfs_read_pages_total", "Groups of pages read.", kCounter},
    {"node_mountstats_nfs_event_vfs_write_page_total", "Single pages written.", kCounter},
    {"node_mountstats_nfs_event_vfs_write_pages_total", "Groups of pages written.", kCounter},
    {"node_mountstats_nfs_event_vfs_getdents_total", "Reads of a directory.", kCounter},
    {"node_mountstats_nfs_event_vfs_setattr_total", "Changes of attributes.", kCounter},
    {"node_mountstats_nfs_event_vfs_flush_total", "Files flushed on being closed.", kCounter},
    {"node_mountstats_nfs_event_vfs_fsync_total", "Calls of fsync for files and directories.", kCounter},
    {"node_mountstats_nfs_event_vfs_lock_total", "Locks asked for.", kCounter},
    {"node_mountstats_nfs_event_vfs_file_release_total", "Files closed for good.", kCounter},
    {},
    {"node_mountstats_nfs_event_truncation_total", "Files cut.", kCounter},
    {"node_mountstats_nfs_event_write_extension_total", "Files made longer by writing behind their end.", kCounter},
    {"node_mountstats_nfs_event_silly_rename_total", "Files removed while they were open.", kCounter},
    {"node_mountstats_nfs_event_short_read_total", "Reads that the server answered with less than asked for.",
     kCounter},
    {"node_mountstats_nfs_event_short_write_total", "Writes of which the server took a part only.", kCounter},
    {"node_mountstats_nfs_event_jukebox_delay_total", "Requests that the server put off: its data are offline.",
     kCounter},
    {"node_mountstats_nfs_event_pnfs_read_total", "Reads from a data server of NFS 4.1.", kCounter},
    {"node_mountstats_nfs_event_pnfs_write_total", "Writes to a data server of NFS 4.1.", kCounter},
};

struct TransportFamily {
  NfsTransport::Field field;
  MetricDesc desc;
};

constexpr TransportFamily kTransports[] = {
    {NfsTransport::kBind, {"node_mountstats_nfs_transport_bind_total", "Ports bound for the connection.", kCounter}},
    {NfsTransport::kConnect, {"node_mountstats_nfs_transport_connect_total", "Connections made.", kCounter}},
    {NfsTransport::kIdleTime,
     {"node_mountstats_nfs_transport_idle_time_seconds", "Time since the last use, in seconds.", kGauge}},
    {NfsTransport::kSends, {"node_mountstats_nfs_transport_sends_total", "Requests sent.", kCounter}},
    {NfsTransport::kReceives, {"node_mountstats_nfs_transport_receives_total", "Replies received.", kCounter}},
    {NfsTransport::kBadIds,
     {"node_mountstats_nfs_transport_bad_transaction_ids_total", "Replies that belong to no request.", kCounter}},
    {NfsTransport::kBacklog,
     {"node_mountstats_nfs_transport_backlog_queue_total",
      "Sum of the backlog's lengths at the sending of each request.", kCounter}},
    {NfsTransport::kSlots,
     {"node_mountstats_nfs_transport_maximum_rpc_slots", "Most requests under way at once so far.", kGauge}},
    {NfsTransport::kSendingQueue,
     {"node_mountstats_nfs_transport_sending_queue_total",
      "Sum of the sending queue's lengths at the sending of each request.", kCounter}},
    {NfsTransport::kPendingQueue,
     {"node_mountstats_nfs_transport_pending_queue_total",
      "Sum of the lengths of the queue for replies at the sending of each request.", kCounter}},
};

struct OperationFamily {
  bool milliseconds;
  MetricDesc desc;
};

// In the order of an operation's line.
constexpr OperationFamily kOperations[] = {
    {false, {"node_mountstats_nfs_operations_requests_total", "Requests of the operation.", kCounter}},
    {false, {"node_mountstats_nfs_operations_transmissions_total", "Requests sent, repetitions included.", kCounter}},
    {false,
     {"node_mountstats_nfs_operations_major_timeouts_total", "Requests that timed out after all repetitions.",
      kCounter}},
    {false, {"node_mountstats_nfs_operations_sent_bytes_total", "Data sent, in bytes.", kCounter}},
    {false, {"node_mountstats_nfs_operations_received_bytes_total", "Data received, in bytes.", kCounter}},
    {true,
     {"node_mountstats_nfs_operations_queue_time_seconds_total", "Time requests waited to be sent, in seconds.",
      kCounter}},
    {true,
     {"node_mountstats_nfs_operations_response_time_seconds_total",
      "Time from sending requests to their replies, in seconds.", kCounter}},
    {true,
     {"node_mountstats_nfs_operations_request_time_seconds_total",
      "Time from making requests to their end, in seconds.", kCounter}},
};

Value operation_value(const OperationFamily& family, uint64_t number) {
  if (!family.milliseconds) return number;
  return static_cast<double>(number % kMantissa) / 1000;
}

Result<std::vector<MountLine>> parse_mount_lines(std::string_view text) {
  const auto whole = check_whole(text);
  if (!whole) return unexpected(whole.error());
  std::vector<MountLine> lines;
  while (!text.empty()) {
    const auto line = parse_mount_line(take(text, '\n'));
    if (!line) return unexpected(line.error());
    lines.push_back(*line);
  }
  return lines;
}

// Should a mount have come or gone between the two files, the same place counts in it is that of another.
std::string_view address_of(const NfsMount& mount, const std::vector<MountLine>& lines) {
  if (mount.index < lines.size() && lines[mount.index].source == mount.device)
    return option_value(lines[mount.index].super_options, "addr");
  for (const MountLine& line : lines)
    if (line.source == mount.device && line.mount_point == mount.mount_point)
      return option_value(line.super_options, "addr");
  return {};
}

// A mount as it is shown: once for each protocol that it uses, which is one.
struct Row {
  const NfsMount* mount;
  LabelRef labels;
};

std::vector<Row> rows_of(MetricWriter& writer, const std::vector<NfsMount>& mounts,
                         const std::vector<MountLine>& lines) {
  std::vector<Row> rows;
  std::set<std::string, std::less<>> shown;
  for (const NfsMount& mount : mounts) {
    const std::string_view address = address_of(mount, lines);
    for (const NfsTransport& transport : mount.transports) {
      const LabelSet labels{{"export", mount.device}, {"mountaddr", address}, {"protocol", transport.protocol}};
      if (!shown.emplace(labels.rendered()).second) break;
      rows.push_back({&mount, writer.labels(labels)});
    }
  }
  return rows;
}

void write_transports(MetricWriter& writer, const std::vector<Row>& rows) {
  size_t most = 0;
  for (const Row& row : rows) most = std::max(most, row.mount->transports.size());
  std::vector<LabelRef> numbers;
  for (size_t i = 0; i < most; ++i) numbers.push_back(writer.labels(LabelSet{{"transport", std::to_string(i)}}));
  for (const TransportFamily& family : kTransports) {
    writer.family(family.desc);
    for (const Row& row : rows) {
      for (size_t i = 0; i < row.mount->transports.size(); ++i) {
        const uint64_t number = row.mount->transports[i].fields[family.field];
        writer.sample(row.labels, numbers[i], family.field == NfsTransport::kIdleTime ? number % kMantissa : number);
      }
    }
  }
}

void write_operations(MetricWriter& writer, const std::vector<Row>& rows) {
  std::vector<LabelRef> names;
  for (const Row& row : rows)
    for (const NfsOperation& operation : row.mount->operations)
      names.push_back(writer.labels(LabelSet{{"operation", operation.name}}));
  for (size_t i = 0; i < std::size(kOperations); ++i) {
    writer.family(kOperations[i].desc);
    auto name = names.begin();
    for (const Row& row : rows)
      for (const NfsOperation& operation : row.mount->operations)
        writer.sample(row.labels, *name++, operation_value(kOperations[i], operation.numbers[i]));
  }
}

void write(MetricWriter& writer, const std::vector<Row>& rows) {
  writer.family(kAge);
  for (const Row& row : rows) writer.sample(row.labels, row.mount->age_seconds);
  for (size_t i = 0; i < std::size(kBytes); ++i) {
    writer.family(kBytes[i]);
    for (const Row& row : rows) writer.sample(row.labels, row.mount->bytes[i]);
  }
  write_transports(writer, rows);
  write_operations(writer, rows);
  for (size_t i = 0; i < std::size(kEvents); ++i) {
    if (kEvents[i].name.empty()) continue;
    writer.family(kEvents[i]);
    for (const Row& row : rows) writer.sample(row.labels, row.mount->events[i]);
  }
}

class MountstatsCollector : public Collector {
 public:
  explicit MountstatsCollector(const Setup& setup)
      : stats_(setup.roots.proc + "/self/mountstats"), info_(setup.roots.proc + "/self/mountinfo") {}
  std::string_view name() const override { return "mountstats"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto mounts = read_and_parse(stats_, parse_mountstats);
    if (!mounts && mounts.error().code == ENOENT) return not_present(stats_.path());
    if (!mounts) return unexpected(mounts.error());
    if (mounts->empty()) return {};
    const auto lines = read_and_parse(info_, parse_mount_lines);
    if (!lines) return unexpected(lines.error());
    write(writer, rows_of(writer, *mounts, *lines));
    return {};
  }

 private:
  KeptFile stats_;
  KeptFile info_;
};

}  // namespace

const Entry kMountstatsCollector = {"mountstats", "NFS client by mount: proc self/mountstats", Default::kOff,
                                    make<MountstatsCollector>};

}  // namespace plimsoll::collectors::host
