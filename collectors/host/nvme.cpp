// SPDX-License-Identifier: Apache-2.0
// NVMe controllers, and the namespaces that are reached through several of them: /sys/class/nvme
//
//   nvme0/{model,serial,firmware_rev,state,cntlid}
//   nvme0/nvme0c0n1/{size,nuse,ana_state,queue/logical_block_size}    controller 0's path to namespace 1
//
// Namespaces of a single path (nvme0n1) are plain disks: see diskstats. Multi-path: ANA, asymmetric namespace
// access. drivers/nvme/host/sysfs.c, Documentation/ABI/stable/sysfs-block
#include <fcntl.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/device_dir.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;
constexpr MetricDesc kInfo = {"node_nvme_info", "What the controller says about itself, as labels of a constant 1.",
                              kGauge};
constexpr MetricDesc kNamespaceInfo = {"node_nvme_namespace_info",
                                       "State of the path to the namespace, as a label of a constant 1.", kGauge};
constexpr MetricDesc kLogicalBlockSize = {"node_nvme_namespace_logical_block_size_bytes",
                                          "Size of the namespace's logical blocks, in bytes.", kGauge};

struct NvmeNamespace {
  std::string id;
  std::string ana_state;
  std::optional<uint64_t> size, used;  // blocks
  std::optional<uint64_t> block_size;  // bytes
};

struct SizeFamily {
  MetricDesc desc;
  std::optional<uint64_t> NvmeNamespace::*blocks;
};

// node_exporter's product is the same for size and capacity. The file size counts sectors of 512 bytes however
// large a logical block is, so that with blocks of 4096 bytes both are eight times too large, there as here.
constexpr SizeFamily kSizes[] = {
    {{"node_nvme_namespace_capacity_bytes", "Size of the namespace times that of its blocks, in bytes.", kGauge},
     &NvmeNamespace::size},
    {{"node_nvme_namespace_size_bytes", "Size of the namespace times that of its blocks, in bytes.", kGauge},
     &NvmeNamespace::size},
    {{"node_nvme_namespace_used_bytes", "What of the namespace is in use, in bytes.", kGauge}, &NvmeNamespace::used},
};

struct Controller {
  std::string name;
  LabelSet info;
  std::vector<NvmeNamespace> namespaces;
};

// Takes `letters` and the digits behind them off the front; the digits, "" when it is different.
std::string_view take_numbered(std::string_view& name, std::string_view letters) {
  if (!name.starts_with(letters)) return {};
  const size_t end = std::min(name.find_first_not_of("0123456789", letters.size()), name.size());
  const std::string_view digits = name.substr(letters.size(), end - letters.size());
  name.remove_prefix(end);
  return digits;
}

// The number in "nvme0c1n2": 2. "" for other names.
std::string_view namespace_id(std::string_view name) {
  if (take_numbered(name, "nvme").empty() || take_numbered(name, "c").empty()) return {};
  const std::string_view id = take_numbered(name, "n");
  return name.empty() ? id : std::string_view{};
}

std::string text_of(Device& device, std::string_view attribute) {
  return std::string(device.text(attribute).value_or(""));
}

// Without a word about its state the controller went away, or is none.
Result<Controller> read_controller(Device& device) {
  const auto read = device.read("state");
  if (!read) return unexpected(read.error());
  const std::string state(trim(*read));
  return Controller{device.name(),
                    {{"cntlid", text_of(device, "cntlid")},
                     {"device", device.name()},
                     {"firmware_revision", text_of(device, "firmware_rev")},
                     {"model", text_of(device, "model")},
                     {"serial", text_of(device, "serial")},
                     {"state", state}},
                    {}};
}

Value product(uint64_t blocks, uint64_t block_size) {
  uint64_t bytes;
  if (__builtin_mul_overflow(blocks, block_size, &bytes))
    return static_cast<double>(blocks) * static_cast<double>(block_size);
  return bytes;
}

// One namespace and its controller: the labels device and nsid.
struct Row {
  LabelRef labels;
  const Controller& controller;
  const NvmeNamespace& of;
};

void write_namespaces(MetricWriter& writer, const std::vector<Row>& rows) {
  writer.family(kNamespaceInfo);
  for (const Row& row : rows)
    writer.sample(
        writer.labels(LabelSet{{"ana_state", row.of.ana_state}, {"device", row.controller.name}, {"nsid", row.of.id}}),
        1);
  for (const SizeFamily& size : kSizes) {
    writer.family(size.desc);
    for (const Row& row : rows)
      if (row.of.*size.blocks && row.of.block_size)
        writer.sample(row.labels, product(*(row.of.*size.blocks), *row.of.block_size));
  }
  writer.family(kLogicalBlockSize);
  for (const Row& row : rows)
    if (row.of.block_size) writer.sample(row.labels, *row.of.block_size);
}

class NvmeCollector : public Collector {
 public:
  explicit NvmeCollector(const Setup& setup) : controllers_(setup.roots.sys + "/class/nvme") {}
  std::string_view name() const override { return "nvme"; }

  Result<void> collect(MetricWriter& writer) override {
    auto devices = controllers_.devices();
    if (!devices) return unexpected(devices.error());
    Result<void> result;
    std::vector<Controller> controllers;
    for (Device* device : *devices) {
      auto controller = read_controller(*device);
      if (!controller && result) result = unexpected(controller.error().within(controllers_.path()));
      if (!controller) continue;
      controller->namespaces = read_namespaces(*device);
      controllers.push_back(*std::move(controller));
    }
    write(writer, controllers);
    return result;
  }

 private:
  // A namespace may come and go while its controller stays: none of its files is kept open.
  std::optional<uint64_t> number(const std::string& file) {
    const auto text = buffer_.read_at(AT_FDCWD, file.c_str());
    return text ? parse_u64(trim(*text)) : std::nullopt;
  }

  NvmeNamespace read_namespace(const std::string& directory, std::string_view id) {
    const auto state = buffer_.read_at(AT_FDCWD, (directory + "/ana_state").c_str());
    NvmeNamespace found{std::string(id), state ? std::string(trim(*state)) : "unknown", {}, {}, {}};
    found.size = number(directory + "/size");
    found.used = number(directory + "/nuse");
    found.block_size = number(directory + "/queue/logical_block_size");
    return found;
  }

  std::vector<NvmeNamespace> read_namespaces(const Device& device) {
    std::vector<NvmeNamespace> namespaces;
    for (const std::string& name : device.list()) {
      const std::string_view id = namespace_id(name);
      const auto same = [&](const NvmeNamespace& known) { return known.id == id; };
      if (id.empty() || std::any_of(namespaces.begin(), namespaces.end(), same)) continue;
      namespaces.push_back(read_namespace(controllers_.path() + "/" + device.name() + "/" + name, id));
    }
    return namespaces;
  }

  static void write(MetricWriter& writer, const std::vector<Controller>& controllers) {
    writer.family(kInfo);
    for (const Controller& controller : controllers) writer.sample(writer.labels(controller.info), 1);
    std::vector<Row> rows;
    for (const Controller& controller : controllers)
      for (const NvmeNamespace& of : controller.namespaces)
        rows.push_back({writer.labels(LabelSet{{"device", controller.name}, {"nsid", of.id}}), controller, of});
    write_namespaces(writer, rows);
  }

  DeviceDir controllers_;
  ReadBuffer buffer_{512};
};

}  // namespace

const Entry kNvmeCollector = {"nvme", "NVMe controllers and the namespaces behind several: sys class/nvme",
                              Default::kOn, make<NvmeCollector>};

}  // namespace plimsoll::collectors::host
