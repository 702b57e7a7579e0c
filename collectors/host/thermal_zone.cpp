// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class ThermalZoneCollector : public Collector {
 public:
  explicit ThermalZoneCollector(const Setup&) {}
  std::string_view name() const override { return "thermal_zone"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kThermalZoneCollector = {"thermal_zone", "Thermal zones and cooling devices: sys class/thermal",
                                     Default::kOn, make<ThermalZoneCollector>};

}  // namespace plimsoll::collectors::host
