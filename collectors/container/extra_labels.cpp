// SPDX-License-Identifier: Apache-2.0
#include "collectors/container/extra_labels.h"

#include "base/os.h"
#include "collectors/container/diskstats.h"

namespace plimsoll::collectors::container {

void ExtraLabels::start_page() {
  ++page_;
  if (interfaces_.size() > kMaxKept) interfaces_.clear();
  if (devices_.size() > kMaxKept) devices_.clear();
  for (auto& [name, values] : pairs_) {
    if (values.size() > kMaxKept) values.clear();
  }
}

LabelRef ExtraLabels::cpu(MetricWriter& writer, size_t number) {
  for (size_t next = cpus_.size(); next <= number; ++next) {
    const std::string digits = std::to_string(next);
    cpus_.emplace_back().set.add("cpu", (digits.size() < 2 ? "cpu0" : "cpu") + digits);
  }
  return cpus_[number].in(writer, page_);
}

LabelRef ExtraLabels::cpu_total(MetricWriter& writer) {
  if (total_.set.empty()) total_.set.add("cpu", "total");
  return total_.in(writer, page_);
}

LabelRef ExtraLabels::interface(MetricWriter& writer, const std::string& name) {
  ExtraLabel& label = interfaces_[name];
  if (label.set.empty()) label.set.add("interface", name);
  return label.in(writer, page_);
}

LabelRef ExtraLabels::page_faults(MetricWriter& writer, bool major, bool hierarchy) {
  ExtraLabel& label = faults_[major][hierarchy];
  if (label.set.empty()) {
    label.set.add("failure_type", major ? "pgmajfault" : "pgfault");
    label.set.add("scope", hierarchy ? "hierarchy" : "container");
  }
  return label.in(writer, page_);
}

LabelRef ExtraLabels::numa(MetricWriter& writer, std::string_view type, bool hierarchy, uint32_t node) {
  ExtraLabel& label = numa_[{type, hierarchy, node}];
  if (label.set.empty()) {
    label.set.add("node", std::to_string(node));
    label.set.add("scope", hierarchy ? "hierarchy" : "container");
    label.set.add("type", type);
  }
  return label.in(writer, page_);
}

LabelRef ExtraLabels::pair(MetricWriter& writer, std::string_view name, std::string_view value) {
  auto& values = pairs_[name];
  auto found = values.find(value);
  if (found == values.end()) {
    found = values.emplace(value, ExtraLabel{}).first;
    found->second.set.add(name, value);
  }
  return found->second.in(writer, page_);
}

void ExtraLabels::learn_devices() {
  if (devices_learnt_ == page_) return;
  devices_learnt_ = page_;
  auto text = read_file(diskstats_path_);
  if (!text) return;
  names_.clear();
  ++names_version_;
  for (const DiskLine& disk : parse_diskstats(*text)) names_[{disk.major, disk.minor}] = disk.name;
}

void ExtraLabels::render(DeviceLabels& labels, DeviceNumber number) const {
  const auto found = names_.find(number);
  const std::string major = std::to_string(number.first), minor = std::to_string(number.second);
  const std::string name = found == names_.end() ? major + ":" + minor : "/dev/" + found->second;
  labels = DeviceLabels{};
  labels.device.set = {{"device", name}};
  for (size_t i = 0; i < labels.operations.size(); ++i)
    labels.operations[i].set = {{"device", name}, {"major", major}, {"minor", minor}, {"operation", kIoOperations[i]}};
  labels.names_version = names_version_;
}

DeviceLabels& ExtraLabels::device(uint32_t major, uint32_t minor) {
  const DeviceNumber number{major, minor};
  if (!names_.contains(number)) learn_devices();
  DeviceLabels& labels = devices_[number];
  if (labels.names_version != names_version_) render(labels, number);
  return labels;
}

}  // namespace plimsoll::collectors::container
