// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class LnstatCollector : public Collector {
 public:
  explicit LnstatCollector(const Setup&) {}
  std::string_view name() const override { return "lnstat"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kLnstatCollector = {"lnstat",
                                "Route cache, neighbour and connection tracking counters by CPU: proc net/stat",
                                Default::kOff, make<LnstatCollector>};

}  // namespace plimsoll::collectors::host
