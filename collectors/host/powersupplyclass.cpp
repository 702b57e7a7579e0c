// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class PowersupplyclassCollector : public Collector {
 public:
  explicit PowersupplyclassCollector(const Setup&) {}
  std::string_view name() const override { return "powersupplyclass"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kPowersupplyclassCollector = {"powersupplyclass", "Batteries and power supplies: sys class/power_supply",
                                          Default::kOn, make<PowersupplyclassCollector>};

}  // namespace plimsoll::collectors::host
