// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class XfsCollector : public Collector {
 public:
  explicit XfsCollector(const Setup&) {}
  std::string_view name() const override { return "xfs"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kXfsCollector = {"xfs", "XFS file systems: sys fs/xfs", Default::kOn, make<XfsCollector>};

}  // namespace plimsoll::collectors::host
