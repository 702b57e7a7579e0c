// SPDX-License-Identifier: Apache-2.0
// /sys/class/dmi/id: what the firmware says about the machine; a file per string, of which serial numbers
// and the UUID are root's. Read once: it stays the same until the machine starts anew.
//
//   sys_vendor    Dell Inc.        product_name   PowerEdge R6515        bios_date   04/12/2021
//
// Documentation/ABI/testing/sysfs-class-dmi; DMTF DSP0134 (SMBIOS)
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kInfo = {"node_dmi_info", "What the firmware says about the machine and its makers; always 1.",
                              MetricType::kGauge};

struct Text {
  std::string_view label, file;
};

constexpr Text kTexts[] = {
    {"bios_date", "bios_date"},
    {"bios_release", "bios_release"},
    {"bios_vendor", "bios_vendor"},
    {"bios_version", "bios_version"},
    {"board_asset_tag", "board_asset_tag"},
    {"board_name", "board_name"},
    {"board_serial", "board_serial"},
    {"board_vendor", "board_vendor"},
    {"board_version", "board_version"},
    {"chassis_asset_tag", "chassis_asset_tag"},
    {"chassis_serial", "chassis_serial"},
    {"chassis_vendor", "chassis_vendor"},
    {"chassis_version", "chassis_version"},
    {"product_family", "product_family"},
    {"product_name", "product_name"},
    {"product_serial", "product_serial"},
    {"product_sku", "product_sku"},
    {"product_uuid", "product_uuid"},
    {"product_version", "product_version"},
    {"system_vendor", "sys_vendor"},
};

class DmiCollector : public Collector {
 public:
  explicit DmiCollector(const Setup& setup) : directory_(setup.roots.sys + "/class/dmi") {}
  std::string_view name() const override { return "dmi"; }

  Result<void> collect(MetricWriter& writer) override {
    if (labels_.empty()) {
      const auto read = read_labels();
      if (!read) return read;
    }
    writer.family(kInfo);
    writer.sample(writer.labels(labels_), 1);
    return {};
  }

 private:
  Result<void> read_labels() {
    DeviceDir tables(directory_, 0);
    const auto devices = tables.devices();
    if (!devices) return unexpected(devices.error());
    LabelSet labels;
    for (Device* device : *devices) {
      if (device->name() != "id") continue;
      for (const Text& text : kTexts)
        if (const auto value = label_text(*device, text.file)) labels.add(text.label, *value);
    }
    if (labels.empty()) return not_present(directory_ + "/id");
    labels_ = labels;
    return {};
  }

  std::string directory_;
  LabelSet labels_;
};

}  // namespace

const Entry kDmiCollector = {"dmi", "What the firmware says about the machine: sys class/dmi", Default::kOn,
                             make<DmiCollector>};

}  // namespace plimsoll::collectors::host
