// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class FibrechannelCollector : public Collector {
 public:
  explicit FibrechannelCollector(const Setup&) {}
  std::string_view name() const override { return "fibrechannel"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kFibrechannelCollector = {"fibrechannel", "Fibre Channel ports: sys class/fc_host", Default::kOn,
                                      make<FibrechannelCollector>};

}  // namespace plimsoll::collectors::host
