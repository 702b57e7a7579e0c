// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class XfrmCollector : public Collector {
 public:
  explicit XfrmCollector(const Setup&) {}
  std::string_view name() const override { return "xfrm"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kXfrmCollector = {"xfrm", "IPsec errors: proc net/xfrm_stat", Default::kOff, make<XfrmCollector>};

}  // namespace plimsoll::collectors::host
