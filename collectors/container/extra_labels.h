// SPDX-License-Identifier: Apache-2.0
// Labels that many containers' samples have in common (device, interface, cpu ...): rendered once
// for the agent's life, stored once per page.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/metric.h"

namespace plimsoll::collectors::container {

// A rendered label set and its reference in the page that is being written.
struct ExtraLabel {
  LabelSet set;
  uint64_t page = 0;
  LabelRef ref = 0;

  // `page` numbers from 1 and differs for every page.
  LabelRef in(MetricWriter& writer, uint64_t current) {
    if (page != current) ref = writer.labels(set);
    page = current;
    return ref;
  }
};

// blkio's names for the directions and kinds of requests, in its order.
inline constexpr std::string_view kIoOperations[] = {"Read", "Write", "Sync", "Async", "Discard", "Total"};

// Labels of one block device.
struct DeviceLabels {
  ExtraLabel device;                                                 // device="/dev/vda"
  std::array<ExtraLabel, std::size(kIoOperations)> operations = {};  // and major, minor, operation
  uint64_t names_version = 0;
};

// Everything beside a container's own labels. Not thread-safe.
class ExtraLabels {
 public:
  explicit ExtraLabels(std::string diskstats_path) : diskstats_path_(std::move(diskstats_path)) {}

  void start_page();
  uint64_t page() const { return page_; }

  LabelRef cpu(MetricWriter& writer, size_t number);  // cpu="cpu07"
  LabelRef cpu_total(MetricWriter& writer);           // cpu="total"
  LabelRef interface(MetricWriter& writer, const std::string& name);
  // failure_type="pgfault" or "pgmajfault", scope="container" or "hierarchy"
  LabelRef page_faults(MetricWriter& writer, bool major, bool hierarchy);
  // node="0", scope="container" or "hierarchy", type="anon"
  LabelRef numa(MetricWriter& writer, std::string_view type, bool hierarchy, uint32_t node);
  // Any other single label; `name` must have static storage. Slower than the others: a look-up by value.
  LabelRef pair(MetricWriter& writer, std::string_view name, std::string_view value);
  // The device's name comes from /proc/diskstats, looked up again when a number is unknown;
  // "major:minor" for a device that is not there.
  DeviceLabels& device(uint32_t major, uint32_t minor);

 private:
  // Values are containers' choice (interfaces): what is over this is forgotten between pages.
  static constexpr size_t kMaxKept = 4096;
  using DeviceNumber = std::pair<uint32_t, uint32_t>;
  void learn_devices();
  void render(DeviceLabels& labels, DeviceNumber number) const;

  std::string diskstats_path_;
  uint64_t page_ = 0;
  uint64_t devices_learnt_ = 0;  // page in which diskstats was read last
  std::vector<ExtraLabel> cpus_;
  ExtraLabel total_, faults_[2][2];
  std::map<std::string, ExtraLabel> interfaces_;
  std::map<std::string_view, std::map<std::string, ExtraLabel, std::less<>>> pairs_;  // name -> value
  std::map<std::tuple<std::string_view, bool, uint32_t>, ExtraLabel> numa_;
  std::map<DeviceNumber, std::string> names_;
  uint64_t names_version_ = 1;
  std::map<DeviceNumber, DeviceLabels> devices_;
};

}  // namespace plimsoll::collectors::container
