// SPDX-License-Identifier: Apache-2.0
// /sys/class/hwmon: temperatures, fans, voltages, currents, powers as the chips measure them.
//
//   hwmon0/name          coretemp
//   hwmon0/device     -> ../../../coretemp.0
//   hwmon0/temp1_label   Physical id 0
//   hwmon0/temp1_input   55000                 thousandths of a degree
//
// hwmon0 is a number of the day; a chip is called by the device behind it (platform_coretemp_0), else by its
// name file. Old drivers have their sensors in device/. What each file means: hwmon_names.h. Which sensors a
// chip has, and what they are called, is looked up when chips come or go; a sensor that cannot be read
// (drivers answer EIO, ENODATA, EAGAIN) has no sample. Documentation/hwmon/sysfs-interface.rst
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/hardware.h"
#include "collectors/host/parts/hwmon_names.h"
#include "collectors/host/parts/name_filter.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr Flag kChipInclude = {"hwmon.chip-include", FlagKind::kInclude, "", "Regexp of chips to show"};
constexpr Flag kChipExclude = {"hwmon.chip-exclude", FlagKind::kExclude, "", "Regexp of chips to leave out"};
constexpr Flag kSensorInclude = {"hwmon.sensor-include", FlagKind::kInclude, "",
                                 "Regexp of sensors to show, written CHIP;SENSOR"};
constexpr Flag kSensorExclude = {"hwmon.sensor-exclude", FlagKind::kExclude, "",
                                 "Regexp of sensors to leave out, written CHIP;SENSOR"};
constexpr const Flag* kFlags[] = {&kChipInclude, &kChipExclude, &kSensorInclude, &kSensorExclude};

constexpr MetricDesc kChipNames = {"node_hwmon_chip_names", "The name that a chip's driver gives it; always 1.",
                                   MetricType::kGauge};
constexpr MetricDesc kSensorLabel = {"node_hwmon_sensor_label", "What a sensor measures, in words; always 1.",
                                     MetricType::kGauge};

// Every chip's sensors are kept open up to this many files; one costs a page of kernel memory.
constexpr size_t kKeptFiles = 128;

struct Reading {
  size_t device;  // index of the chip
  std::string file;
  std::string labels;
  SensorUnit unit;
};

struct PlannedFamily {
  SensorFamily family;
  std::vector<Reading> readings;
  std::set<std::string> labels;  // of the readings: none twice
};

// What there is to read, as long as the chips stay the same.
struct Plan {
  std::set<std::string> chip_names;     // rendered labels
  std::set<std::string> sensor_labels;  // rendered labels
  std::map<std::string, PlannedFamily> families;
};

struct Property {
  SensorFile parsed;
  std::string file;
};
using Sensor = std::map<std::string, Property>;  // by property

std::string rendered(const LabelSet& labels) { return std::string(labels.rendered()); }

// "type_name" of the path /sys/devices/.../TYPE/NAME behind the chip's link `device`; "" without it.
std::string device_name(const std::string& path) {
  char* const resolved = ::realpath((path + "/device").c_str(), nullptr);
  if (resolved == nullptr) return "";
  std::string_view rest(resolved);
  const size_t slash = rest.rfind('/');
  const std::string name = clean_hwmon_name(rest.substr(slash + 1));
  rest = rest.substr(0, slash);
  const std::string type = clean_hwmon_name(rest.substr(rest.rfind('/') + 1));
  std::free(resolved);
  return name.empty() || type.empty() ? name : type + "_" + name;
}

std::string driver_name(Device& device) {
  const auto text = device.read("name");
  return text ? clean_hwmon_name(*text) : "";
}

// Names of hwmon directories are the last resort; they say hwmon4.
std::string chip_name(Device& device, const std::string& path) {
  std::string name = device_name(path);
  if (name.empty()) name = driver_name(device);
  return name.empty() ? clean_hwmon_name(device.name()) : name;
}

// Adds the sensors with files in `directory`, which is "" or "device/".
void find_sensors(const Device& device, const std::string& directory, std::map<std::string, Sensor>& sensors) {
  for (const std::string& name : device.list(directory.empty() ? "." : directory)) {
    auto parsed = parse_sensor_file(name);
    if (!parsed) continue;
    const std::string file = directory + name;
    // Every device has a directory "power", which is no sensor.
    if (parsed->property.empty() && !device.list(file).empty()) continue;
    Sensor& sensor = sensors[parsed->sensor];
    const std::string property = parsed->property;
    sensor[property] = {*std::move(parsed), file};
  }
}

