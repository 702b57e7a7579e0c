// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SoftnetCollector : public Collector {
 public:
  explicit SoftnetCollector(const Setup&) {}
  std::string_view name() const override { return "softnet"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSoftnetCollector = {"softnet", "Packet processing by CPU: proc net/softnet_stat", Default::kOn,
                                 make<SoftnetCollector>};

}  // namespace plimsoll::collectors::host
