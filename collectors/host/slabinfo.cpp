// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class SlabinfoCollector : public Collector {
 public:
  explicit SlabinfoCollector(const Setup&) {}
  std::string_view name() const override { return "slabinfo"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kSlabinfoCollector = {"slabinfo", "Kernel object caches: proc slabinfo", Default::kOff,
                                  make<SlabinfoCollector>};

}  // namespace plimsoll::collectors::host
