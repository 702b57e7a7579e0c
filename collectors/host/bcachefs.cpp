// SPDX-License-Identifier: Apache-2.0
// bcachefs: a directory of /sys/fs/bcachefs per mounted file system, in it files about the whole, about
// 130 counters (counters/NAME) and a directory per device (dev-0, dev-1 ...). See bcachefs_text.h.
#include "collectors/host/parts/bcachefs_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/parts/device_files.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;

// Families that every kernel has, in writing order.
enum Family : size_t {
  kInfo,
  kBtreeCacheSize,
  kCompressed,
  kUncompressed,
  kErrors,
  kBtreeWrites,
  kBtreeWriteSize,
  kDeviceInfo,
  kBucketSize,
  kBuckets,
  kDurability,
  kIoDone,
  kIoErrors,
  kFamilyCount
};

constexpr MetricDesc kFamilies[kFamilyCount] = {
    {"node_bcachefs_info", "A mounted file system: constant 1.", kGauge},
    {"node_bcachefs_btree_cache_size_bytes", "Memory held by nodes of the trees, in bytes.", kGauge},
    {"node_bcachefs_compression_compressed_bytes", "Data as stored, by compression, in bytes.", kGauge},
    {"node_bcachefs_compression_uncompressed_bytes", "Data before its compression, in bytes.", kGauge},
    {"node_bcachefs_errors_total", "Errors found in the file system, by kind.", kCounter},
    {"node_bcachefs_btree_writes_total", "Writes of tree nodes, by reason.", kCounter},
    {"node_bcachefs_btree_write_average_size_bytes", "Average size of a write of a tree node, in bytes.", kGauge},
    {"node_bcachefs_device_info", "Label and state of a device, as labels of a constant 1.", kGauge},
    {"node_bcachefs_device_bucket_size_bytes", "Size of a bucket of the device, in bytes.", kGauge},
    {"node_bcachefs_device_buckets", "Buckets of the device.", kGauge},
    {"node_bcachefs_device_durability", "How many replicas a copy on this device counts for.", kGauge},
    {"node_bcachefs_device_io_done_bytes_total", "Data read and written, by type of data, in bytes.", kCounter},
    {"node_bcachefs_device_io_errors_total", "Errors of the device since the file system was made.", kCounter},
};

// Samples of all file systems by family, since a family is written in one piece.
struct Samples {
  using List = std::vector<std::pair<LabelRef, Value>>;
  std::array<List, kFamilyCount> fixed;
  std::map<std::string, List, std::less<>> counters;  // by the family's name

  void add(Family family, LabelRef labels, Value value) { fixed[family].emplace_back(labels, value); }
};

bool is_fixed(std::string_view family) {
  return std::any_of(std::begin(kFamilies), std::end(kFamilies),
                     [&](const MetricDesc& desc) { return desc.name == family; });
}

void write_list(MetricWriter& writer, const Samples::List& list) {
  for (const auto& [labels, value] : list) writer.sample(labels, value);
}

void write(MetricWriter& writer, const Samples& samples) {
  for (size_t i = 0; i < kFamilyCount; ++i) {
    writer.family(kFamilies[i]);
    write_list(writer, samples.fixed[i]);
  }
  for (const auto& [name, list] : samples.counters) {
    writer.family(name, "What bcachefs counts under this name since the file system was made: events or bytes.",
                  kCounter);
    write_list(writer, list);
  }
}

// Reads one file system.
class Reading {
 public:
  Reading(MetricWriter& writer, Samples& samples, const std::string& uuid, Result<void>& trouble)
      : writer_(writer), samples_(samples), uuid_(uuid), trouble_(trouble) {}

  void read_whole(const DeviceDir& dir, Device& filesystem) {
    DeviceFiles files(dir, filesystem, trouble_);
    const LabelRef labels = writer_.labels(LabelSet{{"uuid", uuid_}});
    samples_.add(kInfo, labels, 1);
    add_one(kBtreeCacheSize, labels, files.get("btree_cache_size", parse_bcachefs_size));
    read_tables(files);
    for (const std::string& name : filesystem.list("counters")) {
      const auto counter = files.get("counters/" + name, parse_bcachefs_counter);
      if (counter && *counter) add_counter(name, labels, **counter);
    }
  }

