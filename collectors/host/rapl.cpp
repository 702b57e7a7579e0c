// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class RaplCollector : public Collector {
 public:
  explicit RaplCollector(const Setup&) {}
  std::string_view name() const override { return "rapl"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kRaplCollector = {"rapl", "Energy used by CPU packages: sys class/powercap", Default::kOn,
                              make<RaplCollector>};

}  // namespace plimsoll::collectors::host
