// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class EthtoolCollector : public Collector {
 public:
  explicit EthtoolCollector(const Setup&) {}
  std::string_view name() const override { return "ethtool"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kEthtoolCollector = {"ethtool", "Counters of network drivers: ethtool ioctl", Default::kOff,
                                 make<EthtoolCollector>};

}  // namespace plimsoll::collectors::host
