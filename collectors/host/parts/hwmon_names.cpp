// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/parts/hwmon_names.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace plimsoll::collectors::host {
namespace {

constexpr std::string_view kDigits = "0123456789";

constexpr std::string_view kTypes[] = {
    "vrm",  "beep_enable", "update_interval", "in",     "cpu",      "fan",       "pwm",
    "temp", "curr",        "power",           "energy", "humidity", "intrusion", "freq"};

// Where every property of a type, but for those named in unit_of(), is in the same unit.
struct TypeUnit {
  std::string_view type;
  std::string_view suffix;
  std::string_view words;
  SensorUnit unit;
};

constexpr TypeUnit kTypeUnits[] = {
    {"in", "_volts", "in volts", SensorUnit::kMilli},
    {"cpu", "_volts", "in volts", SensorUnit::kMilli},
    {"temp", "_celsius", "in degrees Celsius", SensorUnit::kMilli},
    {"curr", "_amps", "in amperes", SensorUnit::kMilli},
    {"energy", "_joule_total", "in joules", SensorUnit::kMicro},
    {"power", "_watt", "in watts", SensorUnit::kMicro},
    {"humidity", "", "of which 0.1 is 100 percent", SensorUnit::kMicro},
};

constexpr TypeUnit kPlainUnit = {"", "", "as the driver gives it", SensorUnit::kPlain};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

TypeUnit unit_of(std::string_view type, std::string_view property) {
  if (is_one_of(property, {"fault", "alarm"})) return {"", "", "1 while it is raised", SensorUnit::kPlain};
  if (property == "beep") return {"", "_enabled", "1 when the alarm beeps", SensorUnit::kPlain};
  if (type == "temp" && property == "type") return kPlainUnit;
  if (type == "power" && property == "accuracy") return {"", "", "from 0 to 1", SensorUnit::kMicro};
  if (type == "power" && is_one_of(property, {"average_interval", "average_interval_min", "average_interval_max"}))
    return {"", "_seconds", "in seconds", SensorUnit::kMilli};
  if (type == "fan" && is_one_of(property, {"input", "min", "max", "target"}))
    return {"", "_rpm", "in revolutions per minute", SensorUnit::kPlain};
  if (type == "freq" && property == "input") return {"", "_freq_mhz", "in megahertz", SensorUnit::kMicro};
  for (const TypeUnit& unit : kTypeUnits)
    if (unit.type == type) return unit;
  return kPlainUnit;
}

// Files of a chip as a whole, which have no property.
std::optional<SensorFamily> setting_family(std::string_view type) {
  if (type == "beep_enable")
    return SensorFamily{"node_hwmon_beep_enabled", "Whether the chip beeps at alarms (1 or 0).", MetricType::kGauge,
                        SensorUnit::kIsOne};
  if (type == "vrm")
    return SensorFamily{"node_hwmon_voltage_regulator_version",
                        "Version of the voltage regulator module's standard, times ten.", MetricType::kGauge,
                        SensorUnit::kPlain};
  if (type == "update_interval")
    return SensorFamily{"node_hwmon_update_interval_seconds", "How often the chip measures, in seconds.",
                        MetricType::kGauge, SensorUnit::kMilli};
  return std::nullopt;
}

// ASCII only: whatever else stands in a name becomes '_'.
char clean_character(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':';
  return kept ? c : '_';
}

}  // namespace

std::optional<SensorFile> parse_sensor_file(std::string_view name) {
  const std::string_view type = name.substr(0, name.find_first_of(kDigits));
  if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes)) return std::nullopt;
  std::string_view rest = name.substr(type.size());
  const std::string_view digits = rest.substr(0, rest.find_first_not_of(kDigits));
  rest.remove_prefix(digits.size());
  const auto number = digits.empty() ? 0 : parse_i64(digits);
  if (!number) return std::nullopt;
  const bool with_property = rest.size() > 1 && rest.front() == '_' && rest.find('\n') == std::string_view::npos;
  if (!rest.empty() && !with_property) return std::nullopt;
  return SensorFile{std::string(type), std::string(type) + std::to_string(*number),
                    std::string(rest.empty() ? rest : rest.substr(1))};
}

std::string clean_hwmon_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(utf8_length(text), 1);
    name += length == 1 ? clean_character(text.front()) : '_';
    text.remove_prefix(length);
  }
  const size_t first = name.find_first_not_of('_');
  if (first == std::string::npos) return "";
  return name.substr(first, name.find_last_not_of('_') - first + 1);
}

std::optional<SensorFamily> sensor_family(const SensorFile& file, bool with_plain) {
  if (file.property == "label") return std::nullopt;
  if (is_one_of(file.type, {"beep_enable", "vrm", "update_interval"}))
    return file.property.empty() ? setting_family(file.type) : std::nullopt;
  const TypeUnit unit = unit_of(file.type, file.property);
  SensorFamily family;
  family.name = "node_hwmon_" + file.type;
  if (file.property == "input") {
    if (with_plain) family.name += "_input";
  } else if (!file.property.empty()) {
    family.name += "_" + clean_hwmon_name(file.property);
  }
  family.name += unit.suffix;
  family.help = "Sensor of type " + file.type + ", its " + (file.property.empty() ? "value" : file.property) + ", ";
  family.help += std::string(unit.words) + ".";
  if (unit.suffix == "_joule_total") family.type = MetricType::kCounter;
  family.unit = unit.unit;
  return family;
}

}  // namespace plimsoll::collectors::host