  void read_device(const DeviceDir& dir, Device& device) {
    DeviceFiles files(dir, device, trouble_);
    const std::string_view number = std::string_view(device.name()).substr(device.name().find('-') + 1);
    const LabelRef labels = writer_.labels(LabelSet{{"device", number}, {"uuid", uuid_}});
    const std::string label = files.text("label").value_or(""), state = files.text("state").value_or("");
    samples_.add(kDeviceInfo,
                 writer_.labels(LabelSet{{"device", number}, {"label", label}, {"state", state}, {"uuid", uuid_}}), 1);
    add_one(kBucketSize, labels, files.get("bucket_size", parse_bcachefs_size));
    add_one(kBuckets, labels, files.number("nbuckets"));
    add_one(kDurability, labels, files.number("durability"));
    for (const BcachefsIo& io : or_empty(files.get("io_done", parse_bcachefs_io_done)))
      samples_.add(kIoDone,
                   writer_.labels(LabelSet{
                       {"data_type", io.data_type}, {"device", number}, {"operation", io.operation}, {"uuid", uuid_}}),
                   io.bytes);
    for (const NamedCount& error : or_empty(files.get("io_errors", parse_bcachefs_io_errors)))
      samples_.add(kIoErrors, writer_.labels(LabelSet{{"device", number}, {"type", error.name}, {"uuid", uuid_}}),
                   error.count);
  }

 private:
  template <typename T>
  static std::vector<T> or_empty(std::optional<std::vector<T>> list) {
    return std::move(list).value_or(std::vector<T>{});
  }

  void add_one(Family family, LabelRef labels, std::optional<uint64_t> value) {
    if (value) samples_.add(family, labels, *value);
  }

  // Names that become the same family's name count once per file system.
  void add_counter(std::string_view name, LabelRef labels, uint64_t value) {
    const std::string family = "node_bcachefs_" + label_name_from(name) + "_total";
    if (is_fixed(family)) return;
    Samples::List& list = samples_.counters[family];
    if (list.empty() || list.back().first != labels) list.emplace_back(labels, value);
  }

  void read_tables(DeviceFiles& files) {
    for (const BcachefsCompression& row : or_empty(files.get("compression_stats", parse_bcachefs_compression))) {
      const LabelRef labels = writer_.labels(LabelSet{{"algorithm", row.algorithm}, {"uuid", uuid_}});
      samples_.add(kCompressed, labels, row.compressed);
      samples_.add(kUncompressed, labels, row.uncompressed);
    }
    for (const NamedCount& error : or_empty(files.get("errors", parse_bcachefs_errors)))
      samples_.add(kErrors, writer_.labels(LabelSet{{"error_type", error.name}, {"uuid", uuid_}}), error.count);
    for (const BcachefsBtreeWrites& row : or_empty(files.get("btree_write_stats", parse_bcachefs_btree_writes))) {
      const LabelRef labels = writer_.labels(LabelSet{{"type", row.type}, {"uuid", uuid_}});
      samples_.add(kBtreeWrites, labels, row.count);
      samples_.add(kBtreeWriteSize, labels, row.average_bytes);
    }
  }

  MetricWriter& writer_;
  Samples& samples_;
  const std::string& uuid_;
  Result<void>& trouble_;
};

class BcachefsCollector : public Collector {
 public:
  // The counters of one file system stay open.
  explicit BcachefsCollector(const Setup& setup) : dir_(setup.roots.sys + "/fs/bcachefs", 160) {}
  std::string_view name() const override { return "bcachefs"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto filesystems = dir_.devices();
    if (!filesystems) return unexpected(filesystems.error());
    forget_others(*filesystems);
    if (filesystems->empty()) return not_present(dir_.path());
    Result<void> trouble;
    Samples samples;
    for (Device* filesystem : *filesystems) {
      Reading reading(writer, samples, filesystem->name(), trouble);
      reading.read_whole(dir_, *filesystem);
      DeviceDir& inner = inner_.try_emplace(filesystem->name(), dir_.path() + "/" + filesystem->name()).first->second;
      read_devices(inner, reading);
    }
    write(writer, samples);
    return trouble;
  }

 private:
  static void read_devices(DeviceDir& dir, Reading& reading) {
    const auto devices = dir.devices();
    if (!devices) return;
    for (Device* device : *devices)
      if (device->name().starts_with("dev-")) reading.read_device(dir, *device);
  }

  void forget_others(const std::vector<Device*>& filesystems) {
    std::erase_if(inner_, [&](const auto& entry) {
      return std::none_of(filesystems.begin(), filesystems.end(),
                          [&](Device* filesystem) { return filesystem->name() == entry.first; });
    });
  }

  DeviceDir dir_;
  std::map<std::string, DeviceDir, std::less<>> inner_;  // by the file system's name
};

}  // namespace

const Entry kBcachefsCollector = {"bcachefs", "bcachefs file systems: sys fs/bcachefs", Default::kOn,
                                  make<BcachefsCollector>};

}  // namespace plimsoll::collectors::host
