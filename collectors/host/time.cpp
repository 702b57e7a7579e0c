// SPDX-License-Identifier: Apache-2.0
// The clock, the local time zone, and the kernel's clock sources from
// /sys/devices/system/clocksource/clocksource0:
//
//   available_clocksource   kvm-clock tsc
//   current_clocksource     tsc
//
// Documentation/ABI/testing/sysfs-devices-system-clocksource. A system tree without clock sources
// (a container's) leaves those two families out.
#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include "base/text.h"
#include "collectors/host/parts/kept_file.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr MetricDesc kTime = {"node_time_seconds", "The machine's clock, in seconds since 1970.", MetricType::kGauge};
constexpr MetricDesc kZone = {"node_time_zone_offset_seconds",
                              "How far the local time zone is ahead of UTC, in seconds.", MetricType::kGauge};
constexpr MetricDesc kAvailable = {"node_time_clocksource_available_info",
                                   "Clock sources the kernel could use, as labels of a constant 1.",
                                   MetricType::kGauge};
constexpr MetricDesc kCurrent = {"node_time_clocksource_current_info",
                                 "Clock source in use, as a label of a constant 1.", MetricType::kGauge};

constexpr size_t kMaxSources = 64;  // a machine has a handful

struct ClockDevice {
  std::string number;  // the 0 of clocksource0
  KeptFile available;
  KeptFile current;
};

std::vector<ClockDevice> find_clock_devices(const std::string& root) {
  constexpr std::string_view kPrefix = "clocksource";
  std::vector<ClockDevice> devices;
  const auto dir = Dir::open(root);
  if (!dir) return devices;
  for (const Dir::Entry& entry : dir->list().value_or({})) {
    if (!entry.name.starts_with(kPrefix)) continue;
    const std::string path = root + "/" + entry.name;
    devices.push_back({entry.name.substr(kPrefix.size()), KeptFile(path + "/available_clocksource", 512),
                       KeptFile(path + "/current_clocksource", 512)});
  }
  const auto by_number = [](const ClockDevice& a, const ClockDevice& b) { return a.number < b.number; };
  std::sort(devices.begin(), devices.end(), by_number);
  return devices;
}

void write_sources(MetricWriter& writer, const std::string& device, KeptFile& file) {
  const auto text = file.read();
  if (!text) return;
  std::vector<std::string_view> sources;
  for (std::string_view rest = trim(*text); !rest.empty() && sources.size() < kMaxSources;) {
    const std::string_view source = take_field(rest);
    if (std::find(sources.begin(), sources.end(), source) != sources.end()) continue;
    sources.push_back(source);
    writer.sample(writer.labels(LabelSet{{"clocksource", source}, {"device", device}}), 1);
  }
}

void write_zone(MetricWriter& writer) {
  const std::time_t now = std::time(nullptr);
  std::tm local;
  if (::localtime_r(&now, &local) == nullptr) return;
  writer.family(kZone);
  writer.sample(writer.labels(LabelSet{{"time_zone", local.tm_zone}}), static_cast<double>(local.tm_gmtoff));
}

class TimeCollector : public Collector {
 public:
  explicit TimeCollector(const Setup& setup)
      : devices_(find_clock_devices(setup.roots.sys + "/devices/system/clocksource")) {}
  std::string_view name() const override { return "time"; }

  Result<void> collect(MetricWriter& writer) override {
    writer.single(kTime, static_cast<double>(wall_clock_ns()) / 1e9);
    write_zone(writer);
    writer.family(kAvailable);
    for (ClockDevice& device : devices_) write_sources(writer, device.number, device.available);
    writer.family(kCurrent);
    for (ClockDevice& device : devices_) write_sources(writer, device.number, device.current);
    return {};
  }

 private:
  std::vector<ClockDevice> devices_;  // clock devices do not come and go
};

}  // namespace

const Entry kTimeCollector = {"time", "Clock, time zone and clock sources: sys devices/system/clocksource",
                              Default::kOn, make<TimeCollector>};

}  // namespace plimsoll::collectors::host
