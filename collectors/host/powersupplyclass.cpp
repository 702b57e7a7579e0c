// SPDX-License-Identifier: Apache-2.0
// /sys/class/power_supply: mains adapters, batteries and USB ports that power the machine.
//
//   AC/type       Mains         AC/online         1
//   BAT0/status   Discharging   BAT0/energy_now   36580000    millionths of a watt-hour
//
// Millionths of volts, amperes, watts, ampere-hours and watt-hours; tenths of a degree; percents.
// Documentation/ABI/testing/sysfs-class-power
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kIgnored = {"powersupply.ignored-supplies", FlagKind::kRegex, "^$",
                           "Regexp of power supplies to leave out"};
constexpr const Flag* kFlags[] = {&kIgnored};

constexpr double kMicro = 1e6;
constexpr double kTenths = 10;

constexpr NumberFile gauge(std::string_view file, std::string_view name, std::string_view help, double per_unit = 1) {
  return {file, {name, help, MetricType::kGauge}, per_unit};
}

constexpr NumberFile kFiles[] = {
    gauge("authentic", "node_power_supply_authentic", "Whether the battery is the maker's own (1 or 0)."),
    gauge("calibrate", "node_power_supply_calibrate", "Whether the battery is being calibrated (1 or 0)."),
    gauge("capacity", "node_power_supply_capacity", "Charge of the battery, in percent."),
    gauge("capacity_alert_max", "node_power_supply_capacity_alert_max", "Charge above which to warn, in percent."),
    gauge("capacity_alert_min", "node_power_supply_capacity_alert_min", "Charge below which to warn, in percent."),
    gauge("cycle_count", "node_power_supply_cyclecount", "Times the battery was charged and used up."),
    gauge("online", "node_power_supply_online", "Whether the supply is plugged in (1, or 2 for a programmable one)."),
    gauge("present", "node_power_supply_present", "Whether the battery is there (1 or 0)."),
    gauge("time_to_empty_now", "node_power_supply_time_to_empty_seconds", "How long the battery will last."),
    gauge("time_to_full_now", "node_power_supply_time_to_full_seconds", "How long the battery will take to fill."),

    gauge("current_boot", "node_power_supply_current_boot", "Current at start-up, in amperes.", kMicro),
    gauge("current_max", "node_power_supply_current_max", "Current the supply can give, in amperes.", kMicro),
    gauge("current_now", "node_power_supply_current_ampere", "Current flowing, in amperes.", kMicro),
    gauge("energy_empty", "node_power_supply_energy_empty", "Energy at which it is empty, in watt-hours.", kMicro),
    gauge("energy_empty_design", "node_power_supply_energy_empty_design",
          "Energy at which it is empty by design, in watt-hours.", kMicro),
    gauge("energy_full", "node_power_supply_energy_full", "Energy when full, in watt-hours.", kMicro),
    gauge("energy_full_design", "node_power_supply_energy_full_design", "Energy when full by design, in watt-hours.",
          kMicro),
    gauge("energy_now", "node_power_supply_energy_watthour", "Energy left, in watt-hours.", kMicro),
    gauge("voltage_boot", "node_power_supply_voltage_boot", "Voltage at start-up, in volts.", kMicro),
    gauge("voltage_max", "node_power_supply_voltage_max", "Highest voltage allowed or seen, in volts.", kMicro),
    gauge("voltage_max_design", "node_power_supply_voltage_max_design", "Highest voltage by design, in volts.", kMicro),
    gauge("voltage_min", "node_power_supply_voltage_min", "Lowest voltage allowed or seen, in volts.", kMicro),
    gauge("voltage_min_design", "node_power_supply_voltage_min_design", "Lowest voltage by design, in volts.", kMicro),
    gauge("voltage_now", "node_power_supply_voltage_volt", "Voltage, in volts.", kMicro),
    gauge("voltage_ocv", "node_power_supply_voltage_ocv", "Voltage without load, in volts.", kMicro),
    gauge("charge_control_limit", "node_power_supply_charge_control_limit", "Charge current set, in amperes.", kMicro),
    gauge("charge_control_limit_max", "node_power_supply_charge_control_limit_max",
          "Charge current that can be set, in amperes.", kMicro),
    gauge("charge_counter", "node_power_supply_charge_counter",
          "Charge that flowed in, less what flowed out, in ampere-hours.", kMicro),
    gauge("charge_empty", "node_power_supply_charge_empty", "Charge at which it is empty, in ampere-hours.", kMicro),
    gauge("charge_empty_design", "node_power_supply_charge_empty_design",
          "Charge at which it is empty by design, in ampere-hours.", kMicro),
    gauge("charge_full", "node_power_supply_charge_full", "Charge when full, in ampere-hours.", kMicro),
    gauge("charge_full_design", "node_power_supply_charge_full_design", "Charge when full by design, in ampere-hours.",
          kMicro),
    gauge("charge_now", "node_power_supply_charge_ampere", "Charge left, in ampere-hours.", kMicro),
    gauge("charge_term_current", "node_power_supply_charge_term_current", "Current at which charging ends, in amperes.",
          kMicro),
    gauge("constant_charge_current", "node_power_supply_constant_charge_current",
          "Current of charging at constant current, in amperes.", kMicro),
    gauge("constant_charge_current_max", "node_power_supply_constant_charge_current_max",
          "Highest current of charging at constant current, in amperes.", kMicro),
    gauge("constant_charge_voltage", "node_power_supply_constant_charge_voltage",
          "Voltage of charging at constant voltage, in volts.", kMicro),
    gauge("constant_charge_voltage_max", "node_power_supply_constant_charge_voltage_max",
          "Highest voltage of charging at constant voltage, in volts.", kMicro),
    gauge("precharge_current", "node_power_supply_precharge_current",
          "Current for a battery that is all but empty, in amperes.", kMicro),
    gauge("input_current_limit", "node_power_supply_input_current_limit",
          "Current that the charger may draw, in amperes.", kMicro),
    gauge("power_now", "node_power_supply_power_watt", "Power flowing, in watts.", kMicro),

    gauge("temp", "node_power_supply_temp_celsius", "Temperature, in degrees Celsius.", kTenths),
    gauge("temp_alert_max", "node_power_supply_temp_alert_max_celsius",
          "Temperature above which to warn, in degrees Celsius.", kTenths),
    gauge("temp_alert_min", "node_power_supply_temp_alert_min_celsius",
          "Temperature below which to warn, in degrees Celsius.", kTenths),
    gauge("temp_ambient", "node_power_supply_temp_ambient_celsius", "Temperature around it, in degrees Celsius.",
          kTenths),
    gauge("temp_ambient_max", "node_power_supply_temp_ambient_max_celsius",
          "Highest temperature around it that is allowed, in degrees Celsius.", kTenths),
    gauge("temp_ambient_min", "node_power_supply_temp_ambient_min_celsius",
          "Lowest temperature around it that is allowed, in degrees Celsius.", kTenths),
    gauge("temp_max", "node_power_supply_temp_max_celsius", "Highest temperature allowed, in degrees Celsius.",
          kTenths),
    gauge("temp_min", "node_power_supply_temp_min_celsius", "Lowest temperature allowed, in degrees Celsius.", kTenths),
};

