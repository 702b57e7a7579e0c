// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class DmiCollector : public Collector {
 public:
  explicit DmiCollector(const Setup&) {}
  std::string_view name() const override { return "dmi"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kDmiCollector = {"dmi", "What the firmware says about the machine: sys class/dmi", Default::kOn,
                             make<DmiCollector>};

}  // namespace plimsoll::collectors::host
