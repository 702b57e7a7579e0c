// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class InfinibandCollector : public Collector {
 public:
  explicit InfinibandCollector(const Setup&) {}
  std::string_view name() const override { return "infiniband"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kInfinibandCollector = {"infiniband", "InfiniBand ports: sys class/infiniband", Default::kOn,
                                    make<InfinibandCollector>};

}  // namespace plimsoll::collectors::host
