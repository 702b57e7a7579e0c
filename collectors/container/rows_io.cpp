// SPDX-License-Identifier: Apache-2.0
// Block devices, and the file system that holds a container's writable layer.
#include <algorithm>
#include <array>

#include "collectors/container/rows.h"

namespace plimsoll::collectors::container {
namespace {

using cgroup::Count;
using cgroup::IoDevice;

LabelRef device_label(PageContext& page, const IoDevice& device) {
  return page.extra.device(device.major, device.minor).device.in(page.writer, page.extra.page());
}

template <Count IoDevice::*kMember>
void by_device(PageContext& page, const Subject& subject) {
  for (const IoDevice& device : subject.counters->io) {
    const Count& value = device.*kMember;
    if (value) page.writer.sample(subject.labels, device_label(page, device), *value);
  }
}

template <Count IoDevice::*kMember>
void time_by_device(PageContext& page, const Subject& subject) {
  for (const IoDevice& device : subject.counters->io) {
    const Count& value = device.*kMember;
    if (value) page.writer.sample(subject.labels, device_label(page, device), seconds(*value));
  }
}

void device_usage(PageContext& page, const Subject& subject) {
  // In the order of kIoOperations.
  constexpr Count IoDevice::*kMembers[] = {&IoDevice::read_bytes,  &IoDevice::written_bytes,   &IoDevice::sync_bytes,
                                           &IoDevice::async_bytes, &IoDevice::discarded_bytes, &IoDevice::total_bytes};
  static_assert(std::size(kMembers) == std::size(kIoOperations));
  for (const IoDevice& device : subject.counters->io) {
    DeviceLabels& labels = page.extra.device(device.major, device.minor);
    for (size_t i = 0; i < std::size(kMembers); ++i) {
      const Count& value = device.*kMembers[i];
      if (value) page.writer.sample(subject.labels, labels.operations[i].in(page.writer, page.extra.page()), *value);
    }
  }
}

// A container's writable layer, or each file system of the machine.
std::span<const LayerUsage> file_systems(const Subject& subject) {
  return subject.layer != nullptr ? std::span(subject.layer, 1) : subject.file_systems;
}

void file_system_sample(PageContext& page, const Subject& subject, const LayerUsage& usage, Value value) {
  page.writer.sample(subject.labels, page.extra.pair(page.writer, "device", usage.device), value);
}

void used_bytes(PageContext& page, const Subject& subject) {
  for (const LayerUsage& usage : file_systems(subject)) file_system_sample(page, subject, usage, usage.used_bytes);
}

template <Count LayerUsage::*kMember>
void of_file_system(PageContext& page, const Subject& subject) {
  for (const LayerUsage& usage : file_systems(subject)) {
    const Count& value = usage.*kMember;
    if (value) file_system_sample(page, subject, usage, *value);
  }
}

void layer_inodes(PageContext& page, const Subject& subject) {
  if (subject.layer != nullptr) file_system_sample(page, subject, *subject.layer, subject.layer->used_inodes);
}

void layer_age(PageContext& page, const Subject& subject) {
  if (subject.layer == nullptr) return;
  const double measured = static_cast<double>(subject.layer->measured_ns) / kNsPerSecond;
  page.writer.sample(subject.labels, std::max(0.0, page.now - measured));
}

constexpr std::string_view kRootOnly = "id=\"/\": /proc/diskstats";
constexpr std::string_view kBytesFile = "blkio.throttle.io_service_bytes_recursive; id=\"/\": /proc/diskstats";
constexpr std::string_view kOperationsFile = "blkio.throttle.io_serviced_recursive; id=\"/\": /proc/diskstats";
constexpr std::string_view kStatfs =
    "statfs of the writable layer's file system, or its project quota; id=\"/\": each one's statfs";
constexpr std::string_view kLayerAlone = "walk of the writable layer, or its project quota";
constexpr std::string_view kLayer = "walk of the writable layer, or its project quota; id=\"/\": statfs";

constexpr auto kRows = std::to_array<Row>({
    {{"container_blkio_device_usage_total", "Bytes moved from and to a block device.", kCounter},
     Kind::kDiskIo,
     "device,major,minor,operation",
     kBytesFile,
     "io.stat rbytes, wbytes, dbytes; id=\"/\": /proc/diskstats",
     &device_usage},
    {{"container_fs_inodes_free", "Free inodes of the file system.", kGauge},
     Kind::kDisk,
     "device",
     kStatfs,
     kSame,
     &of_file_system<&LayerUsage::inodes_free>},
    {{"container_fs_inodes_total", "Inodes that the file system can have.", kGauge},
     Kind::kDisk,
     "device",
     kStatfs,
     kSame,
     &of_file_system<&LayerUsage::inodes_total>},
    {{"container_fs_io_cost_indebt_seconds_total", "Time for which the group was in debt to blk-iocost, in seconds.",
      kCounter},
     Kind::kDiskIo,
     "device",
     "",
     "io.stat cost.indebt",
     &time_by_device<&IoDevice::cost_indebt_ns>},
    {{"container_fs_io_cost_indelay_seconds_total", "Time for which blk-iocost delayed the group, in seconds.",
      kCounter},
     Kind::kDiskIo,
     "device",
     "",
     "io.stat cost.indelay",
     &time_by_device<&IoDevice::cost_indelay_ns>},
    {{"container_fs_io_cost_usage_seconds_total", "Device time used by blk-iocost's reckoning, in seconds.", kCounter},
     Kind::kDiskIo,
     "device",
     "",
     "io.stat cost.usage",
     &time_by_device<&IoDevice::cost_usage_ns>},
    {{"container_fs_io_cost_wait_seconds_total", "Time for which requests waited for blk-iocost, in seconds.",
      kCounter},
     Kind::kDiskIo,
     "device",
     "",
     "io.stat cost.wait",
     &time_by_device<&IoDevice::cost_wait_ns>},
    {{"container_fs_io_current", "Requests that the device is working on.", kGauge},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &by_device<&IoDevice::in_flight>},
    {{"container_fs_io_time_seconds_total", "Time in which the device was busy, in seconds.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &time_by_device<&IoDevice::busy_ns>},
    {{"container_fs_io_time_weighted_seconds_total", "Busy time times the requests at work, in seconds.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &time_by_device<&IoDevice::weighted_busy_ns>},
    {{"container_fs_limit_bytes", "What the file system holds at most, in bytes.", kGauge},
     Kind::kDisk,
     "device",
     kStatfs,
     kSame,
     &of_file_system<&LayerUsage::limit_bytes>},
    {{"container_fs_read_seconds_total", "Time that read requests took, in seconds.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &time_by_device<&IoDevice::read_ns>},
    {{"container_fs_reads_bytes_total", "Bytes read from a block device.", kCounter},
     Kind::kDiskIo,
     "device",
     kBytesFile,
     "io.stat rbytes; id=\"/\": /proc/diskstats",
     &by_device<&IoDevice::read_bytes>},
    {{"container_fs_reads_merged_total", "Read requests that were joined to others.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &by_device<&IoDevice::reads_merged>},
    {{"container_fs_reads_total", "Read requests to a block device.", kCounter},
     Kind::kDiskIo,
     "device",
     kOperationsFile,
     "io.stat rios; id=\"/\": /proc/diskstats",
     &by_device<&IoDevice::reads>},
    {{"container_fs_sector_reads_total", "Sectors of 512 bytes read.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &by_device<&IoDevice::sectors_read>},
    {{"container_fs_sector_writes_total", "Sectors of 512 bytes written.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &by_device<&IoDevice::sectors_written>},
    {{"container_fs_usage_bytes",
      "Size of the container's writable layer, or what is used of the file system, in bytes.", kGauge},
     Kind::kDisk,
     "device",
     kLayer,
     kSame,
     &used_bytes},
    {{"container_fs_write_seconds_total", "Time that write requests took, in seconds.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &time_by_device<&IoDevice::write_ns>},
    {{"container_fs_writes_bytes_total", "Bytes written to a block device.", kCounter},
     Kind::kDiskIo,
     "device",
     kBytesFile,
     "io.stat wbytes; id=\"/\": /proc/diskstats",
     &by_device<&IoDevice::written_bytes>},
    {{"container_fs_writes_merged_total", "Write requests that were joined to others.", kCounter},
     Kind::kDiskIo,
     "device",
     kRootOnly,
     kSame,
     &by_device<&IoDevice::writes_merged>},
    {{"container_fs_writes_total", "Write requests to a block device.", kCounter},
     Kind::kDiskIo,
     "device",
     kOperationsFile,
     "io.stat wios; id=\"/\": /proc/diskstats",
     &by_device<&IoDevice::writes>},
    {{"plimsoll_container_layer_age_seconds", "Time since the writable layer was measured, in seconds.", kGauge},
     Kind::kDisk,
     "",
     "the clock",
     kSame,
     &layer_age},
    {{"plimsoll_container_layer_inodes", "Files and directories in the container's writable layer.", kGauge},
     Kind::kDisk,
     "device",
     kLayerAlone,
     kSame,
     &layer_inodes},
});

}  // namespace

std::span<const Row> io_rows() { return kRows; }

}  // namespace plimsoll::collectors::container