constexpr MetricDesc kInfo = {"node_power_supply_info", "What the supply is and how it does; always 1.",
                              MetricType::kGauge};

// Labels of the info sample, each the text of the file of that name; those without a text are left out.
constexpr std::string_view kIdentity[] = {"manufacturer", "model_name", "serial_number", "technology", "type", "scope"};
constexpr std::string_view kState[] = {"capacity_level", "charge_type", "health", "status", "usb_type"};

void add_texts(LabelSet& labels, Device& device, std::span<const std::string_view> files) {
  for (std::string_view file : files) {
    const auto text = label_text(device, file);
    if (text && !text->empty()) labels.add(file, *text);
  }
}

class PowersupplyclassCollector : public Collector {
 public:
  explicit PowersupplyclassCollector(const Setup& setup)
      : supplies_(setup.roots.sys + "/class/power_supply"), ignored_(setup.flags.text(kIgnored)) {}
  std::string_view name() const override { return "powersupplyclass"; }

  Result<void> collect(MetricWriter& writer) override {
    auto devices = supplies_.devices();
    if (!devices) return unexpected(devices.error());
    std::erase_if(*devices, [&](const Device* device) { return ignored_.matches(device->name()); });
    if (roster_.changed(*devices)) identify(*devices);
    std::vector<LabelRef> labels;
    for (const Device* device : *devices) labels.push_back(writer.labels(LabelSet{{"power_supply", device->name()}}));
    Numbers numbers(supplies_.path());
    numbers.write(writer, *devices, labels, kFiles);
    writer.family(kInfo);
    for (size_t i = 0; i < devices->size(); ++i) {
      LabelSet info = identities_[i];
      add_texts(info, *(*devices)[i], kState);
      writer.sample(writer.labels(info), 1);
    }
    return numbers.result();
  }

 private:
  void identify(const std::vector<Device*>& devices) {
    identities_.clear();
    for (Device* device : devices) {
      identities_.push_back(LabelSet{{"power_supply", device->name()}});
      add_texts(identities_.back(), *device, kIdentity);
    }
  }

  DeviceDir supplies_;
  Pattern ignored_;
  Roster roster_;
  std::vector<LabelSet> identities_;  // what does not change, of each supply
};

}  // namespace

const Entry kPowersupplyclassCollector = {"powersupplyclass", "Batteries and power supplies: sys class/power_supply",
                                          Default::kOn, make<PowersupplyclassCollector>, kFlags};

}  // namespace plimsoll::collectors::host