class HwmonCollector : public Collector {
 public:
  explicit HwmonCollector(const Setup& setup)
      : chips_(setup.roots.sys + "/class/hwmon", kKeptFiles),
        chip_filter_(setup.flags, kChipInclude, kChipExclude),
        sensor_filter_(setup.flags, kSensorInclude, kSensorExclude) {}
  std::string_view name() const override { return "hwmon"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = chips_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) make_plan(*devices);
    write_names(writer, kChipNames, plan_.chip_names);
    write_names(writer, kSensorLabel, plan_.sensor_labels);
    for (const auto& [name, planned] : plan_.families) {
      writer.family(name, planned.family.help, planned.family.type);
      for (const Reading& reading : planned.readings) write_reading(writer, *(*devices)[reading.device], reading);
    }
    return {};
  }

 private:
  static void write_names(MetricWriter& writer, const MetricDesc& desc, const std::set<std::string>& all_labels) {
    writer.family(desc);
    for (const std::string& labels : all_labels) writer.sample(writer.labels(labels), 1);
  }

  static void write_reading(MetricWriter& writer, Device& device, const Reading& reading) {
    const auto text = device.text(reading.file);
    if (!text) return;
    if (reading.unit == SensorUnit::kIsOne) return writer.sample(writer.labels(reading.labels), *text == "1");
    const auto whole = parse_u64(*text);
    const auto number = whole ? std::optional(static_cast<double>(*whole)) : parse_double(*text);
    if (!number || !std::isfinite(*number)) return;
    Value value = *number;
    if (reading.unit == SensorUnit::kMilli) value = *number * 0.001;
    if (reading.unit == SensorUnit::kMicro) value = *number / 1e6;
    if (reading.unit == SensorUnit::kPlain && whole) value = *whole;
    writer.sample(writer.labels(reading.labels), value);
  }

  void make_plan(const std::vector<Device*>& devices) {
    plan_ = {};
    for (size_t i = 0; i < devices.size(); ++i) plan_chip(*devices[i], i);
  }

  void plan_chip(Device& device, size_t index) {
    const std::string chip = chip_name(device, chips_.path() + "/" + device.name());
    if (chip.empty() || !chip_filter_.keeps(chip)) return;
    const std::string driver = driver_name(device);
    if (!driver.empty()) plan_.chip_names.insert(rendered({{"chip", chip}, {"chip_name", driver}}));
    std::map<std::string, Sensor> sensors;
    find_sensors(device, "", sensors);
    find_sensors(device, "device/", sensors);
    const std::string prefix = chip + ";";
    for (const auto& [name, sensor] : sensors)
      if (sensor_filter_.keeps(prefix + name)) plan_sensor(device, index, chip, sensor);
  }

  void plan_sensor(Device& device, size_t index, const std::string& chip, const Sensor& sensor) {
    const std::string& name = sensor.begin()->second.parsed.sensor;
    const auto label = sensor_label(device, sensor);
    if (label) {
      const LabelSet labels{{"chip", chip}, {"sensor", name}, {"label", valid_utf8(*label)}};
      plan_.sensor_labels.insert(rendered(labels));
    }
    for (const auto& [property, entry] : sensor) {
      const auto family = sensor_family(entry.parsed, sensor.contains(""));
      if (!family) continue;
      // A clock is called by its label, and is nothing without one.
      const bool is_clock = entry.parsed.type == "freq" && property == "input";
      if (is_clock && !label) continue;
      const LabelSet labels{{"chip", chip}, {"sensor", is_clock ? clean_hwmon_name(*label) : name}};
      PlannedFamily& planned = plan_.families.try_emplace(family->name, PlannedFamily{*family, {}, {}}).first->second;
      if (planned.labels.insert(rendered(labels)).second)
        planned.readings.push_back({index, entry.file, rendered(labels), family->unit});
    }
  }

  // Blanks around it belong to it, but for the line's end.
  static std::optional<std::string> sensor_label(Device& device, const Sensor& sensor) {
    const auto found = sensor.find("label");
    if (found == sensor.end()) return std::nullopt;
    const auto text = device.read(found->second.file);
    if (!text) return std::nullopt;
    std::string_view label = first_bytes(*text);
    while (label.starts_with('\n')) label.remove_prefix(1);
    while (label.ends_with('\n')) label.remove_suffix(1);
    return std::string(label);
  }

  DeviceDir chips_;
  NameFilter chip_filter_;
  NameFilter sensor_filter_;
  Roster roster_;
  Plan plan_;
};

}  // namespace

const Entry kHwmonCollector = {"hwmon", "Temperatures, fans, voltages: sys class/hwmon", Default::kOn,
                               make<HwmonCollector>, kFlags};

}  // namespace plimsoll::collectors::host
