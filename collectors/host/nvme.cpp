// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class NvmeCollector : public Collector {
 public:
  explicit NvmeCollector(const Setup&) {}
  std::string_view name() const override { return "nvme"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kNvmeCollector = {"nvme", "NVMe controllers and namespaces: sys class/nvme", Default::kOn,
                              make<NvmeCollector>};

}  // namespace plimsoll::collectors::host
