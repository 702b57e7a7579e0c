// SPDX-License-Identifier: Apache-2.0
// How the files of a hwmon chip become families (Documentation/hwmon/sysfs-interface.rst): temp1_crit is
// the property "crit" of sensor "temp1" and goes to node_hwmon_temp_crit_celsius. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/metric.h"

namespace plimsoll::collectors::host {

struct SensorFile {
  std::string type;      // "temp"
  std::string sensor;    // "temp1"; "temp0" where the file has no number
  std::string property;  // "crit", "crit_alarm"; "" for a plain "pwm1"
};

// nullopt for files that are no sensor's: name, uevent, in_voltage0_raw.
std::optional<SensorFile> parse_sensor_file(std::string_view name);

// As part of a family's name or a chip's: lower case, '_' for what is neither letter, digit nor ':', none
// of them at the ends.
std::string clean_hwmon_name(std::string_view text);

enum class SensorUnit : uint8_t {
  kPlain,  // as it is
  kMilli,  // thousandths of the family's unit
  kMicro,  // millionths
  kIsOne,  // 1 for the text "1", 0 for anything else
};

struct SensorFamily {
  std::string name;
  std::string help;
  MetricType type = MetricType::kGauge;
  SensorUnit unit = SensorUnit::kPlain;
};

// `with_plain`: the sensor also has a file without a property, such as pwm1 beside pwm1_input. nullopt for
// what gives no sample: labels, and properties of settings that have none.
std::optional<SensorFamily> sensor_family(const SensorFile& file, bool with_plain);

}  // namespace plimsoll::collectors::host
