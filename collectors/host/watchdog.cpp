// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class WatchdogCollector : public Collector {
 public:
  explicit WatchdogCollector(const Setup&) {}
  std::string_view name() const override { return "watchdog"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kWatchdogCollector = {"watchdog", "Watchdog devices: sys class/watchdog", Default::kOn,
                                  make<WatchdogCollector>};

}  // namespace plimsoll::collectors::host
