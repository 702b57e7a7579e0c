// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class BcachefsCollector : public Collector {
 public:
  explicit BcachefsCollector(const Setup&) {}
  std::string_view name() const override { return "bcachefs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kBcachefsCollector = {"bcachefs", "bcachefs file systems: sys fs/bcachefs", Default::kOn,
                                  make<BcachefsCollector>};

}  // namespace plimsoll::collectors::host
