// SPDX-License-Identifier: Apache-2.0
// /sys/class/watchdog: timers that reset the machine unless somebody keeps them from it.
//
//   watchdog0/identity    Software Watchdog     watchdog0/timeout   60      seconds
//   watchdog0/state       active                watchdog0/timeleft  42      seconds
//
// Documentation/ABI/testing/sysfs-class-watchdog
#include <string>
#include <vector>

#include "collectors/host/parts/hardware.h"
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

constexpr auto kGauge = MetricType::kGauge;

constexpr NumberFile kFiles[] = {
    {"bootstatus", {"node_watchdog_bootstatus", "Why the machine was last reset, as WDIOF_ flags.", kGauge}},
    {"fw_version", {"node_watchdog_fw_version", "Version of the watchdog's firmware.", kGauge}},
    {"nowayout", {"node_watchdog_nowayout", "Whether the watchdog, once started, cannot be stopped (1 or 0).", kGauge}},
    {"timeleft", {"node_watchdog_timeleft_seconds", "How long until the watchdog resets the machine.", kGauge}},
    {"timeout", {"node_watchdog_timeout_seconds", "How long the watchdog waits for a sign of life.", kGauge}},
    {"pretimeout",
     {"node_watchdog_pretimeout_seconds", "How long before the reset the watchdog gives warning.", kGauge}},
    {"access_cs0",
     {"node_watchdog_access_cs0", "Whether the machine was started from its second boot device (1 or 0).", kGauge}},
};

constexpr MetricDesc kInfo = {"node_watchdog_info", "What the watchdog is and does; always 1.", kGauge};

// Labels of the info sample that may change while the watchdog is there.
constexpr std::string_view kStates[] = {"state", "status", "pretimeout_governor"};

class WatchdogCollector : public Collector {
 public:
  explicit WatchdogCollector(const Setup& setup) : watchdogs_(setup.roots.sys + "/class/watchdog") {}
  std::string_view name() const override { return "watchdog"; }

  Result<void> collect(MetricWriter& writer) override {
    const auto devices = watchdogs_.devices();
    if (!devices) return unexpected(devices.error());
    if (roster_.changed(*devices)) identify(*devices);
    std::vector<LabelRef> labels;
    for (const Device* device : *devices) labels.push_back(writer.labels(LabelSet{{"name", device->name()}}));
    Numbers numbers(watchdogs_.path());
    numbers.write(writer, *devices, labels, kFiles);
    writer.family(kInfo);
    for (size_t i = 0; i < devices->size(); ++i) writer.sample(writer.labels(info_labels(*(*devices)[i], i)), 1);
    return numbers.result();
  }

 private:
  void identify(const std::vector<Device*>& devices) {
    identities_.clear();
    for (Device* device : devices)
      identities_.push_back(LabelSet{{"name", device->name()},
                                     {"options", label_text(*device, "options").value_or("")},
                                     {"identity", label_text(*device, "identity").value_or("")}});
  }

  LabelSet info_labels(Device& device, size_t index) const {
    LabelSet labels = identities_[index];
    for (std::string_view state : kStates) labels.add(state, label_text(device, state).value_or(""));
    return labels;
  }

  DeviceDir watchdogs_;
  Roster roster_;
  std::vector<LabelSet> identities_;  // what does not change, of each device
};

}  // namespace

const Entry kWatchdogCollector = {"watchdog", "Watchdog devices: sys class/watchdog", Default::kOn,
                                  make<WatchdogCollector>};

}  // namespace plimsoll::collectors::host
