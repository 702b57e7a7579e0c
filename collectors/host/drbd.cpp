// SPDX-License-Identifier: Apache-2.0
#include "collectors/host/table.h"

namespace plimsoll::collectors::host {
namespace {

class DrbdCollector : public Collector {
 public:
  explicit DrbdCollector(const Setup&) {}
  std::string_view name() const override { return "drbd"; }
  Result<void> collect(MetricWriter&) override { return not_present("not written yet"); }
};

}  // namespace

const Entry kDrbdCollector = {"drbd", "DRBD devices: proc drbd", Default::kOff, make<DrbdCollector>};

}  // namespace plimsoll::collectors::host
