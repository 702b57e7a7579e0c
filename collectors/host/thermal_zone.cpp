// SPDX-License-Identifier: Apache-2.0
// /sys/class/thermal: temperatures that the kernel acts upon, and what it throttles to act.
//
//   thermal_zone0/type      x86_pkg_temp        thermal_zone0/temp         45000   thousandths of a degree
//   cooling_device0/type    Processor           cooling_device0/cur_state  0       of max_state; -1: not in use
//
// Documentation/driver-api/thermal/sysfs-api.rst
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr NumberFile kZoneFiles[] = {
    {"temp", {"node_thermal_zone_temp", "Temperature of the zone, in degrees Celsius.", kGauge}, 1000},
};
constexpr NumberFile kCoolerFiles[] = {
    {"cur_state",
     {"node_cooling_device_cur_state", "How hard the device cools, from 0 to max_state; -1 when it is not in use.",
      kGauge}},
    {"max_state", {"node_cooling_device_max_state", "How hard the device can cool, in steps.", kGauge}},
};

// The devices of one kind: those whose names are `prefix` and a number.
struct Kind {
  std::string_view prefix;
  std::string_view label;  // holds that number
  std::span<const NumberFile> files;
  std::vector<size_t> indices;
  std::vector<std::string> labels;

  void find(const std::vector<Device*>& devices) {
    indices.clear();
    labels.clear();
    for (size_t i = 0; i < devices.size(); ++i) {
      const std::string_view number = number_behind(devices[i]->name(), prefix);
      if (number.empty()) continue;
      indices.push_back(i);
      labels.emplace_back(LabelSet{{label, number}, {"type", label_text(*devices[i], "type").value_or("")}}.rendered());
    }
  }

  void write(MetricWriter& writer, const std::vector<Device*>& devices, Numbers& numbers) const {
    std::vector<Device*> own;
    std::vector<LabelRef> refs;
    for (size_t index : indices) own.push_back(devices[index]);
    for (const std::string& rendered : labels) refs.push_back(writer.labels(rendered));
    numbers.write(writer, own, refs, files);
  }
};

class ThermalZoneCollector : public Collector {
 public:
  explicit ThermalZoneCollector(const Setup& setup) : devices_(setup.roots.sys + "/class/thermal") {}
  std::string_view name() const override { return "thermal_zone"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = devices_.devices();
    if (!devices) return unexpected(devices.error());
    const bool changed = roster_.changed(*devices);
    Numbers numbers(devices_.path());
    for (Kind* kind : {&zones_, &coolers_}) {
      if (changed) kind->find(*devices);
      kind->write(writer, *devices, numbers);
    }
    return numbers.result();
  }

 private:
  DeviceDir devices_;
  Roster roster_;
  Kind zones_{"thermal_zone", "zone", kZoneFiles, {}, {}};
  Kind coolers_{"cooling_device", "name", kCoolerFiles, {}, {}};
};

}  // namespace

const Entry kThermalZoneCollector = {"thermal_zone", "Thermal zones and cooling devices: sys class/thermal",
                                     Default::kOn, make<ThermalZoneCollector>};

}  // namespace plimsoll::collectors::host
