// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class HwmonCollector : public Collector {
 public:
  explicit HwmonCollector(const Setup&) {}
  std::string_view name() const override { return "hwmon"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kHwmonCollector = {"hwmon", "Temperatures, fans, voltages: sys class/hwmon", Default::kOn,
                               make<HwmonCollector>};

}  // namespace plimsoll::collectors::host
