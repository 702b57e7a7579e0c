// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class BondingCollector : public Collector {
 public:
  explicit BondingCollector(const Setup&) {}
  std::string_view name() const override { return "bonding"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kBondingCollector = {"bonding", "Bonded interfaces and how many of them are up: sys class/net",
                                 Default::kOn, make<BondingCollector>};

}  // namespace plimsoll::collectors::host
